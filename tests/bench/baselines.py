"""The two yardsticks, run in the same call: the tutorial's consumer, and the floor of COPY + GROUP BY."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import asyncpg
import psutil
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

Row = dict[str, Any]

TUTORIAL_TABLES = """
DROP SCHEMA IF EXISTS tutorial CASCADE;
CREATE SCHEMA tutorial;
CREATE TABLE tutorial.observation (submission_id text, unit text, indicator text, period text,
    numerator numeric, denominator numeric, PRIMARY KEY (submission_id, unit, indicator));
CREATE TABLE tutorial.rollup (unit text, indicator text, period text, numerator numeric, denominator numeric,
    PRIMARY KEY (unit, indicator, period));
"""
FLOOR_TABLE = """
DROP TABLE IF EXISTS public.floor_observation;
CREATE TABLE public.floor_observation (unit text, province text, indicator text, period text,
    numerator numeric, denominator numeric);
"""
FLOOR_ROLLUP = """
SELECT province, indicator, period, sum(numerator), sum(denominator)
FROM public.floor_observation GROUP BY GROUPING SETS ((province, indicator, period), (indicator, period))
"""


async def _publish(bootstrap: str, topic: str, rows: Sequence[Row]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=12, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5)
    await producer.start()
    for row in rows:
        await producer.send(topic, json.dumps(row).encode(), key=row["province"].encode())
    await producer.stop()


async def tutorial_seconds(bootstrap: str, dsn: str, topic: str, rows: Sequence[Row]) -> tuple[float, float]:
    """(wall seconds from the first stored row to the last, CPU seconds of the consumer) for all rows."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(TUTORIAL_TABLES)
    await _publish(bootstrap, topic, rows)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.tutorial_consumer", bootstrap, dsn, topic),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ},
    )
    try:
        started = 0.0
        while True:
            count = await connection.fetchval("SELECT count(*) FROM tutorial.observation")
            started = started or (perf_counter() if count else 0.0)
            if count >= len(rows):
                break
            if process.returncode is not None:
                raise RuntimeError(f"the tutorial consumer ended with {process.returncode}")
            await asyncio.sleep(0.02)
        wall = perf_counter() - started
        times = psutil.Process(process.pid).cpu_times()
        return wall, times.user + times.system
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        await connection.execute("DROP SCHEMA tutorial CASCADE")
        await connection.close()


async def floor_seconds(dsn: str, rows: Sequence[Row]) -> float:
    """Wall seconds of one COPY and one GROUP BY of the rows."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(FLOOR_TABLE)
    columns = ("unit", "province", "indicator", "period", "numerator", "denominator")
    records = [tuple(row[name] for name in columns) for row in rows]
    started = perf_counter()
    await connection.copy_records_to_table(
        "floor_observation", schema_name="public", records=records, columns=columns
    )
    await connection.fetch(FLOOR_ROLLUP)
    wall = perf_counter() - started
    await connection.execute("DROP TABLE public.floor_observation")
    await connection.close()
    return wall
