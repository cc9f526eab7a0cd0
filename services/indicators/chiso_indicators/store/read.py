"""What the endpoints read about rollups: stored rows, rows of communes made on the spot, history, changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.causes import union
from chiso_indicators.core.keys import Key
from chiso_indicators.core.phases import Clockwork
from chiso_indicators.core.plan import YTD
from chiso_indicators.core.row import Row
from chiso_indicators.store.compute import drafts, own_figures, row_of, stored_rows, sums_of
from chiso_indicators.store.roll import clockwork_of
from chiso_indicators.store.sql import Session, key_of, numbered, queries

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
        record = await self.pool.fetchrow(queries().tick_row)
        if record is None:
            raise RuntimeError("the tick row is missing")
        return clockwork_of(record)

    async def rollups(self, filters: Filters, limit: int) -> list[Row]:
        """Rollups by key: stored ones, and for other levels one per cell."""
        unstored = sorted({"commune", "department"} - self.assembler.planner.stored_levels)
        async with self.pool.acquire() as session, session.transaction(readonly=True):
            # A plan for filters of any kind would read whole tables.
            await session.execute("SET LOCAL plan_cache_mode = force_custom_plan")
            records = await session.fetch(queries().list_rollup_keys, *filters.parameters(), unstored, limit)
            stored = [key_of(record) for record in records if record["stored"]]
            rows: dict[Key, Row] = {}
            if stored:
                found = await session.fetch(queries().current_rollups, numbered(stored))
                rows = {key_of(record): row_of(record) for record in found}
            rows |= await self._made(session, [key_of(record) for record in records if not record["stored"]])
        keys = [key_of(record) for record in records]
        return [rows[key] for key in keys if key in rows]

    async def rollup(self, key: Key) -> Row | None:
        """One rollup, stored or made; None when no cell below it has a revision."""
        if not self.assembler.known(key):
            return None
        async with self.pool.acquire() as session:
            found = await session.fetch(queries().current_rollups, numbered([key]))
            if found:
                return row_of(found[0])
            place = self.assembler.planner.place(key.unit, key.calendar, key.period)
            if place is None or place.level in self.assembler.planner.stored_levels:
                return None
            return (await self._made(session, [key])).get(key)

    async def _made(self, session: Session, keys: Sequence[Key]) -> dict[Key, Row]:
        """Rows of units whose rollups are not stored, by the same definition as stored ones."""
        known = [key for key in keys if self.assembler.known(key)]
        if not known:
            return {}
        record = await session.fetchrow(queries().tick_row)
        assert record is not None  # noqa: S101 - made at the first start
        clockwork = clockwork_of(record)
        asked = list(dict.fromkeys((*known, *self._previous(known))))
        own = await own_figures(session, asked)
        sums = await sums_of(session, "cells", asked, self.assembler, clockwork.marks)
        made = drafts(asked, sums, own, {}, self.assembler, clockwork.marks, clockwork.stamp)
        counted = await session.fetch(queries().cell_changes, numbered(known))
        changes = {known[record["n"]]: record for record in counted}
        return {key: _numbered(made[key], changes[key], clockwork.tick) for key in known if key in changes}

    def _previous(self, keys: Sequence[Key]) -> list[Key]:
        found = (self.assembler.planner.previous(key) for key in keys if key.basis == YTD)
        return [key for key in found if key is not None and self.assembler.known(key)]

    async def rollups_as_of(self, filters: Filters, limit: int, at: datetime) -> list[Row]:
        """Stored rollups as they could be read at an instant; the answer never changes afterwards.

        Raises NotFinalYet for an instant that lies ahead.
        """
        await self.settle(at)
        async with self.pool.acquire() as session, session.transaction(readonly=True):
            await session.execute("SET LOCAL plan_cache_mode = force_custom_plan")
            records = await session.fetch(queries().list_rollups_as_of, *filters.parameters(), at, limit)
        return [row_of(record) for record in records]

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
        """Every version of a stored rollup, oldest first."""
        return [row_of(record) for record in await self.pool.fetch(queries().rollup_versions, *key)]

    async def changes(self, tick: int, ordinal: int, limit: int) -> list[Row]:
        """Versions in commit order after a place in the history."""
        records = await self.pool.fetch(queries().rollup_changes, tick, ordinal, limit)
        return [row_of(record) for record in records]

    async def stored(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """The stored rows of keys."""
        async with self.pool.acquire() as session:
            return await stored_rows(session, keys, self.assembler)


def _numbered(row: Row, changes: Mapping[str, Any] | Any, tick: int) -> Row:
    """A made row with the version, vintage and causes that its cells give it."""
    total, after_close = int(changes["changes"]), int(changes["changes_after_close"])
    vintage = max(1, after_close + (total > after_close)) if row.phase in ("closed", "reopened") else 0
    return msgspec.structs.replace(
        row,
        version=total,
        vintage=vintage,
        causes=union(changes["causes"]),
        updated_at=changes["changed_at"],
        tick=tick,
    )
