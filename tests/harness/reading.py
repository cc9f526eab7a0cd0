"""Reads topics as an outsider would: plain aiokafka, no chiso code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition


@dataclass(frozen=True)
class Collected:
    """One record; `headers` decoded as text, in order of their first appearance."""

    partition: int
    offset: int
    key: bytes | None
    headers: dict[str, str]
    value: bytes | None

    @property
    def key_text(self) -> str:
        """The key as text; empty without one."""
        return (self.key or b"").decode("utf-8")

    @property
    def json(self) -> Any:
        """The value parsed; None for a tombstone."""
        return None if self.value is None else json.loads(self.value)


async def collect(
    bootstrap: str,
    topic: str,
    until: Callable[[list[Collected]], object],
    deadline_seconds: float = 10.0,
    from_beginning: bool = True,
) -> list[Collected]:
    """Read the topic until `until(records so far)` is true; AssertionError at the deadline."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest" if from_beginning else "latest",
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
    )
    records: list[Collected] = []
    try:
        await consumer.start()
        partitions = consumer.partitions_for_topic(topic) or await _partitions(consumer, topic)
        consumer.assign([TopicPartition(topic, number) for number in sorted(partitions)])
        async with asyncio.timeout(deadline_seconds):
            while not until(records):
                batches = await consumer.getmany(timeout_ms=100)
                records.extend(_collected(record) for batch in batches.values() for record in batch)
    except TimeoutError:
        raise AssertionError(
            f"{topic}: not what was waited for within {deadline_seconds:g} s; {len(records)} records came"
        ) from None
    finally:
        await consumer.stop()
    return records


async def end_offsets(bootstrap: str, topic: str) -> dict[int, int]:
    """The offset the next record of each partition will get."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        await consumer.start()
        partitions = await _partitions(consumer, topic)
        ends = await consumer.end_offsets([TopicPartition(topic, number) for number in sorted(partitions)])
        return {partition.partition: offset for partition, offset in ends.items()}
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.add_topic(topic)  # no public call fetches the metadata of one unassigned topic
    partitions = consumer.partitions_for_topic(topic)
    assert partitions, f"there is no topic {topic}"
    return set(partitions)


def _collected(record: Any) -> Collected:
    headers = {name: value.decode("utf-8") for name, value in record.headers if value is not None}
    return Collected(record.partition, record.offset, record.key, headers, record.value)
