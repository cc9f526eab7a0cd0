"""One submission through Apply and Roll to the answers, on a real broker and a real database."""

from __future__ import annotations

import random

import asyncpg
from chiso_indicators.store.sql import queries
from chiso_shared.contracts.topics import ROLLUPS

from tests.integration.indicators_chain import document, log_writer, observation, running

# Published long ago: ten thousand versions of before.
LONG_HISTORY = """
INSERT INTO indicators.rollup_history
SELECT (jsonb_populate_record(one.version, jsonb_build_object('tick', -number))).*
FROM (SELECT history FROM indicators.rollup_history AS history LIMIT 1) AS one(version),
    generate_series(1, 10000) AS number
"""


async def test_a_submission_is_in_its_province_and_the_nation(chiso_topics: str, database: str) -> None:
    chance = random.Random("one")
    async with running(chiso_topics, database) as chain, log_writer(chiso_topics) as log:
        sent = [await log.submit(document(chance, [observation("21028", numerator=812, denominator=1004)]))]
        await chain.settled(sent)
        for unit in ("51", "VN", "21028"):
            row = await chain.rollup(unit)
            assert row is not None, unit
            assert (row["numerator"], row["denominator"]) == (812, 1004)


async def test_the_relay_begins_to_read_where_it_stands(chiso_topics: str, database: str) -> None:
    chance = random.Random("relay")
    async with running(chiso_topics, database) as chain, log_writer(chiso_topics) as log:
        report = document(chance, [observation("21028", numerator=1, denominator=2)])
        await chain.settled([await log.submit(report)])
        session = await asyncpg.connect(database)
        await session.execute(LONG_HISTORY)
        year = await session.fetchval("SELECT extract(year FROM updated_at) FROM indicators.rollup_history")
        await session.execute("ANALYZE indicators.rollup_history")
        plan = await session.fetch(f"EXPLAIN {queries().pending_history}", ROLLUPS.name, 500)
        await session.close()
    told = "\n".join(row[0] for row in plan)
    scans = [row[0] for row in plan if f" on rollup_history_{year} " in row[0]]
    assert len(scans) == 1 and "Index Scan" in scans[0], told
    assert "Index Cond: (ROW(tick, ordinal) > ROW(" in told and "Join Filter" not in told, told
