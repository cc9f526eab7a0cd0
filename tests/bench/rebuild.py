"""A rebuild from the log beside the bare pipeline over the same log, one after the other in the same run.

The bare pipeline is what any consumer has to do: consume, decode, one set-based upsert of cells a batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from chiso_shared.contracts.codec import decode_json
from chiso_shared.contracts.topics import SUBMISSIONS

from tests.harness import System

BATCH_RECORDS = 1_000
TABLE = """
DROP TABLE IF EXISTS public.bare_cell;
CREATE TABLE public.bare_cell (unit text, indicator text, calendar text, period text, basis text,
    numerator numeric, denominator numeric, value numeric, revision bigint, accepted_at timestamptz,
    PRIMARY KEY (unit, indicator, calendar, period, basis));
"""
UPSERT = """
INSERT INTO public.bare_cell AS cell
SELECT DISTINCT ON (unit, indicator, calendar, period, basis) *
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::numeric[],
    $8::numeric[], $9::bigint[], $10::text[]::timestamptz[])
    AS given(unit, indicator, calendar, period, basis, numerator, denominator, value, revision, accepted_at)
ORDER BY unit, indicator, calendar, period, basis, revision DESC, accepted_at DESC
ON CONFLICT (unit, indicator, calendar, period, basis) DO UPDATE SET
    (numerator, denominator, value, revision, accepted_at)
    = (EXCLUDED.numerator, EXCLUDED.denominator, EXCLUDED.value, EXCLUDED.revision, EXCLUDED.accepted_at)
WHERE (EXCLUDED.revision, EXCLUDED.accepted_at) > (cell.revision, cell.accepted_at)
"""


@dataclass(frozen=True, slots=True)
class Speed:
    """Wall seconds of the bare pipeline before and after the rebuild, of the rebuild, and what it found."""

    bare_seconds: tuple[float, float]
    rebuild_seconds: float
    comparison: dict[str, Any]

    @property
    def ratio(self) -> float:
        """The speed of the rebuild over the speed of the bare pipeline."""
        return sum(self.bare_seconds) / len(self.bare_seconds) / self.rebuild_seconds


async def compare_speed(system: System) -> Speed:
    """The bare pipeline, the rebuild, and the bare pipeline again."""
    before = await bare_seconds(system)
    seconds, comparison = await rebuild_seconds(system)
    return Speed((before, await bare_seconds(system)), seconds, comparison)


async def rebuild_seconds(system: System) -> tuple[float, dict[str, Any]]:
    """Wall seconds of a rebuild that compares, from the request to its end. RuntimeError when it fails."""
    async with httpx.AsyncClient(base_url=system.indicators, timeout=60, trust_env=False) as client:
        started = perf_counter()
        (await client.post("/v1/rebuild", params={"compare": "true"})).raise_for_status()
        while True:
            state = (await client.get("/v1/rebuild")).json()
            if state["finished_at"] is not None:
                break
            await asyncio.sleep(0.1)
    if state["state"] != "done":
        raise RuntimeError(f"the rebuild ended as {state['state']}: {state['error']}")
    return perf_counter() - started, state["comparison"]


async def bare_seconds(system: System) -> float:
    """Wall seconds from the first record asked for to the last batch committed."""
    connection = await asyncpg.connect(system.postgres)
    await connection.execute(TABLE)
    partitions = [TopicPartition(SUBMISSIONS.name, number) for number in range(SUBMISSIONS.partitions)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=system.kafka, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        left = sum((await consumer.end_offsets(partitions)).values())
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        started = perf_counter()
        while left:
            batches = await consumer.getmany(timeout_ms=500, max_records=BATCH_RECORDS)
            records = [record for batch in batches.values() for record in batch]
            if records:
                columns = zip(*_rows([record.value for record in records]), strict=True)
                await connection.execute(UPSERT, *map(list, columns))
                left -= len(records)
        return perf_counter() - started
    finally:
        await consumer.stop()
        await connection.execute("DROP TABLE public.bare_cell")
        await connection.close()


def _rows(values: Sequence[bytes]) -> list[tuple[Any, ...]]:
    rows = []
    for raw in values:
        document = decode_json(raw)
        head = document["calendar"], document["period"], document["basis"]
        for cell in document["observations"]:
            figures = (cell.get(name) for name in ("numerator", "denominator", "value"))
            rows.append(
                (
                    cell["unit"],
                    cell["indicator"],
                    *head,
                    *figures,
                    document["revision"],
                    document["accepted_at"],
                )
            )
    return rows
