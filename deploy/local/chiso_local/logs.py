"""Keeps the children's logs small and readable. Must not stand between a child and its log."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

TAIL_BYTES = 16 * 1024


def bound(logs: Iterable[Path], limit_bytes: int) -> None:
    """Move a log beyond the limit to `<name>.log.1`; the child goes on appending to the same file."""
    for log in logs:
        if log.exists() and log.stat().st_size > limit_bytes:
            shutil.copyfile(log, log.with_name(log.name + ".1"))
            os.truncate(log, 0)


def tail(log: Path, size_bytes: int = TAIL_BYTES) -> str:
    """The end of a log, empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - size_bytes))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
