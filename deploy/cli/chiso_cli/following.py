"""Reads a topic as any outside subscriber would: plain aiokafka, no group, every partition, raw records."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from chiso_cli.exits import AWAY, CommandFailed

_POLL_MS: Final = 250
_START_TIMEOUT_S: Final = 15


class _Trouble(logging.Handler):
    """Tells of the client's warnings once, until `over` is set: it goes on trying by itself."""

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell
        self.over = True

    def emit(self, record: logging.LogRecord) -> None:
        """One warning of the client."""
        if self.over:
            self.over = False
            self._tell()


@asynccontextmanager
async def following(
    bootstrap: str, topic: str, from_beginning: bool, on_trouble: Callable[[], None]
) -> AsyncIterator[Follower]:
    """A follower of the topic, from its beginning or from now. Raises CommandFailed if Kafka is away.

    `on_trouble` is called when the connection has trouble later; it is mended by itself when Kafka is back.
    """
    logger = logging.getLogger("aiokafka")
    logger.addHandler(logging.NullHandler())
    trouble = _Trouble(on_trouble)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id=f"chiso-watch-{os.getpid()}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        async with asyncio.timeout(_START_TIMEOUT_S):
            partitions = await _partitions(bootstrap, topic)
            await consumer.start()
            consumer.assign(partitions)
            ends = await _positioned(consumer, partitions, from_beginning)
        logger.addHandler(trouble)
        yield Follower(consumer, ends, trouble)
    except (KafkaConnectionError, TimeoutError) as error:
        raise CommandFailed(f"Kafka at {bootstrap} does not answer. Is chiso running?", AWAY) from error
    finally:
        logger.removeHandler(trouble)
        await consumer.stop()


async def _partitions(bootstrap: str, topic: str) -> list[TopicPartition]:
    """All partitions. Asks for every topic: asking for one by name could create it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        described = await admin.describe_topics()
    finally:
        await admin.close()
    found = next((entry for entry in described if entry["topic"] == topic), None)
    if found is None:
        raise CommandFailed(f"Kafka at {bootstrap} has no topic {topic}.", AWAY)
    return sorted(TopicPartition(topic, partition["partition"]) for partition in found["partitions"])


async def _positioned(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], from_beginning: bool
) -> Mapping[TopicPartition, int]:
    """Puts the consumer at the beginning or the end; the ends of the log as they are now."""
    ends = await consumer.end_offsets(partitions)
    starts = await consumer.beginning_offsets(partitions) if from_beginning else ends
    for partition in partitions:
        consumer.seek(partition, starts[partition])
    return {partition: int(ends[partition]) for partition in partitions}


class Follower:
    """Records as they come, partition by partition in order."""

    def __init__(
        self, consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], trouble: _Trouble
    ) -> None:
        self._trouble = trouble
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
            self._trouble.over = self._trouble.over or bool(batches)
            for records in batches.values():
                for record in records:
                    yield record

    async def _at_end(self) -> bool:
        for partition, end in self._ends.items():
            if await self._consumer.position(partition) < end:
                return False
        return True
