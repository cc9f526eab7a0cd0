"""One tick as one transaction: who holds the tick row rolls what is dirty, and what the clock moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.changes import read_changes
from chiso_indicators.core.hierarchy import Scope, read_scope
from chiso_indicators.core.keys import Key
from chiso_indicators.core.late import Reopening, read_reopenings
from chiso_indicators.core.phases import Clockwork, Marks
from chiso_indicators.core.row import Row
from chiso_indicators.core.tick import DUE, Touched, mark_rebuilt, touch, touched_by
from chiso_indicators.store.compute import row_of
from chiso_indicators.store.reference import hold_catalogue
from chiso_indicators.store.sql import Session, Values, key_of, queries
from chiso_indicators.store.writing import Rolled, TickWriter

# A tick takes dirty rows until they hold this many cells; what is left waits for the next one.
_CELLS_A_TICK: Final = 40_000
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Peek:
    """What waits for a tick, seen without the lock."""

    clockwork: Clockwork
    has_dirty: bool
    next_end: datetime | None
    next_due: datetime | None
    next_close: datetime | None

    @property
    def next_reclose(self) -> datetime | None:
        """When the first of the reopened periods closes again, as far as anybody said."""
        return min((one.closes_at for one in self.clockwork.marks.reopened if one.closes_at), default=None)


def clockwork_of(record: Values) -> Clockwork:
    """The tick row as a value."""
    marks = Marks(
        record["ended_through"],
        record["due_through"],
        record["closed_through"],
        read_reopenings(record["reopened"]),
    )
    return Clockwork(record["tick"], record["stamp"], marks)


class RollStore:
    """Runs ticks. Every method that writes takes the tick lock first, and waits for it.

    Each raises AnotherCatalogue when the assembler's catalogue is not the one in force.
    """

    def __init__(self, pool: Pool, assembler: Assembler) -> None:
        self._pool = pool
        self._assembler = assembler

    async def peek(self) -> Peek:
        """Whether there is something to do."""
        record = await self._pool.fetchrow(queries().peek)
        if record is None:
            raise RuntimeError("the tick row is missing")
        return Peek(
            clockwork_of(record),
            record["has_dirty"],
            record["next_end"],
            record["next_due"],
            record["next_close"],
        )

    async def roll(self, now: datetime, due_at: datetime | None) -> Rolled:
        """Takes what is dirty, and the obliged rows that exist from `due_at` on, and writes what changed.

        All of it sees one snapshot, that of the dirty rows: a version holds what its causes and changed cells
        tell, and nothing that was applied a moment later. That is still dirty, for the next tick.
        """
        async with self._pool.acquire() as session, session.transaction(isolation="repeatable_read"):
            await session.execute(queries().keep_ticks_out)
            clockwork = await self._locked(session)
            stamp = max(now, clockwork.stamp + _MICROSECOND)
            marks, touched = clockwork.marks, dict[Key, Touched]()
            if due_at is not None and due_at > marks.due_through:
                marks = replace(marks, due_through=due_at)
                await self._touch_due(session, due_at, touched)
            taken = await self._take_dirty(session, clockwork.tick + 1, stamp, marks, touched)
            if not touched and not taken and marks == clockwork.marks:
                return Rolled()
            writer = TickWriter(session, clockwork.tick + 1, stamp, self._assembler)
            await writer.recompute(touched, marks)
            return await writer.finish(marks)

    async def shift(
        self, now: datetime, at: datetime, kind: Literal["end", "close"], causes: frozenset[str]
    ) -> Rolled:
        """Gives rows of periods that end or close at an instant their next phase; nothing is recomputed."""
        async with self._pool.acquire() as session, session.transaction():
            clockwork = await self._locked(session)
            marks = clockwork.marks
            if at <= (marks.ended_through if kind == "end" else marks.closed_through):
                return Rolled()
            query = (
                queries().rollups_of_ended_periods if kind == "end" else queries().rollups_of_closing_periods
            )
            rows = [row_of(record) for record in await session.fetch(query, at)]
            marks = replace(marks, ended_through=at) if kind == "end" else replace(marks, closed_through=at)
            writer = TickWriter(
                session, clockwork.tick + 1, max(now, clockwork.stamp + _MICROSECOND), self._assembler
            )
            await writer.rephase(rows, marks, causes)
            return await writer.finish(marks)

    async def close_again(self, now: datetime, at: datetime) -> Rolled:
        """Closes what was opened again until then, with the next vintage; nothing is recomputed."""
        async with self._pool.acquire() as session, session.transaction():
            clockwork = await self._locked(session)
            ended = [one for one in clockwork.marks.reopened if one.closes_at and one.closes_at <= at]
            if not ended:
                return Rolled()
            left = tuple(one for one in clockwork.marks.reopened if one not in ended)
            writer = TickWriter(session, clockwork.tick + 1, clockwork.next_stamp(now), self._assembler)
            await session.execute(queries().end_reopenings, clockwork.tick + 1, at)
            rows = await rows_in_phase(session, ended, "reopened")
            marks = replace(clockwork.marks, reopened=left)
            await writer.rephase(rows, marks, frozenset({"close"}))
            return await writer.finish(marks)

    async def _locked(self, session: Session) -> Clockwork:
        """The tick row, locked. Raises AnotherCatalogue."""
        clockwork = await lock_tick(session)
        await hold_catalogue(session, self._assembler.planner.catalogue.version)
        return clockwork

    async def is_behind(self, now: datetime) -> bool:
        """Whether a tick has still to roll what is dirty, or what the clock asked for up to `now`."""
        peek = await self.peek()
        instants = (peek.next_end, peek.next_due, peek.next_close, peek.next_reclose)
        return peek.has_dirty or any(at is not None and at <= now for at in instants)

    async def applied_through(self, ends: Mapping[int, int]) -> int | None:
        """The id of the newest dirty row once every record below the log's ends is applied; None before."""
        records = await self._pool.fetch(queries().applied_up_to, SUBMISSIONS.name)
        reached = {record["partition"]: record["next_offset"] for record in records}
        if any(reached.get(partition, 0) < end for partition, end in ends.items()):
            return None
        return max((record["newest_dirty"] for record in records), default=0)

    async def rolled_through(self, dirty_id: int) -> bool:
        """Whether no dirty row up to that id is left."""
        return not await self._pool.fetchval(queries().dirty_up_to, dirty_id)

    async def _take_dirty(
        self, session: Session, tick: int, stamp: datetime, marks: Marks, into: dict[Key, Touched]
    ) -> bool:
        records = await session.fetch(queries().take_dirty, _CELLS_A_TICK, tick, stamp)
        for record in records:
            if record["kind"] == "reference":
                await self._touch_reference(session, record["scope"], marks, into)
            else:
                changes = read_changes(record["changes"])
                touched_by(changes, self._assembler.planner, into)
                if record["kind"] == "rebuild":
                    mark_rebuilt(changes, self._assembler.planner, into)
        return bool(records)

    async def _touch_reference(
        self, session: Session, text: str | None, marks: Marks, into: dict[Key, Touched]
    ) -> None:
        """Rows that a new catalogue, a move of units or an operator asks to look at again."""
        scope = read_scope(text) if text is not None else Scope("reference")
        wanted = (scope.units, scope.calendar, scope.periods, scope.since, scope.closed)
        found = await session.fetch(queries().keys_in_scope, *wanted)
        touch([key_of(record) for record in found], scope.cause, into)
        if text is None:  # a new obligation makes rows exist that nobody has reported to
            through = marks.due_through, marks.closed_through
            self._touch_obliged(await session.fetch(queries().periods_owing, *through), "reference", into)

    async def _touch_due(self, session: Session, due_at: datetime, into: dict[Key, Touched]) -> None:
        self._touch_obliged(await session.fetch(queries().periods_due, due_at), DUE, into)

    def _touch_obliged(self, records: Iterable[Values], cause: str, into: dict[Key, Touched]) -> None:
        for record in records:
            period = self._assembler.planner.period(record["calendar"], record["code"])
            if period is not None:
                touch(self._assembler.obliged_keys(period), cause, into)


async def rows_in_phase(session: Session, reopenings: Sequence[Reopening], phase: str) -> list[Row]:
    """The stored rows of the periods that reopenings reach, as far as they are in a phase."""
    calendars = sorted({one.calendar for one in reopenings})
    periods = sorted({code for one in reopenings for code in one.periods})
    return [
        row_of(record)
        for record in await session.fetch(queries().rollups_in_phase, calendars, periods, phase)
    ]


async def lock_tick(session: Session) -> Clockwork:
    """Waits for the tick under way; whoever holds the row rolls."""
    record = await session.fetchrow(queries().lock_tick)
    if record is None:
        raise RuntimeError("the tick row is missing")
    return clockwork_of(record)
