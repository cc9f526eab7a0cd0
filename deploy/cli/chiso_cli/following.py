"""Reads a topic as any outside subscriber would: plain aiokafka, no group, every partition, raw records."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from chiso_cli.exits import AWAY, CommandFailed

_POLL_MS: Final = 250
_START_TIMEOUT_S: Final = 15


@asynccontextmanager
async def following(bootstrap: str, topic: str, from_beginning: bool) -> AsyncIterator[Follower]:
    """A follower of the topic, from its beginning or from now. Raises CommandFailed if Kafka is away."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id=f"chiso-watch-{os.getpid()}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        async with asyncio.timeout(_START_TIMEOUT_S):
            await consumer.start()
            yield_from = await _assigned(consumer, topic, from_beginning)
    except (KafkaConnectionError, TimeoutError) as error:
        await consumer.stop()
        raise CommandFailed(f"Kafka at {bootstrap} does not answer. Is chiso running?", AWAY) from error
    except BaseException:
        await consumer.stop()
        raise
    try:
        yield Follower(consumer, yield_from)
    finally:
        await consumer.stop()


async def _assigned(
    consumer: AIOKafkaConsumer, topic: str, from_beginning: bool
) -> Mapping[TopicPartition, int]:
    """Assigns all partitions, positions them, and gives the log's ends as they are now."""
    if topic not in await consumer.topics():
        raise CommandFailed(f"The topic {topic} does not exist there.", AWAY)
    partitions = [
        TopicPartition(topic, partition) for partition in sorted(consumer.partitions_for_topic(topic) or ())
    ]
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    if from_beginning:
        await consumer.seek_to_beginning(*partitions)
    else:
        for partition in partitions:
            consumer.seek(partition, ends[partition])
    return {partition: int(ends[partition]) for partition in partitions}


class Follower:
    """Records as they come, partition by partition in order."""

    def __init__(self, consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> None:
        self._consumer = consumer
        self._ends = ends

    async def records(self, until_end: bool) -> AsyncIterator[ConsumerRecord]:
        """Every record; with `until_end` up to where the log ended at the start.

        Raises CommandFailed when the broker cannot go on; a connection that comes back is waited for.
        """
        while not (until_end and await self._at_end()):
            try:
                batches = await self._consumer.getmany(timeout_ms=_POLL_MS)
            except KafkaError as error:
                raise CommandFailed(f"Kafka cannot go on: {type(error).__name__}.", AWAY) from error
            for records in batches.values():
                for record in records:
                    yield record

    async def _at_end(self) -> bool:
        for partition, end in self._ends.items():
            if await self._consumer.position(partition) < end:
                return False
        return True
