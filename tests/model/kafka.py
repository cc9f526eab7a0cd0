"""Histories through a real log and a real database: one instance, a long stop, then two at once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import asyncpg
from aiokafka import AIOKafkaProducer
from chiso_shared.contracts.topics import SUBMISSIONS

from tests.harness import eventually
from tests.integration.indicators_chain import running
from tests.model.compare import Verdict, compare
from tests.model.histories import AGENCIES, ENDS_AT, FIRST_STARTED_AT, Document, history
from tests.model.reference import span
from tests.model.run import shuffled_together
from tests.model.service import event_of, stored

PARTITIONS = {agency: 3 * number for number, agency in enumerate(AGENCIES)}


async def run_log(bootstrap: str, dsn: str, seeds: Sequence[int]) -> Verdict:
    """One log of all seeds, a stop of months in the middle, then two consumers; random batch sizes."""
    histories = [history(seed) for seed in seeds]
    chance = random.Random(f"kafka {seeds[0]}..{seeds[-1] + 1}")
    log = shuffled_together(histories, chance)
    half = len(log) // 2
    await _write(bootstrap, log[:half])
    started = (FIRST_STARTED_AT - datetime.now(UTC)).total_seconds()
    async with running(bootstrap, dsn, clock_offset=started, apply_max_records=chance.randint(1, 60)):
        await _applied(dsn, log[: half // 2])
    now = (ENDS_AT - datetime.now(UTC)).total_seconds()
    async with AsyncExitStack() as both:
        for largest in (chance.randint(1, 20), chance.randint(20, 500)):
            await both.enter_async_context(
                running(bootstrap, dsn, clock_offset=now, apply_max_records=largest)
            )
        await _write(bootstrap, log[half:])
        await _applied(dsn, log)
        await _closed(dsn)
    first_started_at = await _value(dsn, "SELECT first_started_at FROM indicators.installation")
    return compare(histories, *await stored(dsn), ENDS_AT, first_started_at)


async def _write(bootstrap: str, log: Sequence[Document]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for document in log:
            event = event_of(document)
            await producer.send(
                SUBMISSIONS.name,
                event.data,
                key=b"51",
                partition=PARTITIONS[document["agency"]],
                headers=event.headers(),
            )
        await producer.flush()
    finally:
        await producer.stop()


async def _value(dsn: str, statement: str) -> datetime:
    connection = await asyncpg.connect(dsn)
    try:
        found: datetime = await connection.fetchval(statement)
        return found
    finally:
        await connection.close()


async def _applied(dsn: str, log: Sequence[Document]) -> None:
    """Until at least as much as this of every partition is applied, and all of that is rolled."""
    wanted = Counter(PARTITIONS[document["agency"]] for document in log)

    async def reached() -> bool:
        connection = await asyncpg.connect(dsn)
        try:
            # The service keeps its places in other topics in the same table.
            rows = await connection.fetch(
                "SELECT partition, next_offset FROM indicators.consumer_offset WHERE topic = $1",
                SUBMISSIONS.name,
            )
            stands = {row["partition"]: row["next_offset"] for row in rows}
            dirty = await connection.fetchval("SELECT count(*) FROM indicators.dirty")
        finally:
            await connection.close()
        assert all(stands.get(partition, 0) >= count for partition, count in wanted.items()), stands
        return bool(dirty == 0)

    await eventually(reached, 180, 0.2)


async def _closed(dsn: str) -> None:
    """Until the last close before the end has been rolled."""
    codes = [f"{year}-{month:02d}" for year in (2029, 2030) for month in range(1, 13)]
    closes = [
        span(calendar, code).close_at for calendar in ("administrative", "statistical") for code in codes
    ]
    last = max(close_at for close_at in closes if close_at <= ENDS_AT)

    async def reached() -> bool:
        return await _value(dsn, "SELECT closed_through FROM indicators.tick") >= last

    await eventually(reached, 120, 0.2)
