"""The baseline: a FastStream consumer as its tutorial writes one, a message and a row at a time.

Run as a process of its own: `python -m tests.bench.tutorial_consumer BOOTSTRAP DSN TOPIC`.
"""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal

import asyncpg
from faststream import FastStream
from faststream.kafka import KafkaBroker
from pydantic import BaseModel


class Row(BaseModel):
    """One observation of one cell."""

    submission_id: str
    unit: str
    province: str
    indicator: str
    period: str
    numerator: Decimal
    denominator: Decimal


ROLLUP = """
INSERT INTO tutorial.rollup (unit, indicator, period, numerator, denominator) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (unit, indicator, period) DO UPDATE
SET numerator = rollup.numerator + excluded.numerator, denominator = rollup.denominator + excluded.denominator
"""


async def main(bootstrap: str, dsn: str, topic: str) -> None:
    """Consumes until it is told to end."""
    broker = KafkaBroker(bootstrap)
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=4)

    @broker.subscriber(topic, group_id="tutorial", auto_offset_reset="earliest")
    async def handle(row: Row) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO tutorial.observation VALUES ($1, $2, $3, $4, $5, $6)",
                *(row.submission_id, row.unit, row.indicator, row.period, row.numerator, row.denominator),
            )
            for unit in (row.province, "VN"):
                await connection.execute(
                    ROLLUP, unit, row.indicator, row.period, row.numerator, row.denominator
                )

    await FastStream(broker).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
