"""What the endpoints read about rollups: stored rows, rows of communes made on the spot, history, changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.keys import Key
from chiso_indicators.core.phases import Clockwork
from chiso_indicators.core.reigns import Reigns
from chiso_indicators.core.row import Row
from chiso_indicators.store.catalogues import Catalogues
from chiso_indicators.store.compute import row_of, stored_rows
from chiso_indicators.store.roll import clockwork_of
from chiso_indicators.store.sql import Session, key_of, numbered, queries
from chiso_indicators.store.versions import (
    is_made,
    made_levels,
    made_rows,
    made_versions,
    timeline_between,
)

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


class Page(NamedTuple):
    """Rows by key, and the key behind which the next page begins: None after the last one.

    A page may be shorter than asked for: what it costs follows the revisions of its cells.
    """

    rows: list[Row]
    after: Key | None = None


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
        async with self._reading() as session:
            return (await self._reigns(session, at)).newest.assembler

    async def _reigns(self, session: Session, at: datetime) -> Reigns:
        return await self._catalogues.reigns(session, at, self.assembler)

    async def rollups(self, filters: Filters, limit: int) -> Page:
        """Rollups by key: stored ones, and for other levels one per cell that a tick has taken in."""
        async with self._reading() as session:
            clockwork = await _clockwork(session)
            reigns = await self._reigns(session, clockwork.stamp)
            while True:
                levels, parameters = made_levels(reigns), filters.parameters()
                records = await session.fetch(queries().list_rollup_keys, *parameters, levels, limit)
                page = await _page(session, records, reigns, clockwork, len(records) == limit)
                if page.rows or page.after is None:
                    return page
                filters = replace(filters, after=page.after)

    async def rollup(self, key: Key) -> Row | None:
        """One rollup, stored or made; None when no cell below it has a revision."""
        async with self._reading() as session:
            found = await session.fetch(queries().current_rollups, numbered([key]))
            if found:
                return row_of(found[0]) if self.assembler.known(key) else None
            clockwork = await _clockwork(session)
            reigns = await self._reigns(session, clockwork.stamp)
            if not is_made(key, reigns):
                return None
            made = await made_rows(session, [key], reigns, clockwork.stamp, clockwork.marks)
            return made.rows.get(key)

    async def rollups_as_of(self, filters: Filters, limit: int, at: datetime) -> Page:
        """Rollups as they could be read at an instant; the answer never changes afterwards.

        Raises NotFinalYet for an instant that lies ahead.
        """
        await self.settle(at)
        async with self._reading() as session:
            reigns = await self._reigns(session, at)
            records = await session.fetch(queries().list_rollups_as_of, *filters.parameters(), at, limit)
            listed = await session.fetch(
                queries().list_cells_as_of, *filters.parameters(), made_levels(reigns), at, limit
            )
            rows = {key_of(record): row_of(record) for record in records}
            chosen = sorted({*rows, *(key_of(record) for record in listed)})[:limit]
            marks = (await timeline_between(session, at, at, reigns)).at(at)
            made = await made_rows(session, [key for key in chosen if key not in rows], reigns, at, marks)
        return _cut(chosen, rows | made.rows, made.left, len(chosen) == limit)

    async def rollup_as_of(self, key: Key, at: datetime) -> Row | None:
        """One rollup as it could be read at an instant. Raises NotFinalYet."""
        exactly = Filters([key.unit], None, [key.indicator], [key.calendar], [key.period], [key.basis])
        found = (await self.rollups_as_of(exactly, 1, at)).rows
        if found:
            return found[0]
        async with self._reading() as session:  # made of finer cells only
            reigns = await self._reigns(session, at)
            if not is_made(key, reigns):
                return None
            marks = (await timeline_between(session, at, at, reigns)).at(at)
            return (await made_rows(session, [key], reigns, at, marks)).rows.get(key)

    async def every_rollup(self, filters: Filters, most: int, at: datetime | None) -> list[Row]:
        """All rollups, present or as of an instant; once they are more than `most`, no further ones."""
        found: list[Row] = []
        async with asyncio.timeout(2 * _READ_SECONDS):
            while True:
                page = (
                    await self.rollups(filters, most + 1)
                    if at is None
                    else await self.rollups_as_of(filters, most + 1, at)
                )
                found += page.rows
                if page.after is None or len(found) > most:
                    return found
                filters = replace(filters, after=page.after)

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
            if not is_made(key, reigns):
                return []
            return (await made_versions(session, [key], reigns, clockwork.stamp)).versions.get(key, [])

    async def changes(self, tick: int, ordinal: int, limit: int) -> list[Row]:
        """Versions in commit order after a place in the history."""
        records = await self.pool.fetch(queries().rollup_changes, tick, ordinal, limit)
        return [row_of(record) for record in records]

    async def stored(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """The stored rows of keys."""
        async with self.pool.acquire() as session:
            return await stored_rows(session, keys, self.assembler)


async def _page(
    session: Session, records: Sequence[Any], reigns: Reigns, clockwork: Clockwork, goes_on: bool
) -> Page:
    keys = [key_of(record) for record in records]
    stored = [key for key, record in zip(keys, records, strict=True) if record["stored"]]
    found = await session.fetch(queries().current_rollups, numbered(stored)) if stored else []
    rows = {key_of(record): row_of(record) for record in found}
    unstored = [key for key, record in zip(keys, records, strict=True) if not record["stored"]]
    made = await made_rows(session, unstored, reigns, clockwork.stamp, clockwork.marks)
    return _cut(keys, rows | made.rows, made.left, goes_on)


def _cut(keys: Sequence[Key], rows: Mapping[Key, Row], left: Key | None, goes_on: bool) -> Page:
    """The page of keys up to the first one that was left for the next page."""
    within = [key for key in keys if left is None or key < left]
    after = within[-1] if within and (goes_on or left is not None) else None
    return Page([rows[key] for key in within if key in rows], after)


async def _clockwork(session: Session) -> Clockwork:
    record = await session.fetchrow(queries().tick_row)
    if record is None:
        raise RuntimeError("the tick row is missing")
    return clockwork_of(record)
