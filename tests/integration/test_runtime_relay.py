"""The relay on a real broker: order, fences, crashes, a frozen broker, a lost source."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from chiso_shared.contracts.events import Event
from chiso_shared.contracts.topics import Topic
from chiso_shared.runtime.relay import Fenced, OutboxMessage, Relay, SourceLost
from prometheus_client import CollectorRegistry

from tests.harness import Collected, collect, eventually, free_port
from tests.integration.test_runtime_producer import frozen

NewTopic = Callable[..., Awaitable[str]]


def message(topic: str, key: str, version: int, **settings: Any) -> OutboxMessage:
    event = Event(
        type="chiso.test.v1",
        id=f"{key}-{version}",
        source="/test",
        subject=key,
        time=datetime.now(UTC),
        data=str(version).encode(),
        partitionkey=key,
        sequence=version,
    )
    return OutboxMessage(Topic(topic, "key", ("chiso.test.v1",)), key.encode(), event, **settings)


class Outbox:
    """A stored history and how far it is published, as a database would keep it for several relays."""

    def __init__(self) -> None:
        self.history: list[OutboxMessage] = []
        self.published = 0
        self.batch_size = 50
        self.error: Exception | None = None
        self.advance_gate = asyncio.Event()
        self.advance_gate.set()
        self.age = 0.0
        self.asked = 0

    async def pending(self) -> tuple[Sequence[OutboxMessage], int] | None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        batch = self.history[self.published : self.published + self.batch_size]
        return (batch, self.published + len(batch)) if batch else None

    async def advance(self, position: int) -> None:
        await self.advance_gate.wait()
        self.published = max(self.published, position)

    async def oldest_seconds(self) -> float:
        return self.age


class Relays:
    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.identity = f"relay-{uuid4().hex[:8]}"
        self.made: list[Relay] = []

    async def start(self, outbox: Outbox, poll_ms: int = 20, **settings: Any) -> Relay:
        relay = Relay(self.identity, outbox, settings.pop("bootstrap", self.bootstrap), poll_ms, **settings)
        self.made.append(relay)
        await relay.start()
        return relay


@pytest.fixture
async def relays(kafka: str, kafka_topic: NewTopic) -> AsyncIterator[Relays]:
    relays = Relays(kafka)
    yield relays
    for relay in relays.made:
        await relay.stop()


def seen(records: Sequence[Collected]) -> list[tuple[str, int]]:
    return [((one.key or b"").decode(), int(one.value or b"-1")) for one in records]


async def test_everything_is_published_in_order_per_key(
    kafka: str, relays: Relays, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic(4)
    outbox = Outbox()
    outbox.history = [message(topic, f"k{n % 7}", n) for n in range(300)]
    relay = await relays.start(outbox)
    records = await collect(kafka, topic, lambda found: len(found) == 300)
    by_key: dict[str, list[int]] = {}
    for key, version in seen(records):
        by_key.setdefault(key, []).append(version)
    assert all(versions == sorted(versions) for versions in by_key.values())
    assert records[0].headers["ce_sequence"] == (records[0].value or b"").decode()
    await eventually(lambda: outbox.published == 300)
    assert relay.unready() is None


async def test_tombstones_chosen_partitions_and_a_wake_up(
    kafka: str, relays: Relays, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic(4)
    outbox = Outbox()
    relay = await relays.start(outbox, poll_ms=60_000)
    await eventually(lambda: relay.unready() is None)
    outbox.history = [
        message(topic, "a", 1, partition=3),
        message(topic, "a", 2, partition=3, tombstone=True),
    ]
    relay.wake()
    records = await collect(kafka, topic, lambda found: len(found) == 2)
    assert [(one.partition, one.value) for one in records] == [(3, b"1"), (3, None)]
    assert records[1].headers["ce_id"] == "a-2", "a tombstone is an event like any other"


async def test_a_second_relay_shuts_the_first_one_out_and_nothing_is_lost(
    kafka: str, relays: Relays, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic(1)
    outbox = Outbox()
    outbox.history = [message(topic, "k", 0)]
    first = await relays.start(outbox)
    await eventually(lambda: outbox.published == 1)
    second = await relays.start(outbox)
    await eventually(lambda: second.unready() is None)
    outbox.history += [message(topic, "k", n) for n in range(1, 200)]
    assert isinstance(await asyncio.wait_for(first.wait_failed(), 15), Fenced)
    await eventually(lambda: outbox.published == 200)
    records = await collect(kafka, topic, lambda found: bool(found) and found[-1].value == b"199")
    assert sorted({version for _, version in seen(records)}) == list(range(200))
    assert second.unready() is None


async def test_a_relay_that_was_paused_publishes_nothing_old_after_a_newer_one(
    kafka: str, relays: Relays, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic(1)
    paused_outbox, outbox = Outbox(), Outbox()
    paused_outbox.history = [message(topic, "k", 0)]
    paused = await relays.start(paused_outbox)
    await eventually(lambda: paused_outbox.published == 1)
    second = await relays.start(outbox)
    await eventually(lambda: second.unready() is None)
    outbox.history = [message(topic, "k", 7)]
    await eventually(lambda: outbox.published == 1)
    # It wakes up with an old state in hand.
    paused_outbox.history += [message(topic, "k", 3)]
    assert isinstance(await asyncio.wait_for(paused.wait_failed(), 15), Fenced)
    assert paused_outbox.published == 1
    outbox.history += [message(topic, "k", 8)]
    records = await collect(kafka, topic, lambda found: bool(found) and found[-1].value == b"8")
    assert [version for _, version in seen(records)] == [0, 7, 8]


async def test_a_crash_between_publish_and_advance_sends_again(
    kafka: str, relays: Relays, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic(1)
    outbox = Outbox()
    outbox.advance_gate.clear()
    outbox.history = [message(topic, "k", n) for n in range(3)]
    crashing = await relays.start(outbox)
    crashing.grace_seconds = 0.0
    await collect(kafka, topic, lambda found: len(found) == 3)
    await crashing.stop()
    assert outbox.published == 0
    outbox.advance_gate.set()
    await relays.start(outbox)
    await eventually(lambda: outbox.published == 3)
    records = await collect(kafka, topic, lambda found: len(found) == 6)
    assert [version for _, version in seen(records)] == [0, 1, 2, 0, 1, 2]
    assert records[0].headers["ce_id"] == records[3].headers["ce_id"]


async def test_a_frozen_broker_delays_and_loses_nothing(
    kafka: str, relays: Relays, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic(2)
    outbox = Outbox()
    relay = await relays.start(outbox)
    await eventually(lambda: relay.unready() is None)
    with frozen(kafka):
        outbox.history = [message(topic, f"k{n % 5}", n) for n in range(100)]
        await eventually(lambda: "Kafka" in (relay.unready() or ""), 15)
        assert outbox.published == 0
    await eventually(lambda: outbox.published == 100, 30)
    records = await collect(kafka, topic, lambda found: len({one.value for one in found}) == 100)
    assert {version for _, version in seen(records)} == set(range(100))
    await eventually(lambda: relay.unready() is None)


async def test_without_a_broker_it_waits_and_says_so(relays: Relays) -> None:
    registry = CollectorRegistry()
    outbox = Outbox()
    outbox.age = 12.5
    relay = await relays.start(
        outbox, bootstrap=f"127.0.0.1:{free_port()}", registry=registry, service="indicators"
    )
    await eventually(lambda: "Kafka does not take the outbox" in (relay.unready() or ""))
    labels = {"service": "indicators"}
    await eventually(lambda: registry.get_sample_value("chiso_outbox_oldest_seconds", labels) == 12.5)


async def test_a_queue_that_never_ends_is_seen_to_grow_old(
    relays: Relays, kafka: str, kafka_topic: NewTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, registry, outbox = await kafka_topic(), CollectorRegistry(), Outbox()
    outbox.history = [message(topic, "k", 0)]

    async def stays(position: int) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(outbox, "advance", stays)
    await relays.start(outbox, registry=registry, service="indicators")
    await eventually(lambda: outbox.asked > 2)
    outbox.age = 12.5
    labels = {"service": "indicators"}
    await eventually(lambda: registry.get_sample_value("chiso_outbox_oldest_seconds", labels) == 12.5)


async def test_a_lost_source_fails_the_process(relays: Relays) -> None:
    outbox = Outbox()
    relay = await relays.start(outbox)
    outbox.error = ConnectionError("the database is away")
    assert isinstance(await asyncio.wait_for(relay.wait_failed(), 20), SourceLost)


async def test_a_passing_trouble_of_the_source_is_survived(
    kafka: str, relays: Relays, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic(1)
    outbox = Outbox()
    outbox.error = ConnectionError("for a moment")
    await relays.start(outbox)
    await eventually(lambda: outbox.asked > 1)
    outbox.history = [message(topic, "k", 1)]
    outbox.error = None
    await eventually(lambda: outbox.published == 1)
    assert seen(await collect(kafka, topic, lambda found: len(found) == 1)) == [("k", 1)]
