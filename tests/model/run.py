"""One batch of seeds: through the service in two orders of arrival, both compared with the model."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tests.harness.databases import Databases
from tests.model.compare import compare
from tests.model.histories import ENDS_AT, FIRST_STARTED_AT, Document, History, history, rearranged
from tests.model.service import new_service, play, stored

BATCH = 1_000


@dataclass
class Outcome:
    """What was compared and what differs."""

    documents: int = 0
    cells: int = 0
    rollups: int = 0
    wrong: dict[int, list[str]] = field(default_factory=dict)
    drift: list[dict[str, Any]] = field(default_factory=list)


def shuffled_together(histories: list[History], chance: random.Random) -> list[Document]:
    """One log of all: each history in its own order, which of them comes next is chance."""
    turns = [number for number, one in enumerate(histories) for _ in one.documents]
    chance.shuffle(turns)
    queues = [iter(one.documents) for one in histories]
    return [next(queues[number]) for number in turns]


async def run(databases: Databases, seeds: Sequence[int], is_once: bool = False) -> Outcome:
    """As it was sent, and in another order; in batches of any size, with ticks and closes at any instant."""
    histories = [history(seed) for seed in seeds]
    chance = random.Random(f"run {seeds[0]}..{seeds[-1] + 1}")
    sent = shuffled_together(histories, chance)
    outcome = Outcome(documents=len(sent))
    orders = [("as sent", sent), ("rearranged", rearranged(sent, chance))]
    for order, log in orders[:1] if is_once else orders:
        dsn = await databases.create()
        try:
            await _without_waiting_for_disks(dsn)
            async with new_service(dsn, FIRST_STARTED_AT) as service:
                await play(service, log, ENDS_AT, chance)
                outcome.drift.extend(await service.drift())
            verdict = compare(histories, *await stored(dsn), ENDS_AT, FIRST_STARTED_AT)
        finally:
            await databases.drop(dsn)
        outcome.cells += verdict.cells
        outcome.rollups += verdict.rollups
        for seed, said in verdict.wrong.items():
            if said:
                outcome.wrong.setdefault(seed, []).extend(f"{order}: {line}" for line in said)
    return outcome


async def _without_waiting_for_disks(dsn: str) -> None:
    """The database is dropped after the run: nothing of it has to survive a crash."""
    connection = await asyncpg.connect(dsn)
    try:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    finally:
        await connection.close()
