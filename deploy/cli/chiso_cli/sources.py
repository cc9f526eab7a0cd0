"""The files that a command was given: found and measured before anything is sent, opened one at a time."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Final

from cyclopts import Parameter

from chiso_cli.environment import reason
from chiso_cli.exits import USAGE, CommandFailed

Files = Annotated[
    list[str],
    Parameter(
        allow_leading_hyphen=True,
        help="JSON, NDJSON or CSV, told by name or content; `-` is standard input.",
    ),
]

STANDARD_INPUT: Final = "-"
_IN_MEMORY_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """A file by the name that people gave it, its size in bytes, and how to open it."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


def sources(files: Iterable[str]) -> list[Source]:
    """All of them, or CommandFailed (usage) for the first that is not there.

    Standard input is read to its end here, so that a slow writer never holds up what is being sent.
    """
    return [_standard_input() if file == STANDARD_INPUT else _named(file) for file in files]


def _named(file: str) -> Source:
    path = Path(file)
    try:
        with path.open("rb"):
            return Source(file, path.stat().st_size, lambda: path.open("rb"))
    except OSError as error:
        if file.startswith("-"):
            raise CommandFailed(f"There is no option {file}, nor a file of that name.", USAGE) from None
        raise CommandFailed(f"{file} cannot be read: {reason(error)}.", USAGE) from error


def _standard_input() -> Source:
    spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 (closed by its reader)
    shutil.copyfileobj(sys.stdin.buffer, spool)
    size = spool.tell()
    spool.seek(0)
    return Source(STANDARD_INPUT, size, lambda: spool)
