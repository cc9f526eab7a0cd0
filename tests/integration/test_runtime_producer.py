"""What the producer says about a record, on a real broker that is there, frozen, away or refuses."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psutil
import pytest
from chiso_shared.contracts.events import Event
from chiso_shared.runtime.producer import NotAcknowledged, Producer

from tests.harness import collect, eventually, free_port

NewTopic = Callable[..., Awaitable[str]]
NewProducer = Callable[..., Awaitable[Producer]]


@contextmanager
def frozen(bootstrap: str) -> Iterator[None]:
    """The broker stands still: connections stay open, nothing is answered."""
    port = int(bootstrap.rpartition(":")[2])
    listeners = (one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN)
    pid = next(one.pid for one in listeners if one.laddr and one.laddr.port == port)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def event(data: bytes = b"{}") -> Event:
    identity = str(uuid4())
    return Event("chiso.test.v1", identity, "/test", "subject", datetime.now(UTC), data, "51")


@pytest.fixture
async def new_producer(kafka: str, kafka_topic: NewTopic) -> AsyncIterator[NewProducer]:
    made: list[Producer] = []

    async def make(bootstrap: str = kafka, **settings: Any) -> Producer:
        producer = Producer(bootstrap, probe_seconds=0.2, **settings)
        made.append(producer)
        await producer.start()
        return producer

    yield make
    for producer in made:
        await producer.stop()


async def ready(producer: Producer) -> Producer:
    await eventually(lambda: producer.unready() is None)
    return producer


async def test_an_acknowledged_record_is_in_the_log(
    kafka: str, new_producer: NewProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic(3)
    producer = await ready(await new_producer())
    sent = event(b'{"a":1}')
    answers = [await producer.send(sent, topic, b"51", partition=2) for _ in range(2)]
    assert [(one.topic, one.partition, one.offset) for one in answers] == [(topic, 2, 0), (topic, 2, 1)]
    records = await collect(kafka, topic, lambda found: len(found) == 2)
    assert (records[0].key, records[0].value, records[0].headers["ce_id"]) == (b"51", b'{"a":1}', sent.id)
    assert (producer.requests_in_flight, producer.bytes_in_flight) == (0, 0)


async def test_many_at_once_all_get_their_own_offset(
    new_producer: NewProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    producer = await ready(await new_producer())
    answers = await asyncio.gather(*(producer.send(event(), topic, b"k", 0) for _ in range(500)))
    assert sorted(one.offset for one in answers) == list(range(500))


async def test_a_frozen_broker_makes_the_outcome_unknown_in_time(
    kafka: str, new_producer: NewProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    producer = await ready(await new_producer(max_requests=2, abandon_ms=60_000))
    await producer.send(event(b"before"), topic, b"k", 0)
    loop = asyncio.get_running_loop()
    with frozen(kafka):
        began = loop.time()
        with pytest.raises(NotAcknowledged) as unknown:
            await producer.send(event(b"during"), topic, b"k", 0, timeout_ms=500)
        assert unknown.value.outcome == "unknown"
        assert 0.4 < loop.time() - began < 1.5
        assert producer.requests_in_flight == 1
        with pytest.raises(NotAcknowledged):
            await producer.send(event(b"during"), topic, b"k", 0, timeout_ms=100)
        with pytest.raises(NotAcknowledged) as full:
            await producer.send(event(b"refused"), topic, b"k", 0, timeout_ms=500)
        assert (full.value.outcome, full.value.reason) == ("not_sent", "too many records under way")
        await eventually(lambda: "Kafka does not answer" in (producer.unready() or ""))
    await ready(producer)
    await eventually(lambda: producer.requests_in_flight == 0)
    answer = await producer.send(event(b"after"), topic, b"k", 0)
    records = await collect(kafka, topic, lambda found: any(one.value == b"after" for one in found))
    # Unknown meant late this time; never twice.
    assert [one.value for one in records] == [b"before", b"during", b"during", b"after"]
    assert answer.offset == 3


async def test_an_unsettled_record_is_thrown_away_with_its_producer(
    kafka: str, new_producer: NewProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    producer = await ready(await new_producer(abandon_ms=200))
    await producer.send(event(b"before"), topic, b"k", 0)
    with frozen(kafka):
        with pytest.raises(NotAcknowledged):
            await producer.send(event(b"during"), topic, b"k", 0, timeout_ms=100)
        assert producer.requests_in_flight == 1
        await eventually(lambda: producer.requests_in_flight == 0, deadline_seconds=20)
    await ready(producer)
    assert (await producer.send(event(b"after"), topic, b"k", 0)).offset in (1, 2)


async def test_bytes_under_way_are_bounded(
    kafka: str, new_producer: NewProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    producer = await ready(await new_producer(max_bytes=10_000))
    await producer.send(event(), topic, b"k", 0)
    with frozen(kafka):
        with pytest.raises(NotAcknowledged):
            await producer.send(event(b"x" * 9_000), topic, b"k", 0, timeout_ms=50)
        with pytest.raises(NotAcknowledged) as full:
            await producer.send(event(b"x" * 2_000), topic, b"k", 0, timeout_ms=50)
    assert full.value.outcome == "not_sent"
    await eventually(lambda: producer.bytes_in_flight == 0)


async def test_without_a_broker_it_stays_up_and_says_not_sent(new_producer: NewProducer) -> None:
    producer = await new_producer(f"127.0.0.1:{free_port()}")
    with pytest.raises(NotAcknowledged) as early:
        await producer.send(event(), "any", b"k", 0)
    assert early.value.outcome == "not_sent"
    await eventually(lambda: "Kafka does not answer" in (producer.unready() or ""))
    async with asyncio.timeout(5):
        await producer.stop()


async def test_it_becomes_ready_when_the_broker_comes(
    kafka: str, new_producer: NewProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    with frozen(kafka):
        producer = await new_producer()
        with pytest.raises(NotAcknowledged) as early:
            await producer.send(event(), topic, b"k", 0)
        assert early.value.outcome == "not_sent"
    await ready(producer)
    assert (await producer.send(event(), topic, b"k", 0)).offset == 0


async def test_a_producer_spent_by_a_refused_batch_is_replaced(
    new_producer: NewProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic(1, **{"max.message.bytes": "2000"})
    producer = await ready(await new_producer())
    await producer.send(event(), topic, b"k", 0)
    with pytest.raises(NotAcknowledged) as refused:
        await producer.send(event(random.Random(1).randbytes(5_000)), topic, b"k", 0)
    assert refused.value.outcome == "unknown"
    assert "MessageSizeTooLarge" in refused.value.reason
    await ready(producer)
    assert (await producer.send(event(), topic, b"k", 0)).offset == 1


async def test_it_is_not_ready_while_a_topic_it_needs_is_missing(
    new_producer: NewProducer, kafka_topic: NewTopic
) -> None:
    there, missing = await kafka_topic(), f"no-such-{uuid4().hex}"
    producer = await new_producer(topics=[there, missing])
    await eventually(lambda: producer.unready() == f"no such topic: {missing}")
    await ready(await new_producer(topics=[there]))


async def test_what_cannot_be_addressed_was_not_sent(
    new_producer: NewProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    producer = await ready(await new_producer())
    with pytest.raises(NotAcknowledged) as wrong:
        await producer.send(event(), topic, b"k", 7)
    assert wrong.value.outcome == "not_sent"
    with pytest.raises(NotAcknowledged) as nowhere:
        await producer.send(event(), f"no-such-{uuid4().hex}", b"k", 0, timeout_ms=500)
    assert nowhere.value.outcome == "not_sent"
    assert producer.unready() is None
    assert (await producer.send(event(), topic, b"k", 0)).offset == 0
