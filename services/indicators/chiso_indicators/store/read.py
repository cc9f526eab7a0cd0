"""What the endpoints read about rollups: stored rows, rows of communes made on the spot, history, changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.keys import Key
from chiso_indicators.core.moments import in_phase
from chiso_indicators.core.phases import Clockwork, Marks
from chiso_indicators.core.reigns import Reigns
from chiso_indicators.core.row import Row
from chiso_indicators.store.catalogues import Catalogues
from chiso_indicators.store.compute import row_of, stored_rows
from chiso_indicators.store.roll import clockwork_of
from chiso_indicators.store.sql import Session, key_of, numbered, queries
from chiso_indicators.store.versions import made_versions, timeline_between

NO_KEY: Final = (None, None, None, None, None)
# Less than the time-outs of clients and of statements: who waits gets an answer.
_READ_SECONDS: Final = 15.0
# Of the twelve sessions of the pool.
_READS_AT_ONCE: Final = 6


class NotFinalYet(Exception):
    """An instant that lies ahead: what will have been readable then is not known."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which keys a list is about; None is any. `after` continues behind a key."""

    units: list[str] | None = None
    levels: list[str] | None = None
    indicators: list[str] | None = None
    calendars: list[str] | None = None
    periods: list[str] | None = None
    bases: list[str] | None = None
    after: Key | None = None

    def parameters(self) -> tuple[Any, ...]:
        """In the order in which the lists' statements want them."""
        filters = (self.units, self.levels, self.indicators, self.calendars, self.periods, self.bases)
        return (*filters, *(self.after or NO_KEY))


class Reader:
    """Reads only, except for the mark that an `as_of` read may leave in the tick row.

    A read takes at most 15 seconds and ends in TimeoutError then; only a few run at once, so that ticks and
    batches always find a session.
    """

    def __init__(self, pool: Pool, assembler: Assembler, clock: Clock) -> None:
        self.pool = pool
        self.assembler = assembler
        self.clock = clock
        self._catalogues = Catalogues()
        self._turns = asyncio.Semaphore(_READS_AT_ONCE)
        self._marking = asyncio.Lock()

    async def clockwork(self) -> Clockwork:
        """The tick row."""
        async with self.pool.acquire() as session:
            return await _clockwork(session)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Session]:
        """A session for one answer, within its time."""
        async with (
            asyncio.timeout(_READ_SECONDS),
            self._turns,
            self.pool.acquire() as session,
            session.transaction(readonly=True),
        ):
            # A plan for filters of any kind would read whole tables.
            await session.execute("SET LOCAL plan_cache_mode = force_custom_plan")
            yield session

    async def assembler_at(self, at: datetime | None) -> Assembler:
        """The one of the catalogue that was in force at an instant; without one, the present one.

        Raises NotFinalYet.
        """
        if at is None:
            return self.assembler
        await self.settle(at)
        async with self.pool.acquire() as session:
            return (await self._reigns(session, at)).newest.assembler

    async def _reigns(self, session: Session, at: datetime) -> Reigns:
        return await self._catalogues.reigns(session, at, self.assembler)

    async def rollups(self, filters: Filters, limit: int) -> list[Row]:
        """Rollups by key: stored ones, and for other levels one per cell that a tick has taken in."""
        async with self._reading() as session:
            clockwork = await _clockwork(session)
            reigns = await self._reigns(session, clockwork.stamp)
            levels = _made_levels(reigns)
            found: list[Row] = []
            while True:
                records = await session.fetch(
                    queries().list_rollup_keys, *filters.parameters(), levels, limit
                )
                found += await _page(session, records, reigns, clockwork)
                if len(records) < limit or len(found) >= limit:
                    return found[:limit]
                filters = replace(filters, after=key_of(records[-1]))

    async def rollup(self, key: Key) -> Row | None:
        """One rollup, stored or made; None when no cell below it has a revision."""
        async with self._reading() as session:
            found = await session.fetch(queries().current_rollups, numbered([key]))
            if found:
                return row_of(found[0]) if self.assembler.known(key) else None
            clockwork = await _clockwork(session)
            reigns = await self._reigns(session, clockwork.stamp)
            if not _is_made(key, reigns):
                return None
            return (await _made(session, [key], reigns, clockwork.stamp, clockwork.marks)).get(key)

    async def rollups_as_of(self, filters: Filters, limit: int, at: datetime) -> list[Row]:
        """Rollups as they could be read at an instant; the answer never changes afterwards.

        Raises NotFinalYet for an instant that lies ahead.
        """
        await self.settle(at)
        async with self._reading() as session:
            reigns = await self._reigns(session, at)
            records = await session.fetch(queries().list_rollups_as_of, *filters.parameters(), at, limit)
            listed = await session.fetch(
                queries().list_cells_as_of, *filters.parameters(), _made_levels(reigns), at, limit
            )
            rows = {key_of(record): row_of(record) for record in records}
            chosen = sorted({*rows, *(key_of(record) for record in listed)})[:limit]
            missing = [key for key in chosen if key not in rows]
            marks = (await timeline_between(session, at, at, reigns)).at(at)
            rows |= await _made(session, missing, reigns, at, marks)
        return [rows[key] for key in chosen if key in rows]

    async def rollup_as_of(self, key: Key, at: datetime) -> Row | None:
        """One rollup as it could be read at an instant. Raises NotFinalYet."""
        exactly = Filters([key.unit], None, [key.indicator], [key.calendar], [key.period], [key.basis])
        found = await self.rollups_as_of(exactly, 1, at)
        if found:
            return found[0]
        async with self._reading() as session:  # made of finer cells only
            reigns = await self._reigns(session, at)
            if not _is_made(key, reigns):
                return None
            marks = (await timeline_between(session, at, at, reigns)).at(at)
            return (await _made(session, [key], reigns, at, marks)).get(key)

    async def settle(self, at: datetime) -> None:
        """Makes sure that no tick with a stamp up to `at` can follow. Raises NotFinalYet.

        Up to the newest stamp everything is final, even where the clock has stepped back behind it.
        """
        if at > max(self.clock.now(), (await self.clockwork()).stamp):
            raise NotFinalYet(f"{at.isoformat()} lies ahead")
        # However many ask, one session waits for the tick under way, and holds its lock for a moment only.
        async with asyncio.timeout(_READ_SECONDS), self._marking:
            if at > (await self.clockwork()).stamp:
                await self.pool.execute(queries().leave_mark, at)

    async def versions(self, key: Key) -> list[Row]:
        """Every version of a rollup, oldest first."""
        async with self._reading() as session:
            records = await session.fetch(queries().rollup_versions, *key)
            if records:
                return [row_of(record) for record in records]
            clockwork = await _clockwork(session)
            reigns = await self._reigns(session, clockwork.stamp)
            if not _is_made(key, reigns):
                return []
            return (await made_versions(session, [key], reigns, clockwork.stamp)).get(key, [])

    async def changes(self, tick: int, ordinal: int, limit: int) -> list[Row]:
        """Versions in commit order after a place in the history."""
        records = await self.pool.fetch(queries().rollup_changes, tick, ordinal, limit)
        return [row_of(record) for record in records]

    async def stored(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """The stored rows of keys."""
        async with self.pool.acquire() as session:
            return await stored_rows(session, keys, self.assembler)


def _made_levels(reigns: Reigns) -> list[str]:
    """The levels whose rollups are not stored."""
    return sorted({"commune", "department"} - reigns.newest.assembler.planner.stored_levels)


def _is_made(key: Key, reigns: Reigns) -> bool:
    """Whether a key is one whose rollup is made when it is read."""
    place = reigns.newest.assembler.planner.place(key.unit, key.calendar, key.period)
    return place is not None and place.level in _made_levels(reigns)


async def _page(session: Session, records: Sequence[Any], reigns: Reigns, clockwork: Clockwork) -> list[Row]:
    keys = [key_of(record) for record in records]
    stored = [key for key, record in zip(keys, records, strict=True) if record["stored"]]
    rows: dict[Key, Row] = {}
    if stored:
        found = await session.fetch(queries().current_rollups, numbered(stored))
        rows = {key_of(record): row_of(record) for record in found}
    unstored = [key for key, record in zip(keys, records, strict=True) if not record["stored"]]
    rows |= await _made(session, unstored, reigns, clockwork.stamp, clockwork.marks)
    return [rows[key] for key in keys if key in rows]


async def _made(
    session: Session, keys: Sequence[Key], reigns: Reigns, at: datetime, marks: Marks
) -> dict[Key, Row]:
    """Rows of units whose rollups are not stored, by the same definition as stored ones."""
    made = await made_versions(session, keys, reigns, at)
    assembler = reigns.newest.assembler
    return {key: in_phase(rows, assembler.phase(key, marks)) for key, rows in made.items()}


async def _clockwork(session: Session) -> Clockwork:
    record = await session.fetchrow(queries().tick_row)
    if record is None:
        raise RuntimeError("the tick row is missing")
    return clockwork_of(record)
