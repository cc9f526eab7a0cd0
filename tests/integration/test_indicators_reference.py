"""One catalogue is in force in a store: nobody writes with another, and a change waits for writers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.plan import Planner
from chiso_indicators.core.records import Bad
from chiso_indicators.store.apply import ApplyStore, Decoded
from chiso_indicators.store.catalogues import kept_catalogue
from chiso_indicators.store.decisions import Author, Decisions
from chiso_indicators.store.generation import write
from chiso_indicators.store.reference import AnotherCatalogue, hold_catalogue, version_in_force
from chiso_indicators.store.reopenings import Reopenings
from chiso_indicators.store.roll import RollStore
from chiso_indicators.store.start import fill_reference, first_start
from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.consumer import Record
from chiso_shared.runtime.migrations import migrate
from chiso_shared.runtime.postgres import Database, Pool
from chiso_shared.runtime.seeds import SeedsFolder

from tests.harness import eventually
from tests.integration.indicators_seeds import edited_seeds
from tests.integration.test_indicators_catalogue import OBLIGATION, TARGET, same

NOW = datetime(2026, 9, 1, tzinfo=UTC)


@dataclass
class Shared:
    """A store, and three catalogues that differ."""

    pool: Pool
    old: SeedsFolder
    new: SeedsFolder
    newest: SeedsFolder

    async def offer(self, seeds: SeedsFolder, folder: str) -> bool:
        return await fill_reference(self.pool, seeds.current, NOW, folder)

    async def in_force(self) -> str | None:
        return await version_in_force(self.pool)


@asynccontextmanager
async def shared_store(database: str, tmp_path: Path) -> AsyncIterator[Shared]:
    await migrate(database, "indicators", "chiso_indicators")
    opened = Database(database, "test", min_size=1, max_size=4)
    await opened.start()
    try:
        await first_start(opened.pool, NOW)
        folder = edited_seeds(tmp_path / "seeds", "targets.csv", same)
        old = SeedsFolder(folder)
        new = SeedsFolder(edited_seeds(folder, "targets.csv", same, TARGET))
        newest = SeedsFolder(edited_seeds(folder, "obligations.csv", same, OBLIGATION))
        yield Shared(opened.pool, old, new, newest)
    finally:
        await opened.stop()


async def test_only_a_folder_that_changes_brings_an_older_catalogue_back(
    database: str, tmp_path: Path
) -> None:
    async with shared_store(database, tmp_path) as shared:
        old, new, newest = (one.current.version for one in (shared.old, shared.new, shared.newest))
        steps = (
            (shared.old, "first", True, old),
            (shared.old, "second", False, old),
            (shared.new, "first", True, new),
            (shared.old, "second", False, new),  # it still has the old one
            (shared.old, "third", False, new),  # and so has one that joins
            (shared.newest, "second", True, newest),
            (shared.new, "first", False, newest),
            (shared.new, "second", True, new),  # changed back by hand
            (shared.newest, "first", True, newest),
        )
        for number, (seeds, folder, comes, in_force) in enumerate(steps):
            assert await shared.offer(seeds, folder) is comes, number
            assert await shared.in_force() == in_force, number
        for seeds in (shared.old, shared.new, shared.newest):
            again = await kept_catalogue(shared.pool, seeds.current.version)
            assert again.version == seeds.current.version
        with pytest.raises(LookupError):
            await kept_catalogue(shared.pool, "none")


async def test_nobody_writes_with_a_catalogue_that_was_replaced(database: str, tmp_path: Path) -> None:
    async with shared_store(database, tmp_path) as shared:
        await shared.offer(shared.old, "first")
        planner = Planner(shared.old.current)
        assembler, clock, pool = Assembler(planner, NOW), Clock(0), shared.pool
        roll, apply = RollStore(pool, assembler), ApplyStore(pool, planner, NOW)
        reopenings = Reopenings(pool, assembler, clock)
        period, author = planner.period("administrative", "2026-08"), Author("DEMO", "key", "why")
        assert period is not None
        await apply.stored_offsets([0])
        await pool.execute(
            "INSERT INTO indicators.consumer_offset VALUES ($1, 0, 0) ON CONFLICT DO NOTHING",
            SUBMISSIONS.name,
        )
        record = Record(SUBMISSIONS.name, 0, 0, 0, b"51", {}, b"x")

        async def rebuild() -> None:
            async with pool.acquire() as session, session.transaction():
                await write(session, assembler, NOW)

        def decide(_: object) -> None: ...

        writers: dict[str, Callable[[], Awaitable[object]]] = {
            "apply": lambda: apply.apply([Decoded(record, Bad("unreadable", "x"))], NOW),
            "roll": lambda: roll.roll(NOW, None),
            "shift": lambda: roll.shift(NOW, NOW, "close", frozenset({"close"})),
            "close_again": lambda: roll.close_again(NOW, NOW),
            "reopen": lambda: reopenings.reopen("51", period, None, author),
            "recompute": lambda: reopenings.apply_catalogue("51", period, author),
            "decide": lambda: Decisions(pool, assembler, clock).decide(
                "approved", "DEMO", uuid4(), None, None, author, decide
            ),
            "rebuild": rebuild,
        }
        await roll.roll(NOW, None)
        assert await shared.offer(shared.new, "first")
        for name, writer in writers.items():
            with pytest.raises(AnotherCatalogue):
                await writer()
                pytest.fail(f"{name} wrote")
        assert await pool.fetchval("SELECT next_offset FROM indicators.consumer_offset") == 0
        assert await pool.fetchval("SELECT count(*) FROM indicators.quarantine") == 0
        told = await pool.fetch("SELECT operation FROM indicators.operation")
        assert {row["operation"] for row in told} == {"catalogue_applied"}


async def test_a_change_waits_for_what_is_being_written(database: str, tmp_path: Path) -> None:
    async with shared_store(database, tmp_path) as shared:
        await shared.offer(shared.old, "first")

        async def waits() -> bool:
            waiting: bool = await shared.pool.fetchval(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
            )
            return waiting

        async with shared.pool.acquire() as session:
            async with session.transaction():
                await hold_catalogue(session, shared.old.current.version)
                change = asyncio.create_task(shared.offer(shared.new, "first"))
                assert await eventually(waits)
                assert not change.done()
                assert await shared.in_force() == shared.old.current.version
            assert await change
            assert await shared.in_force() == shared.new.current.version
