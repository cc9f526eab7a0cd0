"""Reports after the close, and what a reopening lets in (semantics §2, §5). Pure; `accepted_at` decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

NATION: Final = "VN"
HELD: Final = "held"
REJECTED: Final = "rejected"
SHADOW: Final = "shadow"

Decision = Literal["approved", "refused"]


class Reopening(msgspec.Struct, frozen=True):
    """A unit's period that people opened again, from `reopened_at` until `closes_at` (None: nobody said yet).

    `lineage` is the unit and what stands above it, `periods` the period and the coarser ones around it: their
    rows are made of what may change, so they are reopened with it.
    """

    unit: str
    calendar: str
    period: str
    lineage: tuple[str, ...]
    periods: tuple[str, ...]
    reopened_at: datetime
    closes_at: datetime | None = None

    @property
    def subject(self) -> str:
        """What was decided on: `unit|calendar|period`."""
        return f"{self.unit}|{self.calendar}|{self.period}"

    def reopens(self, calendar: str, period: str, units: Sequence[str]) -> bool:
        """Whether it reopens rollups of a period for a unit; `units` is the unit and what stands above it."""
        if calendar != self.calendar or period not in self.periods or not units:
            return False
        return units[0] in self.lineage or self.unit in units

    def admits(self, calendar: str, period: str, units: Sequence[str], accepted_at: datetime) -> bool:
        """Whether a report for exactly this period of this unit, or one below it, came while it was open."""
        if (calendar, period) != (self.calendar, self.period) or self.unit not in units:
            return False
        return self.reopened_at <= accepted_at and (self.closes_at is None or accepted_at <= self.closes_at)


def is_subject_to_policy(
    policy: str, accepted_at: datetime, close_at: datetime, first_started_at: datetime
) -> bool:
    """Whether a report may be held or rejected: after the close, and no loading of the past."""
    return policy != "restate" and close_at > first_started_at and accepted_at > close_at


def late_outcome(policy: str, admitted: bool, decision: Decision | None) -> str | None:
    """`held` or `rejected`; None for a report that counts. To be asked of what is subject to policy only.

    `admitted`: a reopening covers it. A decision overrules `hold`; nobody is asked about `reject`.
    """
    if admitted or policy == "restate":
        return None
    if policy == "reject":
        return REJECTED
    if decision is None:
        return HELD
    return None if decision == "approved" else REJECTED


def admitted(
    reopenings: Iterable[Reopening], calendar: str, period: str, units: Sequence[str], accepted_at: datetime
) -> bool:
    """Whether any reopening lets the report in."""
    return any(one.admits(calendar, period, units, accepted_at) for one in reopenings)


_REOPENINGS: Final = msgspec.json.Decoder(tuple[Reopening, ...])


def write_reopenings(reopenings: Iterable[Reopening]) -> str:
    """Reopenings as text for the tick row."""
    return msgspec.json.encode(tuple(reopenings)).decode()


def read_reopenings(text: str) -> tuple[Reopening, ...]:
    """The reopenings of a tick row."""
    return _REOPENINGS.decode(text)
