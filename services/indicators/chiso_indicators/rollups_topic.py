"""Reads back what this service has told on `chiso.rollups.v1`. Decides nothing and writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from chiso_shared.contracts.topics import ROLLUPS
from chiso_shared.runtime.kafka import REQUEST_TIMEOUT_MS, START_TIMEOUT_SECONDS

from chiso_indicators.core.floors import Surplus
from chiso_indicators.core.keys import Key

_STALLED_SECONDS: Final = 30.0
_MOST_RECORDS: Final = 5_000
_PARTITIONS: Final = tuple(TopicPartition(ROLLUPS.name, number) for number in range(ROLLUPS.partitions))


class _Head(msgspec.Struct):
    unit: str
    indicator: str
    calendar: str
    period: str
    basis: str
    version: int
    tick: int
    updated_at: datetime


_HEADS: Final = msgspec.json.Decoder(_Head)


class RollupsTopic:
    """Asks the brokers themselves, over a connection of its own each time."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def surplus(self, since: Mapping[int, int]) -> tuple[Surplus, dict[int, int]]:
        """What stands behind these offsets, and where each partition ends.

        Aborted records count too: subscribers need not read committed ones only, so they may have been seen.
        Raises KafkaError, or TimeoutError when the brokers do not answer or stop giving records.
        """
        found = Surplus()
        async with self._connected() as consumer:
            async with asyncio.timeout(START_TIMEOUT_SECONDS):
                ends = await consumer.end_offsets(_PARTITIONS)
                behind = _starts(since, await consumer.beginning_offsets(_PARTITIONS), ends)
            consumer.assign(list(behind))
            for partition, offset in behind.items():
                consumer.seek(partition, offset)
            while behind:
                async with asyncio.timeout(_STALLED_SECONDS):
                    batches = await consumer.getmany(*behind, timeout_ms=200, max_records=_MOST_RECORDS)
                    for batch in batches.values():
                        _note(batch, found)
                    positions = {partition: await consumer.position(partition) for partition in behind}
                behind = {
                    partition: offset for partition, offset in positions.items() if offset < ends[partition]
                }
        return found, {partition.partition: end for partition, end in ends.items()}

    async def ends(self) -> dict[int, int]:
        """Where each partition ends. Raises as `surplus` does."""
        async with self._connected() as consumer, asyncio.timeout(START_TIMEOUT_SECONDS):
            ends = await consumer.end_offsets(_PARTITIONS)
        return {partition.partition: end for partition, end in ends.items()}

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_uncommitted",
            auto_offset_reset="earliest",
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        try:
            async with asyncio.timeout(START_TIMEOUT_SECONDS):
                await consumer.start()
            yield consumer
        finally:
            await consumer.stop()


def _starts(
    since: Mapping[int, int], first: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Where to begin in each partition that has something to read; a topic made anew is read whole."""
    found: dict[TopicPartition, int] = {}
    for partition, end in ends.items():
        noted = since.get(partition.partition, 0)
        start = max(noted if noted <= end else 0, first[partition])
        if start < end:
            found[partition] = start
    return found


def _note(batch: Sequence[Any], into: Surplus) -> None:
    for record in batch:
        if record.value is None:
            continue
        head = _HEADS.decode(record.value)
        key = Key(head.unit, head.indicator, head.calendar, head.period, head.basis)
        into.add(key, head.version, head.tick, head.updated_at)
