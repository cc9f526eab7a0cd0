"""The continuous self-audit: finds a row that differs from its cells, says both values, leaves it alone."""

from __future__ import annotations

import random
from typing import Any

import asyncpg

from tests.harness import eventually
from tests.integration.indicators_chain import Chain, document, log_writer, observation, running

CHANCE = random.Random("audit")
KEY = "51|DVC.ONLINE_SUBMIT|administrative|2026-09|in_period"
CHANGE = "UPDATE indicators.rollup SET numerator = numerator + $1 WHERE unit = '51' AND period = '2026-09'"


async def sampled(chain: Chain) -> dict[str, Any]:
    found: dict[str, Any] = (await chain.get("/v1/audit"))["sampled"]
    return found


async def full_rounds(chain: Chain, count: int) -> dict[str, Any]:
    """The state of the rotation after that many more whole rounds."""
    start = (await sampled(chain))["rounds"]

    async def turned() -> dict[str, Any] | None:
        state = await sampled(chain)
        return state if state["rounds"] >= start + count else None

    state: dict[str, Any] = await eventually(turned, 20)
    return state


async def metric(chain: Chain) -> float:
    text = (await chain.client.get("/metrics")).text
    [line] = [line for line in text.splitlines() if line.startswith("chiso_rollup_drift_rows ")]
    return float(line.split()[1])


async def test_sampling_finds_drift_reports_both_values_and_repairs_nothing(
    chiso_topics: str, database: str
) -> None:
    async with (
        log_writer(chiso_topics) as log,
        running(chiso_topics, database, audit_every_seconds=0.05, audit_keys=3) as chain,
    ):
        await log.submit(document(CHANCE, [observation("21028", numerator=7, denominator=10)]))
        await log.submit(document(CHANCE, [observation("18859", numerator=3, denominator=10)]))
        await chain.settled(log.sent)
        clean = await full_rounds(chain, 2)
        assert clean["drift_rows"] == 0 and await metric(chain) == 0
        session = await asyncpg.connect(database)
        stored = await session.fetchval("SELECT count(*) FROM indicators.rollup")
        assert stored > 3, "more rows than one sample takes"

        await session.execute(CHANGE, 5)
        drifted = await full_rounds(chain, 2)
        found = {item["key"]: item["fields"] for item in drifted["drift"]}
        assert found[KEY]["numerator"] == {"stored": 12, "computed": 7}
        assert await metric(chain) == drifted["drift_rows"] == len(found)
        kept = await chain.get("/v1/audit")
        assert kept["scope"] == "sampled" and kept["drift_rows"] >= 1, "what was found is kept in the store"
        row = await chain.rollup("51")
        assert row is not None and row["numerator"] == 12, "nothing was repaired"

        complete = (await chain.client.post("/v1/audit")).json()
        assert complete["scope"] == "complete" and complete["checked"] == stored
        assert {item["key"] for item in complete["drift"]} == set(found)

        await session.execute(CHANGE, -5)
        await session.close()
        assert (await full_rounds(chain, 2))["drift_rows"] == 0 and await metric(chain) == 0


async def test_differences_survive_a_restart_until_they_are_seen_to_agree(
    chiso_topics: str, database: str
) -> None:
    async with log_writer(chiso_topics) as log:
        async with running(chiso_topics, database, audit_every_seconds=3_600) as chain:
            await log.submit(document(CHANCE, [observation("21028", numerator=7, denominator=10)]))
            await chain.settled(log.sent)
            session = await asyncpg.connect(database)
            await session.execute(CHANGE, 5)
            await session.close()
            assert (await chain.client.post("/v1/audit")).json()["drift_rows"] >= 1
        async with running(chiso_topics, database, audit_every_seconds=3_600, audit_keys=1) as chain:

            async def remembered() -> bool:
                return KEY in {item["key"] for item in (await sampled(chain))["drift"]}

            assert await eventually(remembered)
            assert await metric(chain) >= 1
