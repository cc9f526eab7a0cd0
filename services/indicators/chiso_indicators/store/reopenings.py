"""Opens closed periods again and says when they close: decisions that are ticks. The key has been checked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from chiso_shared.catalogue.periods import Period
from chiso_shared.contracts.events import content_id
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.hierarchy import Scope
from chiso_indicators.core.keys import Key
from chiso_indicators.core.late import Reopening
from chiso_indicators.core.phases import Clockwork, Marks
from chiso_indicators.core.plan import Planner
from chiso_indicators.store.decisions import Author, Refused, note, operation
from chiso_indicators.store.hierarchy import ask_again
from chiso_indicators.store.reference import hold_catalogue
from chiso_indicators.store.roll import lock_tick, rows_in_phase
from chiso_indicators.store.sql import Session, Values, queries
from chiso_indicators.store.writing import TickWriter


class Reopenings:
    """Each decision takes the tick lock and keeps Apply waiting: a report is judged with it or before it."""

    def __init__(self, pool: Pool, assembler: Assembler, clock: Clock) -> None:
        self._pool = pool
        self._assembler = assembler
        self._clock = clock

    async def of_period(self, calendar: str, period: str) -> list[Values]:
        """All reopenings of a period, the newest first."""
        return list(await self._pool.fetch(queries().list_reopenings, calendar, period))

    async def reopen(
        self, unit: str, period: Period, closes_at: datetime | None, author: Author
    ) -> Reopening:
        """Opens a unit's closed period, and all that is made of it, until `closes_at` (None: until told).

        Raises Refused for a period that is not closed, is open again already, or an end that has passed.
        """
        async with self._pool.acquire() as session, session.transaction():
            clockwork, stamp = await self._locked(session)
            one = self._reopening(unit, period, stamp, closes_at)
            if closes_at is not None and closes_at <= stamp:
                raise Refused("past", "it would close again before it opens")
            if any(known.subject == one.subject for known in clockwork.marks.reopened):
                raise Refused("already_reopened", "this period of this unit is open again already")
            if clockwork.marks.phase(period) != "closed":
                raise Refused("not_closed", "only a closed period can be opened again")
            await session.execute(
                queries().add_reopening,
                one.unit,
                one.calendar,
                one.period,
                list(one.lineage),
                list(one.periods),
                stamp,
                closes_at,
                clockwork.tick + 1,
            )
            await note(session, [_decided(one, author, stamp)])
            marks = replace(clockwork.marks, reopened=(*clockwork.marks.reopened, one))
            writer = TickWriter(session, clockwork.tick + 1, stamp, self._assembler)
            rows = await rows_in_phase(session, [one], "closed")
            await writer.rephase(rows, marks, frozenset({"correct"}))
            await writer.finish(marks)
        return one

    async def close(self, unit: str, period: Period, author: Author) -> Reopening:
        """Lets a reopened period close as of now; the tick follows once all that was accepted is applied.

        Raises Refused where it is not open.
        """
        async with self._pool.acquire() as session, session.transaction():
            clockwork, stamp = await self._locked(session)
            wanted = self._reopening(unit, period, stamp, None).subject
            found = next((one for one in clockwork.marks.reopened if one.subject == wanted), None)
            if found is None or (found.closes_at is not None and found.closes_at <= stamp):
                raise Refused("not_reopened", "this period of this unit is not open")
            one = msgspec.structs.replace(found, closes_at=stamp)
            place = (one.unit, one.calendar, one.period)
            await session.execute(queries().set_reopening_end, *place, stamp)
            await note(session, [_decided(one, author, stamp)])
            writer = TickWriter(session, clockwork.tick + 1, stamp, self._assembler)
            await writer.finish(_with(clockwork.marks, one))
        return one

    async def apply_catalogue(self, unit: str, period: Period, author: Author) -> None:
        """Lets the catalogue in force count for a period, closed or not, of a unit and what is made of it."""
        planner = self._assembler.planner
        scope, one = (
            scope_of_recomputation(planner, unit, period),
            self._reopening(unit, period, self._clock.now(), None),
        )
        version, at = planner.catalogue.version, self._clock.now()
        details = {"unit": unit, "calendar": one.calendar, "period": one.period, "catalogue_version": version}
        operation_id = content_id("catalogue_applied", one.subject, version, at)
        async with self._pool.acquire() as session, session.transaction():
            await session.execute(queries().announce_operation)
            await hold_catalogue(session, version)
            await ask_again(session, scope)
            told = operation("catalogue_applied", one.subject, author, at, details, operation_id)
            await note(session, [told])

    async def _locked(self, session: Session) -> tuple[Clockwork, datetime]:
        await session.execute(queries().announce_operation)  # first, as everyone who decides: no deadlocks
        clockwork = await lock_tick(session)
        await hold_catalogue(session, self._assembler.planner.catalogue.version)
        await session.execute(queries().pause_apply)
        return clockwork, clockwork.next_stamp(self._clock.now())

    def _reopening(
        self, unit: str, period: Period, reopened_at: datetime, closes_at: datetime | None
    ) -> Reopening:
        return reopening_of(self._assembler.planner, unit, period, reopened_at, closes_at)


def reopening_of(
    planner: Planner, unit: str, period: Period, reopened_at: datetime, closes_at: datetime | None
) -> Reopening:
    """A unit's period opened again, with all that is made of it."""
    lineage = planner.lineage(Key(unit, "", period.calendar, period.code, ""))
    periods = (period.code, *period.coarser)
    return Reopening(unit, period.calendar, period.code, lineage, periods, reopened_at, closes_at)


def scope_of_recomputation(planner: Planner, unit: str, period: Period) -> Scope:
    """The rows for which the catalogue in force counts once a unit's period is computed again."""
    lineage = planner.lineage(Key(unit, "", period.calendar, period.code, ""))
    below = (child.code for child in planner.catalogue.units.children(unit, period.end))
    codes = None if len(lineage) == 1 else (*lineage, *below)
    return Scope("reference", codes, period.calendar, (period.code, *period.coarser), closed=True)


def _with(marks: Marks, one: Reopening) -> Marks:
    """Marks in which the reopening of the same subject is this one."""
    others = (known for known in marks.reopened if known.subject != one.subject)
    return replace(marks, reopened=(*others, one))


def _decided(one: Reopening, author: Author, at: datetime) -> dict[str, Any]:
    """The operation: full state, so that the newest one of a subject says how it stands."""
    details: dict[str, Any] = {
        "unit": one.unit,
        "calendar": one.calendar,
        "period": one.period,
        "reopened_at": one.reopened_at,
        "closes_at": one.closes_at,
    }
    return operation("reopened", one.subject, author, at, details, content_id("reopened", one.subject, at))
