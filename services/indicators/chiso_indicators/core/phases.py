"""How far the clock's own events have been rolled, and the phase that follows (semantics §2). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chiso_shared.catalogue.periods import Period
from chiso_shared.contracts.fields import Phase

from chiso_indicators.core.late import Reopening


@dataclass(frozen=True, slots=True)
class Marks:
    """Instants up to which ends, due instants and closes have been rolled, and what people opened again.

    A row's phase follows these marks, not the clock: a period is closed when its closing tick has been.
    The instants only grow.
    """

    ended_through: datetime
    due_through: datetime
    closed_through: datetime
    reopened: tuple[Reopening, ...] = ()

    def phase(self, period: Period, units: Sequence[str] = ()) -> Phase:
        """The phase of the rows of a period; `units` is the row's unit and what stands above it."""
        if period.close_at <= self.closed_through:
            again = any(one.reopens(period.calendar, period.code, units) for one in self.reopened)
            return "reopened" if again else "closed"
        return "collecting" if period.end_at <= self.ended_through else "open"

    def is_due(self, period: Period) -> bool:
        """Whether the province's due instant has been rolled."""
        return period.due_at("province") <= self.due_through


@dataclass(frozen=True, slots=True)
class Clockwork:
    """The tick row: its number, its stamp, its marks."""

    tick: int
    stamp: datetime
    marks: Marks

    def next_stamp(self, now: datetime) -> datetime:
        """The stamp of the next tick: never backwards, whatever the clock says."""
        return max(now, self.stamp + timedelta(microseconds=1))
