"""Follows the sequence of each alert: what is new, what came again, what is missing. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a sequence number says: `gap` names the first number that is missing before it."""

    kind: Literal["new", "again", "gap"]
    expected: int | None = None


class Sequences:
    """The last sequence seen of each alert.

    A subscriber who starts in the middle cannot miss what came before: an alert's first event is never a gap,
    unless `from_beginning` and the number is not 1.
    """

    def __init__(self, from_beginning: bool) -> None:
        self._last: dict[str, int] = {}
        self._from_beginning = from_beginning

    def arrive(self, alert_id: str, sequence: int) -> Arrival:
        """Takes one event in."""
        last = self._last.get(alert_id, 0 if self._from_beginning else sequence - 1)
        if sequence <= last:
            return Arrival("again", last + 1)
        self._last[alert_id] = sequence
        return Arrival("new") if sequence == last + 1 else Arrival("gap", last + 1)
