"""Exit codes of the command, and the one exception that carries one with a sentence for people."""

from __future__ import annotations

from typing import Final

ALL_WELL: Final = 0
SOME_REFUSED: Final = 1
USAGE: Final = 2
AWAY: Final = 3
UNEXPECTED: Final = 70
INTERRUPTED: Final = 130


class CommandFailed(Exception):
    """Ends the command: `message` is printed as it is, `code` is the exit code."""

    def __init__(self, message: str, code: int = SOME_REFUSED) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class PipeClosed(Exception):
    """Whoever read the output has gone (`chiso rollups | head`): nothing is wrong."""
