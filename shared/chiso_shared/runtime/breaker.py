"""When bad records are too many to be the senders' fault (delivery, Traps). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

WINDOW: Final = 1_000
MOST_IN_WINDOW: Final = WINDOW // 100
MOST_IN_A_ROW: Final = 20


@dataclass(frozen=True, slots=True)
class Breaker:
    """One partition's last records. It trips at more than 1 % of the last 1,000, or 20 bad ones in a row.

    `tripped` is the reason, None while it has not. Each batch makes a new value, so one that is tried again
    is noted once.
    """

    tripped: str | None = None
    seen: int = 0
    in_a_row: int = 0
    bad: tuple[int, ...] = ()

    def after(self, batch: Iterable[bool]) -> Breaker:
        """The breaker once these records have come; True is a bad one. It never mends itself."""
        tripped, seen, in_a_row, bad = self.tripped, self.seen, self.in_a_row, self.bad
        for is_bad in batch:
            seen += 1
            in_a_row = in_a_row + 1 if is_bad else 0
            if is_bad:
                bad = (*(one for one in bad if one > seen - WINDOW), seen)
                tripped = tripped or _reason(in_a_row, len(bad), seen)
        return Breaker(tripped, seen, in_a_row, bad)


def _reason(in_a_row: int, bad: int, seen: int) -> str | None:
    if in_a_row >= MOST_IN_A_ROW:
        return f"{in_a_row} bad records in a row"
    return f"{bad} bad records among the last {min(seen, WINDOW)}" if bad > MOST_IN_WINDOW else None
