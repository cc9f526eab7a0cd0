"""What a rebuild puts back when revisions or submissions were lost or spoiled, and when it must not write."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from chiso_indicators import rebuilding
from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.plan import Planner
from chiso_indicators.core.records import Bad
from chiso_indicators.store.apply import ApplyStore, Decoded
from chiso_indicators.store.decisions import Author
from chiso_indicators.store.generation import hold_generation, new_generation, paused_apply
from chiso_indicators.store.reopenings import Reopenings
from chiso_indicators.store.sql import queries
from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.consumer import HandlerWaits, Record
from chiso_shared.runtime.postgres import Database, Timeouts

from tests.harness import eventually
from tests.integration.indicators_chain import document, log_writer, observation, running
from tests.integration.rebuilds import CHANCE, history, operators_key, rebuilt
from tests.integration.test_indicators_reference import NOW, shared_store

TOLD = """
SELECT count(*) FROM indicators.submission AS submission
WHERE outcomes IS DISTINCT FROM (
    SELECT array_agg(DISTINCT outcome::text ORDER BY outcome::text) FROM indicators.revision
    WHERE (revision.agency, revision.submission_id) = (submission.agency, submission.submission_id))
"""


async def test_reports_that_come_back_are_read_again(
    chiso_topics: str, database: str, tmp_path: Path
) -> None:
    key = operators_key(tmp_path)
    async with log_writer(chiso_topics) as log, running(chiso_topics, database, home=tmp_path) as chain:
        # Two agencies say the same of one cell; the one accepted first is applied last, and superseded.
        same = [observation("21025", numerator=7, denominator=10)]
        alone = await log.submit(document(CHANCE, [observation("21034", numerator=3, denominator=10)]))
        later = await log.submit(document(CHANCE, same))
        await chain.settled(log.sent)
        earlier = document(CHANCE, same, agency="H48")
        await log.submit(earlier, accepted_at=alone["accepted_at"], partition=1)
        await chain.settled(log.sent)
        units = ("21025", "21034")
        before = [await chain.rollup(unit) for unit in units]
        session = await asyncpg.connect(database)
        for lost in (later, alone):
            gone = "DELETE FROM indicators.revision WHERE submission_id = $1"
            assert await session.execute(gone, lost["submission_id"]) == "DELETE 1"
        spoiled = "UPDATE indicators.submission SET key_id = 'spoiled' WHERE submission_id = $1"
        assert await session.execute(spoiled, alone["submission_id"]) == "UPDATE 1"
        assert [await chain.rollup(unit) for unit in units] == [None, None], "nothing tells of the cells"

        found = (await rebuilt(chain, key))["comparison"]
        assert found["differing"] == {"cells": 0, "revisions": 2, "submissions": 1}

        async def again() -> bool:
            return None not in [await chain.rollup(unit) for unit in units]

        await eventually(again)
        shown = ("numerator", "denominator", "value", "n_reported", "phase")
        for unit, row in zip(units, before, strict=True):
            now = await chain.rollup(unit)
            assert row is not None and now is not None
            assert [now[name] for name in shown] == [row[name] for name in shown]
        assert await session.fetchval(TOLD) == 0
        assert set((await rebuilt(chain))["comparison"]["differing"].values()) == {0}
        await session.close()


async def test_what_became_of_submissions_follows_their_revisions(
    chiso_topics: str, database: str, tmp_path: Path
) -> None:
    key = operators_key(tmp_path)
    async with log_writer(chiso_topics) as log, running(chiso_topics, database, home=tmp_path) as chain:
        await history(log, 60)
        await chain.settled(log.sent)
        session = await asyncpg.connect(database)
        for statement in (
            "UPDATE indicators.revision SET outcome = 'held' WHERE hashtext(submission_id::text) % 4 = 0",
            "UPDATE indicators.submission SET outcomes = '{held}', document = 'x' WHERE agency = 'H48'",
            "DELETE FROM indicators.revision WHERE hashtext(submission_id::text) % 4 = 1",
        ):
            assert not (await session.execute(statement)).endswith(" 0"), statement
        assert await session.fetchval(TOLD) > 0
        await rebuilt(chain, key)
        assert await session.fetchval(TOLD) == 0
        assert set((await rebuilt(chain))["comparison"]["differing"].values()) == {0}
        await session.close()


async def test_of_a_spoiled_revision_only_what_is_wrong_is_shown(chiso_topics: str, database: str) -> None:
    async with log_writer(chiso_topics) as log, running(chiso_topics, database) as chain:
        await log.submit(document(CHANCE, [observation("21025", numerator=7, denominator=10)]))
        await chain.settled(log.sent)
        session = await asyncpg.connect(database)
        await session.execute("UPDATE indicators.revision SET numerator = 8")
        await session.close()
        [wrong] = (await rebuilt(chain))["comparison"]["revisions"]
        assert wrong["fields"] == {"numerator": {"stored": 8, "computed": 7}}


async def test_a_generation_that_was_lost_changes_nothing(
    chiso_topics: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = operators_key(tmp_path)
    async with log_writer(chiso_topics) as log, running(chiso_topics, database, home=tmp_path) as chain:
        await log.submit(document(CHANCE, [observation("21025", numerator=7, denominator=10)]))
        await chain.settled(log.sent)
        before = await chain.rollup("21025")

        async def emptied(session: Any, offsets: Any) -> None:
            other = await asyncpg.connect(database)
            await other.execute("TRUNCATE indicators_rebuild.consumer_offset, indicators_rebuild.revision")
            await other.close()
            await hold_generation(session, offsets)

        monkeypatch.setattr(rebuilding, "hold_generation", emptied)
        headers = {"Authorization": f"Bearer {key}"}
        asked = await chain.client.post("/v1/rebuild", params={"compare": False}, headers=headers)
        assert asked.status_code == 202

        async def finished() -> dict[str, Any] | None:
            state: dict[str, Any] = await chain.get("/v1/rebuild")
            return state if state["finished_at"] is not None else None

        state: dict[str, Any] = await eventually(finished, 60)
        assert (state["state"], state["written"]) == ("failed", False)
        assert "run the rebuild again" in state["error"]
        assert await chain.rollup("21025") == before


async def test_batches_and_decisions_wait_for_a_rebuild_and_hold_nothing(
    database: str, tmp_path: Path
) -> None:
    async with shared_store(database, tmp_path) as shared:
        await shared.offer(shared.old, "first")
        planner = Planner(shared.old.current)
        period = planner.period("administrative", "2026-08")
        assert period is not None
        hasty = Database(database, "hasty", min_size=1, max_size=2, timeouts=Timeouts(lock=0.2))
        await hasty.start()
        apply = ApplyStore(hasty.pool, planner, NOW)
        await apply.stored_offsets([0])
        record = Record(SUBMISSIONS.name, 0, 0, 0, b"51", {}, b"x")
        batch = [Decoded(record, Bad("unreadable", "x"))]
        reopenings = Reopenings(shared.pool, Assembler(planner, NOW), Clock(0))
        async with new_generation(shared.pool):
            async with paused_apply(shared.pool):
                with pytest.raises(HandlerWaits):
                    await apply.apply(batch, NOW)
                reopened = asyncio.create_task(
                    reopenings.reopen("51", period, None, Author("DEMO", "key", "why"))
                )
                waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation::regclass::text = $1"

                async def waiting() -> bool:
                    return bool(await hasty.pool.fetchval(waits, "indicators.operation"))

                await eventually(waiting)
                async with hasty.pool.acquire() as session, session.transaction():
                    await session.execute("SELECT FROM indicators.tick FOR UPDATE NOWAIT")
            with pytest.raises(Exception, match="only a closed period"):
                await reopened
        async with shared.pool.acquire() as session, session.transaction():
            await session.execute("SELECT FROM indicators.consumer_offset FOR UPDATE")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await apply.apply(batch, NOW)
        await hasty.stop()


async def test_a_rebuild_that_cannot_clear_away_lets_go_of_its_lock(database: str, tmp_path: Path) -> None:
    async with shared_store(database, tmp_path) as shared:
        await shared.offer(shared.old, "first")
        hasty = Database(database, "hasty", min_size=1, max_size=2, timeouts=Timeouts(lock=0.2))
        await hasty.start()
        reader = await asyncpg.connect(database)
        with pytest.raises(asyncpg.LockNotAvailableError):
            async with new_generation(hasty.pool):
                await reader.execute("BEGIN; LOCK TABLE indicators_rebuild.revision IN ACCESS SHARE MODE")
        await reader.close()
        assert not await shared.pool.fetchval(queries().is_rebuilding)
        async with new_generation(shared.pool):
            assert await hasty.pool.fetchval(queries().is_rebuilding)
        await hasty.stop()
