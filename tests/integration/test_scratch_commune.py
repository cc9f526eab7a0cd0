"""scratch"""
import asyncpg, random, time
from pathlib import Path
from tests.integration.indicators_chain import catalogue, document, log_writer, observation, running

async def test_x(chiso_topics: str, database: str) -> None:
    chance = random.Random(1)
    units = [u.code for u in catalogue().units.of_level("commune", __import__("datetime").date(2026,9,1))][:2000]
    async with log_writer(chiso_topics) as log, running(chiso_topics, database) as chain:
        for revision in range(3):
            for start in range(0, len(units), 500):
                await log.submit(document(chance, [observation(u, numerator=revision, denominator=9) for u in units[start:start+500]], revision=revision, reason="x"))
            await chain.settled(log.sent[-4:], 60)
        for limit in (100, 2000):
            t = time.perf_counter()
            rows = (await chain.get("/v1/rollups", level="commune", limit=limit))["items"]
            print("PRESENT", limit, len(rows), time.perf_counter() - t)
            at = rows[0]["updated_at"]
            t = time.perf_counter()
            then = (await chain.get("/v1/rollups", level="commune", limit=limit, as_of=at))["items"]
            print("ASOF", limit, len(then), time.perf_counter() - t)
        h = (await chain.get("/v1/rollups/21289/DVC.ONLINE_SUBMIT/administrative/2026-09/in_period", history="true"))["items"]
        session = await asyncpg.connect(database)
        sql = next(Path("services/indicators/chiso_indicators/migrations").glob("*_version_times.sql")).read_text()
        async with session.transaction():
            await session.execute("SET LOCAL search_path = indicators, pg_catalog")
            await session.execute("DROP VIEW rolled_revision; DROP TABLE mark; ALTER TABLE rolled DROP COLUMN stamp; ALTER TABLE revision DROP COLUMN dirty_id")
            await session.execute(sql)
        await session.close()
        h2 = (await chain.get("/v1/rollups/21289/DVC.ONLINE_SUBMIT/administrative/2026-09/in_period", history="true"))["items"]
        print("SAME", h == h2, [(x["version"], x["valid_from"]) for x in h], [(x["version"], x["valid_from"]) for x in h2])
        assert 0
