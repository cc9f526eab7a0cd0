"""What is left of processes."""

from __future__ import annotations

from collections.abc import Iterable

import psutil


def living(pids: Iterable[int]) -> list[int]:
    """Those that are there and still run; one may end at any moment while this looks."""
    return [pid for pid in pids if _lives(pid)]


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
