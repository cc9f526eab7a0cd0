"""A broker killed under load and started again: all recover by themselves, nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from chiso_local.child import spawn
from chiso_local.fetch import classpath
from chiso_local.java import find_java
from chiso_local.kafka import KafkaServer, problem
from chiso_local.settings import load_settings
from chiso_shared.contracts.events import Event
from chiso_shared.contracts.topics import Topic
from chiso_shared.runtime.consumer import BatchConsumer, OffsetsMoved, Record
from chiso_shared.runtime.producer import NotAcknowledged, Producer
from chiso_shared.runtime.relay import OutboxMessage, Relay
from chiso_shared.runtime.settings import ServiceSettings
from prometheus_client import CollectorRegistry

from tests.harness import eventually, free_ports
from tests.harness.topics import create_topic


class Broker:
    """A broker of this test's own, which may be killed."""

    def __init__(self, folder: Path) -> None:
        port, controller_port = free_ports(2)
        settings = load_settings()
        self._server = KafkaServer(
            folder / "kafka",
            port,
            controller_port,
            find_java(settings.java),
            classpath(settings.cache_folder),
            folder / "kafka.log",
        )
        self.bootstrap = f"127.0.0.1:{port}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        await self._server.prepare()
        self._process = await spawn(self._server.spec())

        async def answers() -> bool:
            return await problem(self.bootstrap) is None

        await eventually(answers, 60, 0.2)

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()


@pytest.fixture
async def broker(kafka: str, tmp_path: Path) -> AsyncIterator[Broker]:
    """`kafka` is asked for because it fetches what a broker is made of."""
    broker = Broker(tmp_path)
    await broker.start()
    yield broker
    await broker.kill()


class Outbox:
    def __init__(self) -> None:
        self.history: list[OutboxMessage] = []
        self.published = 0

    async def pending(self) -> tuple[Sequence[OutboxMessage], int] | None:
        batch = self.history[self.published : self.published + 100]
        return (batch, self.published + len(batch)) if batch else None

    async def advance(self, position: int) -> None:
        self.published = position


class Memory:
    """A store that compares and sets as a database would."""

    def __init__(self) -> None:
        self.stored: dict[int, int] = {}
        self.values: list[int] = []

    async def apply(self, records: Sequence[Record]) -> None:
        low: dict[int, int] = {}
        for record in records:
            low.setdefault(record.partition, record.offset)
        if any(self.stored.get(partition, 0) != offset for partition, offset in low.items()):
            raise OffsetsMoved
        self.stored.update({record.partition: record.offset + 1 for record in records})
        self.values.extend(int(record.value or b"-1") for record in records)

    async def offsets(self, partitions: Collection[int]) -> Mapping[int, int]:
        return {partition: self.stored.get(partition, 0) for partition in partitions}


def event(number: int) -> Event:
    return Event("chiso.test.v1", str(number), "/test", "s", datetime.now(UTC), str(number).encode(), "k")


async def test_a_killed_broker_that_comes_back_costs_nothing(broker: Broker) -> None:
    topic = await create_topic(broker.bootstrap, 3, {})
    published = Topic(await create_topic(broker.bootstrap, 3, {}), "key", ())
    memory, outbox = Memory(), Outbox()
    settings = ServiceSettings(kafka=broker.bootstrap)
    consumer = BatchConsumer(
        settings, topic, "g", memory.apply, memory.offsets, True, 500, CollectorRegistry(), "test"
    )
    producer = Producer(broker.bootstrap)
    parts = (consumer, producer, Relay("restart", outbox, broker.bootstrap))
    for part in parts:
        await part.start()
    acknowledged: list[int] = []
    done = asyncio.Event()

    async def load(first: int) -> None:
        number = first
        while not done.is_set():
            number += 4
            outbox.history.append(OutboxMessage(published, b"k", event(number)))
            try:
                await producer.send(event(number), topic, b"k", number % 3, timeout_ms=1_000)
                acknowledged.append(number)
            except NotAcknowledged:
                await asyncio.wait([asyncio.create_task(done.wait())], timeout=0.05)

    def all_ready() -> bool:
        return all(part.unready() is None for part in parts)

    def has_sent(wanted: int) -> bool:
        return len(acknowledged) >= wanted

    loads: list[asyncio.Task[None]] = []
    try:
        await eventually(all_ready)
        loads = [asyncio.create_task(load(first)) for first in range(4)]
        for wanted in (200, 400):
            await eventually(partial(has_sent, wanted), 30)
            await broker.kill()
            await eventually(lambda: "Kafka" in (producer.unready() or ""), 15)
            await broker.start()
            await eventually(all_ready, 30)
        done.set()
        await asyncio.gather(*loads)
        await eventually(lambda: set(acknowledged) <= set(memory.values), 30)
        await eventually(lambda: outbox.published == len(outbox.history), 30)
        assert len(memory.values) == len(set(memory.values))
        assert (producer.requests_in_flight, producer.bytes_in_flight) == (0, 0)
        assert not consumer.stopped_partitions
    finally:
        done.set()
        for part in parts:
            await part.stop()
