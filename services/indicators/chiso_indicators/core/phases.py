"""How far the clock's own events have been rolled, and the phase that follows (semantics §2). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chiso_shared.catalogue.periods import Period


@dataclass(frozen=True, slots=True)
class Marks:
    """Instants up to which ends, due instants and closes have been rolled. They only grow.

    A row's phase follows these marks, not the clock: a period is closed when its closing tick has been.
    """

    ended_through: datetime
    due_through: datetime
    closed_through: datetime

    def phase(self, period: Period) -> Literal["open", "collecting", "closed"]:
        """The phase of the rows of a period."""
        if period.close_at <= self.closed_through:
            return "closed"
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
