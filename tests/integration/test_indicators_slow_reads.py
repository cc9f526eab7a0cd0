"""Reads that take long: each ends in a documented answer, ticks never wait, big pages come in parts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest
from chiso_indicators.store import read, versions

from tests.harness import eventually
from tests.integration.indicators_chain import Chain, document, log_writer, observation, running

CHANCE = random.Random("slow reads")
COMMUNES = ("21025", "21028", "21034", "18859", "18871")


@asynccontextmanager
async def stalled(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Nobody can read which catalogue was in force: reads of communes stand still, ticks need it not."""
    session = await asyncpg.connect(dsn)
    try:
        async with session.transaction():
            await session.execute("LOCK TABLE indicators.looked_again IN ACCESS EXCLUSIVE MODE")
            yield session
    finally:
        await session.close()


_WAITING = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


async def stand_still(session: asyncpg.Connection, least: int) -> None:
    """Waits until so many reads wait for the lock, and no more come."""
    seen: list[int] = [-1]

    async def still() -> bool:
        seen.append(await session.fetchval(_WAITING))
        return seen[-1] >= least and seen[-10:] == [seen[-1]] * 10

    await eventually(still, 7)


async def ask(chain: Chain) -> httpx.Response:
    return await chain.client.get("/v1/rollups", params={"as_of": datetime.now(UTC).isoformat()})


def is_come_again(answer: httpx.Response) -> bool:
    return answer.status_code == 503 and int(answer.headers["retry-after"]) > 0


async def test_reads_that_stand_still_end_in_503_and_ticks_go_on(
    chiso_topics: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "_READ_SECONDS", 9.0)
    figures = [observation(unit, numerator=1, denominator=2) for unit in COMMUNES]
    async with log_writer(chiso_topics) as log, running(chiso_topics, database) as chain:
        await chain.settled([await log.submit(document(CHANCE, figures))])
        async with stalled(database) as session:
            asked = [asyncio.create_task(ask(chain)) for _ in range(30)]
            await stand_still(session, 3)
            await log.submit(document(CHANCE, figures, period="2026-08"))

            async def ticked() -> bool:
                rows = await session.fetchval(
                    "SELECT count(*) FROM indicators.rollup WHERE unit = 'VN' AND period = '2026-08'"
                )
                return bool(rows)

            await eventually(ticked, 5)
            assert not all(task.done() for task in asked), "the tick came after the reads"
            assert all(is_come_again(answer) for answer in await asyncio.gather(*asked))
        assert (await ask(chain)).status_code == 200
        # A service that stops cuts the sessions of reads that stand still: they are told to come again.
        async with stalled(database) as session:
            monkeypatch.setattr(read, "_READ_SECONDS", 60.0)
            last = asyncio.create_task(ask(chain))
            await stand_still(session, 1)
            await chain.service.stop()
            assert is_come_again(await last)


async def test_a_page_of_cells_with_many_revisions_comes_in_parts(
    chiso_topics: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with log_writer(chiso_topics) as log, running(chiso_topics, database) as chain:
        for revision in range(4):
            figures = [observation(unit, numerator=revision, denominator=9) for unit in COMMUNES]
            await log.submit(document(CHANCE, figures, revision=revision, reason="recount"))
        await chain.settled(log.sent)
        at: dict[str, Any]
        for at in ({}, {"as_of": datetime.now(UTC).isoformat()}):
            whole = await chain.get("/v1/rollups", limit=1000, **at)
            assert whole["next_cursor"] is None
            monkeypatch.setattr(versions, "_IN_MEMORY", 4)
            monkeypatch.setattr(versions, "_A_READ", 8)
            items, sizes, cursor = [], [], None
            while True:
                more: dict[str, Any] = {"cursor": cursor} if cursor else {}
                page = await chain.get("/v1/rollups", limit=1000, **at, **more)
                items += page["items"]
                sizes.append(len(page["items"]))
                cursor = page["next_cursor"]
                if cursor is None:
                    break
            assert items == whole["items"] and len(sizes) >= 3, sizes
            ranks = await chain.get(
                "/v1/ranks",
                indicator="DVC.ONLINE_SUBMIT",
                calendar="administrative",
                period="2026-09",
                basis="in_period",
                level="commune",
            )
            assert ranks["cohort"] == len(COMMUNES)
            monkeypatch.undo()
