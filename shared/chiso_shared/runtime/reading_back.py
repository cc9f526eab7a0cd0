"""Reads back what stands on a topic beyond given offsets, for a database that is older than the logs.

It keeps no position and decides nothing: what an older database makes of it is the services' business.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from pydantic import ValidationError

from chiso_shared.contracts.codec import MalformedJSON, decode_model
from chiso_shared.contracts.operation import OperationEvent
from chiso_shared.contracts.topics import OPERATIONS, Topic
from chiso_shared.runtime.kafka import REQUEST_TIMEOUT_MS, START_TIMEOUT_SECONDS
from chiso_shared.runtime.lifecycle import describe
from chiso_shared.runtime.logs import get_logger

log = get_logger(__name__)

_STALLED_SECONDS: Final = 30.0
_MOST_RECORDS: Final = 5_000
Raw: TypeAlias = "ConsumerRecord[bytes, bytes]"
Take = Callable[[Sequence[Raw]], None]


async def read_back(bootstrap: str, topic: Topic, since: Mapping[int, int], take: Take) -> dict[int, int]:
    """Hands over what stands behind these offsets, in order inside each partition; where the partitions end.

    A topic that was made anew ends before an offset: all of it is news. Aborted records count too, because
    subscribers may have seen them. Raises KafkaError, or TimeoutError when the brokers do not answer or stop
    giving records.
    """
    async with _connected(bootstrap) as consumer:
        places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        async with asyncio.timeout(START_TIMEOUT_SECONDS):
            ends = await consumer.end_offsets(places)
            first = await consumer.beginning_offsets(places)
        behind: dict[TopicPartition, int] = {}
        for place, end in ends.items():
            mark = since.get(place.partition, 0)
            behind[place] = max(mark if mark <= end else 0, first[place])
        behind = {place: offset for place, offset in behind.items() if offset < ends[place]}
        consumer.assign(list(behind))
        for place, offset in behind.items():
            consumer.seek(place, offset)
        while behind:
            async with asyncio.timeout(_STALLED_SECONDS):
                batches = await consumer.getmany(*behind, timeout_ms=200, max_records=_MOST_RECORDS)
                for place, records in batches.items():
                    take([record for record in records if record.offset < ends[place]])
                positions = {place: await consumer.position(place) for place in behind}
            behind = {place: offset for place, offset in positions.items() if offset < ends[place]}
    return {place.partition: end for place, end in ends.items()}


async def topic_ends(bootstrap: str, topic: Topic) -> dict[int, int]:
    """Where each partition ends, asked of the brokers themselves. Raises as `read_back` does."""
    async with _connected(bootstrap) as consumer, asyncio.timeout(START_TIMEOUT_SECONDS):
        places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        ends = await consumer.end_offsets(places)
    return {place.partition: end for place, end in ends.items()}


async def read_operations(
    bootstrap: str, since: Mapping[int, int]
) -> tuple[list[OperationEvent], dict[int, int]]:
    """What people decided, behind these offsets, in the order in which they did; where the partitions end."""
    found: list[OperationEvent] = []

    def take(records: Sequence[Raw]) -> None:
        for record in records:
            try:
                if record.value is not None:
                    found.append(decode_model(OperationEvent, record.value))
            except (MalformedJSON, ValidationError) as error:
                log.error("an operation cannot be read", offset=record.offset, error=describe(error))

    ends = await read_back(bootstrap, OPERATIONS, since, take)
    return sorted(found, key=lambda one: (one.at, one.operation_id)), ends


@asynccontextmanager
async def _connected(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A connection of its own each time: a cached answer could miss a record."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_uncommitted",
        auto_offset_reset="earliest",
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        fetch_max_wait_ms=100,
    )
    try:
        async with asyncio.timeout(START_TIMEOUT_SECONDS):
            await consumer.start()
        yield consumer
    finally:
        await consumer.stop()
