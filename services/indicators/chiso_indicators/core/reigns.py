"""Which catalogue was in force from which tick on, and which rows it moved (semantics §5). Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from chiso_indicators.core.hierarchy import Scope
from chiso_indicators.core.keys import Key
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.unit_rows import UnitRows

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
_OPEN: Final = Scope("reference")


class Reign(NamedTuple):
    """A catalogue, in force from a tick on that looked again at the rows of a scope (None: all open ones)."""

    rows: UnitRows
    tick: int = 0
    stamp: datetime = _BEGINNING
    scope: Scope | None = None


class Look(NamedTuple):
    """A tick that looked again at a row, and why."""

    tick: int
    stamp: datetime
    cause: str


class Timeline:
    """The marks from instants on; before the first of them as at the first start."""

    def __init__(self, first_started_at: datetime, moved: Sequence[tuple[datetime, Marks]] = ()) -> None:
        self._stamps = [stamp for stamp, _ in moved]
        self._marks = [
            Marks(first_started_at, first_started_at, first_started_at),
            *(marks for _, marks in moved),
        ]

    def at(self, stamp: datetime) -> Marks:
        """The marks at an instant."""
        return self._marks[bisect_right(self._stamps, stamp)]


class Reigns:
    """All catalogues up to an instant, oldest first; at least one."""

    def __init__(self, reigns: Sequence[Reign]) -> None:
        self._reigns = sorted(reigns, key=lambda one: one.tick)
        self._ticks = [one.tick for one in self._reigns]

    @property
    def newest(self) -> UnitRows:
        """The last one in force."""
        return self._reigns[-1].rows

    def at(self, tick: int) -> UnitRows:
        """The one in force at a tick."""
        return self._reigns[max(0, bisect_right(self._ticks, tick) - 1)].rows

    def looks(self, key: Key, timeline: Timeline) -> Iterator[Look]:
        """The ticks that looked again at a row: those of closed periods stay unless somebody asked."""
        for reign in self._reigns[1:]:
            scope, assembler = reign.scope or _OPEN, reign.rows.assembler
            if not assembler.known(key) or not scope.covers(key, assembler.period(key).end):
                continue
            if scope.closed or assembler.phase(key, timeline.at(reign.stamp)) != "closed":
                yield Look(reign.tick, reign.stamp, scope.cause)
