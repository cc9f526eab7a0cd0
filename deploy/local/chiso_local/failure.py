"""The one way a start is refused: a sentence for the person at the terminal. Must not carry tracebacks."""

from __future__ import annotations


class StartFailure(Exception):
    """A start that cannot go on; its text is one sentence that says what is wrong and what to do."""
