"""When bad records are too many to be the senders' fault (delivery, Traps). A tiny state machine; pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

WINDOW: Final = 1_000
MOST_IN_WINDOW: Final = WINDOW // 100
MOST_IN_A_ROW: Final = 20


@dataclass(slots=True)
class Breaker:
    """One partition's last records. It trips at more than 1 % of the last 1,000, or 20 bad ones in a row."""

    _bad: deque[int] = field(default_factory=deque)
    _seen: int = 0
    _in_a_row: int = 0

    def note(self, bad: bool) -> str | None:
        """Notes one record; the reason to stop, or None."""
        self._seen += 1
        self._in_a_row = self._in_a_row + 1 if bad else 0
        if bad:
            self._bad.append(self._seen)
        while self._bad and self._bad[0] <= self._seen - WINDOW:
            self._bad.popleft()
        if self._in_a_row >= MOST_IN_A_ROW:
            return f"{self._in_a_row} bad records in a row"
        if len(self._bad) > MOST_IN_WINDOW:
            return f"{len(self._bad)} bad records among the last {min(self._seen, WINDOW)}"
        return None
