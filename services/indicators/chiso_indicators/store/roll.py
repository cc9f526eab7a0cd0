"""One tick as one transaction: who holds the tick row rolls what is dirty, and what the clock moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.changes import read_changes
from chiso_indicators.core.keys import Key
from chiso_indicators.core.phases import Clockwork, Marks
from chiso_indicators.core.tick import DUE, Touched, touch, touched_by
from chiso_indicators.store.compute import row_of
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


def clockwork_of(record: Values) -> Clockwork:
    """The tick row as a value."""
    marks = Marks(record["ended_through"], record["due_through"], record["closed_through"])
    return Clockwork(record["tick"], record["stamp"], marks)


class RollStore:
    """Runs ticks. Every method that writes takes the tick lock first, and waits for it."""

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
        """Takes what is dirty, and the obliged rows that exist from `due_at` on, and writes what changed."""
        async with self._pool.acquire() as session, session.transaction():
            clockwork = await _lock(session)
            stamp = max(now, clockwork.stamp + _MICROSECOND)
            marks, touched = clockwork.marks, dict[Key, Touched]()
            if due_at is not None and due_at > marks.due_through:
                marks = replace(marks, due_through=due_at)
                await self._touch_due(session, due_at, touched)
            taken = await self._take_dirty(session, clockwork.tick + 1, touched)
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
            clockwork = await _lock(session)
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

    async def _take_dirty(self, session: Session, tick: int, into: dict[Key, Touched]) -> bool:
        records = await session.fetch(queries().take_dirty, _CELLS_A_TICK, tick)
        for record in records:
            if record["kind"] == "reference":
                touch(await self._unclosed(session), "reference", into)
            else:
                touched_by(read_changes(record["changes"]), self._assembler.planner, into)
        return bool(records)

    async def _unclosed(self, session: Session) -> list[Key]:
        return [key_of(record) for record in await session.fetch(queries().unclosed_keys)]

    async def _touch_due(self, session: Session, due_at: datetime, into: dict[Key, Touched]) -> None:
        for record in await session.fetch(queries().periods_due, due_at):
            period = self._assembler.planner.period(record["calendar"], record["code"])
            if period is not None:
                touch(self._assembler.obliged_keys(period), DUE, into)


async def _lock(session: Session) -> Clockwork:
    record = await session.fetchrow(queries().lock_tick)
    if record is None:
        raise RuntimeError("the tick row is missing")
    return clockwork_of(record)
