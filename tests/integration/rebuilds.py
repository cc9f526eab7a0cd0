"""Histories to rebuild a store from, and a rebuild over HTTP."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from chiso_ingest.keys import add_key

from tests.harness import eventually
from tests.integration.indicators_chain import Chain, Log, catalogue, document, observation

CHANCE = random.Random("rebuild")
UNITS = ("21025", "21028", "21034", "18859", "18871")


async def history(log: Log, count: int, partitions: int = 3) -> None:
    """Reports, corrections, withdrawals, repeats and conflicts; also for dates within the month."""
    for number in range(count):
        units = CHANCE.sample(UNITS, 2)
        figures = [observation(unit, numerator=CHANCE.randint(0, 9), denominator=10) for unit in units]
        dated = {"basis": "as_of", "as_of": f"2026-09-{CHANCE.randint(1, 30):02d}"} if number % 4 == 3 else {}
        if number % 7 == 6:
            figures[0] = observation(units[0], op="withdraw", reason="wrong unit")
        submission = document(CHANCE, figures, revision=CHANCE.randint(0, 4), reason="recount", **dated)
        submission["agency"] = ("DEMO", "H48", "H50")[number % 3]
        await log.submit(submission, partition=number % partitions)
        if number % 5 == 4:
            await log.submit(submission, partition=number % partitions)
            await log.submit(submission | {"reason": "another payload"}, partition=number % partitions)
    await log.raw(b"not json", [], partition=1)


async def rebuilt(chain: Chain, key: str | None = None) -> dict[str, Any]:
    """A whole rebuild; its final state. With a key what differs is written, without one only compared."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    asked = await chain.client.post("/v1/rebuild", params={"compare": key is None}, headers=headers)
    assert asked.status_code == 202, asked.text

    async def finished() -> dict[str, Any] | None:
        state: dict[str, Any] = await chain.get("/v1/rebuild")
        return state if state["finished_at"] is not None else None

    state: dict[str, Any] = await eventually(finished, 60)
    assert state["state"] == "done", state
    return state


async def schemas(session: asyncpg.Connection[asyncpg.Record]) -> set[str]:
    names = await session.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'indicators%'")
    return {record["nspname"] for record in names}


def operators_key(home: Path) -> str:
    return add_key(
        home / "keys.json",
        catalogue(),
        agency="DEMO",
        home="51",
        units=["*"],
        indicators=["*"],
        actions=("report", "operate"),
        now=datetime.now(UTC),
    )
