"""Versions of a rollup that is not stored: which ticks moved its cells, and what that made. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from chiso_indicators.core.causes import cause_of, union
from chiso_indicators.core.row import Row
from chiso_indicators.core.version import says_the_same

_FINAL_PHASES: Final = ("closed", "reopened")


class Mover(NamedTuple):
    """A revision that may have moved a row, and the tick that took it in.

    `is_first`: nothing of its cell counted before; not `effective`: it lost, and was accepted earlier.
    """

    op: str
    accepted_at: datetime
    tick: int
    stamp: datetime
    effective: bool
    is_first: bool
    close_at: datetime

    def cause(self, first_started_at: datetime) -> str:
        """Why the row moved."""
        if not self.effective:
            return "report"
        return cause_of(self.op, self.is_first, self.accepted_at, self.close_at, first_started_at)


class Moment(NamedTuple):
    """A tick at which a row may have become another one, and why."""

    tick: int
    stamp: datetime
    causes: list[str]


def moments(own: Iterable[Mover], nearby: Iterable[Mover], first_started_at: datetime) -> list[Moment]:
    """The ticks that moved a row, in their order; `nearby` moves what it derives from the period before.

    That alone never makes a row exist.
    """
    found: dict[tuple[int, datetime], set[str]] = {}
    for mover in own:
        found.setdefault((mover.tick, mover.stamp), set()).add(mover.cause(first_started_at))
    begins = min(found, default=None)
    for mover in nearby:
        if begins is not None and mover.tick > begins[0]:
            found.setdefault((mover.tick, mover.stamp), set()).add(mover.cause(first_started_at))
    return [Moment(*place, causes=union(found[place])) for place in sorted(found)]


def versions(drafts: Sequence[tuple[Moment, Row]]) -> list[Row]:
    """The versions out of the rows of every moment, oldest first; a row that says the same is none.

    A phase makes no version here: it is read by the clock, and each version has the one it began in.
    """
    made: list[Row] = []
    for moment, draft in drafts:
        if made and says_the_same(made[-1], msgspec.structs.replace(draft, phase=made[-1].phase)):
            continue
        row = msgspec.structs.replace(
            draft, version=len(made) + 1, causes=moment.causes, updated_at=moment.stamp, tick=moment.tick
        )
        made.append(msgspec.structs.replace(row, vintage=_vintage([*made, row], row.phase)))
    return made


def in_phase(made: Sequence[Row], phase: str) -> Row:
    """The newest of the versions (at least one), read while its period was in a phase."""
    return msgspec.structs.replace(made[-1], phase=phase, vintage=_vintage(made, phase))


def _vintage(made: Sequence[Row], phase: str) -> int:
    """0 until the close, 1 for what stood at the close or was loaded later, one more for each restatement."""
    if phase not in _FINAL_PHASES:
        return 0
    restated = sum(row.phase in _FINAL_PHASES and row.causes != ["backfill"] for row in made)
    return max(1, restated + (len(made) > restated))
