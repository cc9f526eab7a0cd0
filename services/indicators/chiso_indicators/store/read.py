"""What the endpoints read about rollups: stored rows, rows of communes made on the spot, history, changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.keys import Key
from chiso_indicators.core.moments import in_phase
from chiso_indicators.core.phases import Clockwork, Marks
from chiso_indicators.core.row import Row
from chiso_indicators.store.compute import row_of, stored_rows
from chiso_indicators.store.roll import clockwork_of
from chiso_indicators.store.sql import Session, key_of, numbered, queries
from chiso_indicators.store.versions import made_versions, marks_at

NO_KEY: Final = (None, None, None, None, None)


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
    """Reads only, except for the mark that an `as_of` read may leave in the tick row."""

    def __init__(self, pool: Pool, assembler: Assembler, clock: Clock) -> None:
        self.pool = pool
        self.assembler = assembler
        self.clock = clock

    async def clockwork(self) -> Clockwork:
        """The tick row."""
        async with self.pool.acquire() as session:
            return await _clockwork(session)

    @property
    def _made_levels(self) -> list[str]:
        """The levels whose rollups are not stored."""
        return sorted({"commune", "department"} - self.assembler.planner.stored_levels)

    def _is_made(self, key: Key) -> bool:
        """Whether a key is one whose rollup is made when it is read."""
        place = self.assembler.planner.place(key.unit, key.calendar, key.period)
        return place is not None and place.level in self._made_levels

    async def rollups(self, filters: Filters, limit: int) -> list[Row]:
        """Rollups by key: stored ones, and for other levels one per cell that a tick has taken in."""
        async with self.pool.acquire() as session, session.transaction(readonly=True):
            # A plan for filters of any kind would read whole tables.
            await session.execute("SET LOCAL plan_cache_mode = force_custom_plan")
            clockwork = await _clockwork(session)
            found: list[Row] = []
            while True:
                records = await session.fetch(
                    queries().list_rollup_keys, *filters.parameters(), self._made_levels, limit
                )
                found += await self._page(session, records, clockwork)
                if len(records) < limit or len(found) >= limit:
                    return found[:limit]
                filters = replace(filters, after=key_of(records[-1]))

    async def _page(self, session: Session, records: Sequence[Any], clockwork: Clockwork) -> list[Row]:
        keys = [key_of(record) for record in records]
        stored = [key for key, record in zip(keys, records, strict=True) if record["stored"]]
        rows: dict[Key, Row] = {}
        if stored:
            found = await session.fetch(queries().current_rollups, numbered(stored))
            rows = {key_of(record): row_of(record) for record in found}
        unstored = [key for key, record in zip(keys, records, strict=True) if not record["stored"]]
        rows |= await self._made(session, unstored, clockwork.stamp, clockwork.marks)
        return [rows[key] for key in keys if key in rows]

    async def rollup(self, key: Key) -> Row | None:
        """One rollup, stored or made; None when no cell below it has a revision."""
        if not self.assembler.known(key):
            return None
        async with self.pool.acquire() as session:
            found = await session.fetch(queries().current_rollups, numbered([key]))
            if found:
                return row_of(found[0])
            if not self._is_made(key):
                return None
            clockwork = await _clockwork(session)
            return (await self._made(session, [key], clockwork.stamp, clockwork.marks)).get(key)

    async def _made(
        self, session: Session, keys: Sequence[Key], at: datetime, marks: Marks
    ) -> dict[Key, Row]:
        """Rows of units whose rollups are not stored, by the same definition as stored ones."""
        if not keys:
            return {}
        made = await made_versions(session, keys, self.assembler, at)
        return {key: in_phase(rows, self.assembler.phase(key, marks)) for key, rows in made.items()}

    async def rollups_as_of(self, filters: Filters, limit: int, at: datetime) -> list[Row]:
        """Rollups as they could be read at an instant; the answer never changes afterwards.

        Raises NotFinalYet for an instant that lies ahead.
        """
        await self.settle(at)
        async with self.pool.acquire() as session, session.transaction(readonly=True):
            await session.execute("SET LOCAL plan_cache_mode = force_custom_plan")
            records = await session.fetch(queries().list_rollups_as_of, *filters.parameters(), at, limit)
            keys = [
                key_of(record)
                for record in await session.fetch(
                    queries().list_cells_as_of, *filters.parameters(), self._made_levels, at, limit
                )
            ]
            rows = {key_of(record): row_of(record) for record in records}
            chosen = sorted({*rows, *keys})[:limit]
            missing = [key for key in chosen if key not in rows]
            marks = await marks_at(session, [at], self.assembler)
            rows |= await self._made(session, missing, at, marks[at])
        return [rows[key] for key in chosen if key in rows]

    async def rollup_as_of(self, key: Key, at: datetime) -> Row | None:
        """One rollup as it could be read at an instant. Raises NotFinalYet."""
        exactly = Filters([key.unit], None, [key.indicator], [key.calendar], [key.period], [key.basis])
        found = await self.rollups_as_of(exactly, 1, at)
        if found or not self._is_made(key):
            return found[0] if found else None
        async with self.pool.acquire() as session:  # made of finer cells only
            marks = await marks_at(session, [at], self.assembler)
            return (await self._made(session, [key], at, marks[at])).get(key)

    async def settle(self, at: datetime) -> None:
        """Makes sure that no tick with a stamp up to `at` can follow. Raises NotFinalYet.

        Before the newest stamp everything is final, even where the clock has stepped back behind it.
        """
        if at < (await self.clockwork()).stamp:
            return
        if at > self.clock.now():
            raise NotFinalYet(f"{at.isoformat()} lies ahead")
        await self.pool.execute(queries().leave_mark, at)

    async def versions(self, key: Key) -> list[Row]:
        """Every version of a rollup, oldest first."""
        async with self.pool.acquire() as session:
            records = await session.fetch(queries().rollup_versions, *key)
            if records or not self._is_made(key):
                return [row_of(record) for record in records]
            clockwork = await _clockwork(session)
            made = await made_versions(session, [key], self.assembler, clockwork.stamp)
            return made.get(key, [])

    async def changes(self, tick: int, ordinal: int, limit: int) -> list[Row]:
        """Versions in commit order after a place in the history."""
        records = await self.pool.fetch(queries().rollup_changes, tick, ordinal, limit)
        return [row_of(record) for record in records]

    async def stored(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """The stored rows of keys."""
        async with self.pool.acquire() as session:
            return await stored_rows(session, keys, self.assembler)


async def _clockwork(session: Session) -> Clockwork:
    record = await session.fetchrow(queries().tick_row)
    if record is None:
        raise RuntimeError("the tick row is missing")
    return clockwork_of(record)
