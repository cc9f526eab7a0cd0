"""Reads the log of submissions between given offsets, for a rebuild. Decides nothing, keeps no position."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.consumer import Record
from chiso_shared.runtime.kafka import REQUEST_TIMEOUT_MS, START_TIMEOUT_SECONDS

_STALLED_SECONDS: Final = 30.0


class LogTooShort(Exception):
    """The log does not hold what the store has applied: it cannot be rebuilt from it."""


async def read_between(
    bootstrap: str, starts: Mapping[int, int], ends: Mapping[int, int], most: int
) -> AsyncIterator[list[Record]]:
    """Batches of at most `most` records, contiguous in each partition, from `starts` up to below `ends`.

    Raises LogTooShort where the log begins after a start, ends before an end or has a hole, and KafkaError or
    TimeoutError when the brokers do not answer.
    """
    behind = {
        TopicPartition(SUBMISSIONS.name, partition): end
        for partition, end in ends.items()
        if starts.get(partition, 0) < end
    }
    if not behind:
        return
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    try:
        async with asyncio.timeout(START_TIMEOUT_SECONDS):
            await consumer.start()
            await _verify(consumer, starts, behind)
        consumer.assign(list(behind))
        expected = {partition: starts.get(partition.partition, 0) for partition in behind}
        for partition, offset in expected.items():
            consumer.seek(partition, offset)
        while behind:
            async with asyncio.timeout(_STALLED_SECONDS):
                raw: dict[TopicPartition, list[Any]] = {}
                while not raw:
                    raw = await consumer.getmany(*behind, timeout_ms=500, max_records=most)
            batch: list[Record] = []
            for partition, records in raw.items():
                batch.extend(_below(records, behind[partition], expected, partition))
            if batch:
                yield batch
            behind = {one: end for one, end in behind.items() if expected[one] < end}
    finally:
        await consumer.stop()


async def _verify(
    consumer: AIOKafkaConsumer, starts: Mapping[int, int], wanted: Mapping[TopicPartition, int]
) -> None:
    first, last = await asyncio.gather(
        consumer.beginning_offsets(list(wanted)), consumer.end_offsets(list(wanted))
    )
    for partition, end in wanted.items():
        if first[partition] > starts.get(partition.partition, 0):
            raise LogTooShort(f"partition {partition.partition} begins at offset {first[partition]}")
        if last[partition] < end:
            raise LogTooShort(f"partition {partition.partition} ends at {last[partition]}, before {end}")


def _below(
    records: Sequence[Any], end: int, expected: dict[TopicPartition, int], partition: TopicPartition
) -> list[Record]:
    found: list[Record] = []
    for raw in records:
        if raw.offset >= end:
            break
        if raw.offset != expected[partition]:
            raise LogTooShort(f"partition {partition.partition} has a hole at {expected[partition]}")
        expected[partition] += 1
        headers = {name: (value or b"").decode("utf-8", errors="replace") for name, value in raw.headers}
        found.append(Record(raw.topic, raw.partition, raw.offset, raw.timestamp, raw.key, headers, raw.value))
    return found
