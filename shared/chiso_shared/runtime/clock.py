"""The only place where a service reads the wall clock; `core` is told the time, it never asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Clock:
    """The wall clock shifted by `offset_seconds` (may be negative), for tests and drills."""

    offset_seconds: float = 0.0

    def now(self) -> datetime:
        """The present instant, aware, in UTC, with microseconds."""
        return datetime.now(UTC) + timedelta(seconds=self.offset_seconds)
