"""When bad records are too many to be the senders' fault (delivery, Traps). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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


class Breakers:
    """The breakers of a consumer's partitions. A value: what a failed batch would have made is let go."""

    def __init__(self, known: Mapping[int, Breaker] | None = None) -> None:
        self._known = dict(known or {})

    def after(self, records: Iterable[tuple[int, bool]]) -> Breakers:
        """The breakers once these have come, in order: each the partition, and whether the record is bad."""
        came: dict[int, list[bool]] = {}
        for partition, is_bad in records:
            came.setdefault(partition, []).append(is_bad)
        noted = {part: self._known.get(part, Breaker()).after(flags) for part, flags in came.items()}
        return Breakers(self._known | noted)

    def stopped(self, partitions: Collection[int]) -> dict[int, str]:
        """Which of these partitions have too many bad records, and the reason in words."""
        tripped = {part: self._known[part].tripped for part in partitions if part in self._known}
        return {part: f"partition {part} stopped: {why}" for part, why in tripped.items() if why is not None}


def _reason(in_a_row: int, bad: int, seen: int) -> str | None:
    if in_a_row >= MOST_IN_A_ROW:
        return f"{in_a_row} bad records in a row"
    return f"{bad} bad records among the last {min(seen, WINDOW)}" if bad > MOST_IN_WINDOW else None
