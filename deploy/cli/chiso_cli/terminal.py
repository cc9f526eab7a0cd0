"""Where output goes: tables for people, JSON for programs, and what is neither to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final, NoReturn

from chiso_shared.contracts.codec import encode_json
from rich.console import Console

from chiso_cli.exits import PipeClosed
from chiso_cli.render import Column, Item, table
from chiso_cli.wording import Language

_WIDTH_OF_A_PIPE: Final = 250


class _Output(Console):
    """A console whose reader may go away."""

    def on_broken_pipe(self) -> NoReturn:
        """Rich would exit with 1 here."""
        self.quiet = True
        raise PipeClosed


def people() -> Console:
    """Standard output for people. In a file or a pipe lines are long rather than wrapped."""
    return _Output(highlight=False, width=_width(sys.stdout.isatty()), emoji=False, soft_wrap=False)


def print_table(columns: Sequence[Column], items: Iterable[Item], language: Language) -> None:
    """A table on standard output, as wide as it allows."""
    console = people()
    console.print(table(columns, items, language, console.width))


def notes() -> Console:
    """Standard error: progress, remarks and problems that are no part of the answer."""
    return _Output(stderr=True, highlight=False, width=_width(sys.stderr.isatty()), emoji=False)


def print_json(document: Any) -> None:
    """One JSON document on a line of its own; numbers keep their exact text."""
    sys.stdout.write(encode_json(document).decode() + "\n")


def print_json_now(document: Any) -> None:
    """As `print_json`, and at once: for readers that wait for the next line."""
    print_json(document)
    sys.stdout.flush()


def print_json_lines(documents: Iterable[Any]) -> int:
    """One JSON document a line; how many there were."""
    count = 0
    for document in documents:
        print_json(document)
        count += 1
    return count


def silence_standard_output() -> None:
    """Nothing more can be written: the interpreter's last flush must not complain about it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _width(terminal: bool) -> int | None:
    return None if terminal or os.environ.get("COLUMNS") else _WIDTH_OF_A_PIPE
