"""Versions of a rollup that is not stored: which ticks moved its cells, and what that made. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from chiso_indicators.core.causes import cause_of, union
from chiso_indicators.core.reigns import Look
from chiso_indicators.core.row import Row
from chiso_indicators.core.version import restates, says_the_same

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


def moments(
    own: Iterable[Mover], nearby: Iterable[Mover], looks: Iterable[Look], first_started_at: datetime
) -> list[Moment]:
    """The ticks that moved a row, in their order; `nearby` moves what it derives from the period before.

    Neither that nor another look at it ever makes a row exist.
    """
    found: dict[tuple[int, datetime], set[str]] = {}
    for mover in own:
        found.setdefault((mover.tick, mover.stamp), set()).add(mover.cause(first_started_at))
    if not found:
        return []
    begins, _ = min(found)
    others = ((one.tick, one.stamp, one.cause(first_started_at)) for one in nearby)
    for tick, stamp, cause in (*others, *looks):
        if tick > begins:
            found.setdefault((tick, stamp), set()).add(cause)
    return [Moment(*place, causes=union(found[place])) for place in sorted(found)]


def versions(drafts: Iterable[tuple[Moment, Row]]) -> list[Row]:
    """The versions out of the rows of every moment, oldest first; a row that says the same is none.

    A phase makes no version here: it is read by the clock, and each version has the one it began in.
    """
    made: list[Row] = []
    restated = 0
    for moment, draft in drafts:
        last = made[-1] if made else None
        if last is not None and says_the_same(last, msgspec.structs.replace(draft, phase=last.phase)):
            continue
        restated += _is_restated(last, draft.phase, moment.causes)
        made.append(
            msgspec.structs.replace(
                draft,
                version=len(made) + 1,
                vintage=_vintage(restated, draft.phase),
                causes=moment.causes,
                updated_at=moment.stamp,
                tick=moment.tick,
            )
        )
    return made


def in_phase(made: Sequence[Row], phase: str) -> Row:
    """The newest of the versions (at least one), read while its period was in a phase."""
    before = (None, *made)
    restated = sum(_is_restated(last, row.phase, row.causes) for last, row in zip(before, made, strict=False))
    return msgspec.structs.replace(made[-1], phase=phase, vintage=_vintage(restated, phase))


def _is_restated(last: Row | None, phase: str, causes: Sequence[str]) -> bool:
    return phase in _FINAL_PHASES and restates(last, causes)


def _vintage(restated: int, phase: str) -> int:
    """0 until the close, 1 for what stood at the close or was loaded later, one more for each restatement."""
    return restated + 1 if phase in _FINAL_PHASES else 0
