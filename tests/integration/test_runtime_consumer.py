"""The batch consumer on a real broker and a real PostgreSQL: rebalances, failures, moved offsets, holes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition
from chiso_shared.runtime.consumer import (
    BatchConsumer,
    HandlerWaits,
    NoProgress,
    OffsetsMoved,
    PartitionsStopped,
    Record,
)
from chiso_shared.runtime.settings import ServiceSettings
from prometheus_client import CollectorRegistry

from tests.harness import end_offsets, eventually, free_port

NewTopic = Callable[..., Awaitable[str]]

TABLES = """
CREATE TABLE stored (partition int PRIMARY KEY, next_offset bigint NOT NULL);
CREATE TABLE applied (partition int NOT NULL, record_offset bigint NOT NULL, value text, by text);
"""


class Store:
    """Applies records as a service does: offsets by compare-and-set and rows in one transaction."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], name: str = "one") -> None:
        self.pool = pool
        self.name = name
        self.batches: list[Sequence[Record]] = []
        self.errors: list[Exception] = []

    async def apply(self, records: Sequence[Record]) -> None:
        self.batches.append(records)
        if self.errors:
            raise self.errors.pop(0)
        low: dict[int, int] = {}
        high: dict[int, int] = {}
        for record in records:
            low.setdefault(record.partition, record.offset)
            high[record.partition] = record.offset + 1
        async with self.pool.acquire() as session, session.transaction():
            for partition in sorted(low):
                moved = await session.execute(
                    "UPDATE stored SET next_offset = $1 WHERE partition = $2 AND next_offset = $3",
                    high[partition],
                    partition,
                    low[partition],
                )
                if moved != "UPDATE 1":
                    raise OffsetsMoved
            await session.executemany(
                "INSERT INTO applied VALUES ($1, $2, $3, $4)",
                [(item.partition, item.offset, (item.value or b"").decode(), self.name) for item in records],
            )

    async def offsets(self, partitions: Collection[int]) -> Mapping[int, int]:
        await self.pool.executemany(
            "INSERT INTO stored VALUES ($1, 0) ON CONFLICT DO NOTHING",
            [(part,) for part in sorted(partitions)],
        )
        rows = await self.pool.fetch("SELECT * FROM stored WHERE partition = ANY($1)", list(partitions))
        return {row["partition"]: row["next_offset"] for row in rows}

    async def count(self) -> int:
        return int(await self.pool.fetchval("SELECT count(*) FROM applied"))

    async def has_applied_of_all_six(self) -> bool:
        query = "SELECT count(DISTINCT partition) FROM applied WHERE by = $1"
        return bool(await self.pool.fetchval(query, self.name) == 6)

    async def values(self, partition: int) -> list[str]:
        query = "SELECT value FROM applied WHERE partition = $1 ORDER BY record_offset"
        return [row["value"] for row in await self.pool.fetch(query, partition)]


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    async with asyncpg.create_pool(database, min_size=1, max_size=4) as pool:
        await pool.execute(TABLES)
        yield pool


@pytest.fixture
async def store(pool: asyncpg.Pool[asyncpg.Record]) -> Store:
    return Store(pool)


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True) as producer:
        yield producer


class Consumers:
    """Makes consumers of one topic and group and stops those that are left."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.group = f"group-{uuid4().hex[:8]}"
        self.made: list[BatchConsumer] = []

    def make(self, topic: str, store: Store, contiguous: bool = True, **settings: Any) -> BatchConsumer:
        self.registry = CollectorRegistry()
        consumer = BatchConsumer(
            ServiceSettings(kafka=settings.pop("bootstrap", self.bootstrap)),
            topic,
            self.group,
            settings.pop("handler", store.apply),
            settings.pop("stored_offsets", store.offsets),
            contiguous,
            settings.pop("max_records", 100),
            self.registry,
            "test",
            **settings,
        )
        self.made.append(consumer)
        return consumer

    async def start(
        self, topic: str, store: Store, contiguous: bool = True, **settings: Any
    ) -> BatchConsumer:
        consumer = self.make(topic, store, contiguous, **settings)
        await consumer.start()
        return consumer


@pytest.fixture
async def consumers(kafka: str, kafka_topic: NewTopic) -> AsyncIterator[Consumers]:
    # After kafka_topic, so that they stop before their topics are deleted.
    consumers = Consumers(kafka)
    yield consumers
    for consumer in consumers.made:
        await consumer.stop()


async def send(producer: AIOKafkaProducer, topic: str, partition: int, *values: str) -> None:
    for value in values:
        await producer.send_and_wait(topic, value.encode(), b"key", partition, headers=[("ce_id", b"1")])


async def test_records_arrive_whole_and_in_order(
    consumers: Consumers, store: Store, producer: AIOKafkaProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic(2)
    await send(producer, topic, 0, "a", "b")
    await send(producer, topic, 1, "c")
    await producer.send_and_wait(topic, None, b"gone", 1, timestamp_ms=1234, headers=[("x", b"\xff")])
    assigned: list[Collection[int]] = []

    async def on_assigned(partitions: Collection[int]) -> None:
        assert not store.batches
        assigned.append(partitions)

    consumer = await consumers.start(topic, store, on_assigned=on_assigned)
    assert consumer.unready() is not None
    await eventually(lambda: consumer.unready() is None)
    await eventually(lambda: sum(map(len, store.batches)) == 4)
    records = [record for batch in store.batches for record in batch]
    assert [(item.offset, item.value) for item in records if item.partition == 0] == [(0, b"a"), (1, b"b")]
    assert records[0].headers == {"ce_id": "1"}
    tombstone = next(item for item in records if item.key == b"gone")
    assert (tombstone.value, tombstone.timestamp_ms, tombstone.headers) == (None, 1234, {"x": "\ufffd"})
    assert assigned == [{0, 1}]
    await eventually(lambda: consumer.next_offsets == {0: 2, 1: 2})


async def test_every_record_is_applied_once_while_members_come_and_go(
    consumers: Consumers,
    pool: asyncpg.Pool[asyncpg.Record],
    producer: AIOKafkaProducer,
    kafka_topic: NewTopic,
) -> None:
    topic = await kafka_topic(6)
    enough = asyncio.Event()

    async def produce() -> int:
        number = 0
        while not enough.is_set():
            sent = [
                await producer.send(topic, str(n).encode(), b"k", n % 6) for n in range(number, number + 18)
            ]
            await asyncio.gather(*sent)
            number += len(sent)
        return number

    producing = asyncio.create_task(produce())
    stores = [Store(pool, name) for name in ("first", "second")]
    first = await consumers.start(topic, stores[0], max_records=50)
    await eventually(stores[0].has_applied_of_all_six)
    second = await consumers.start(topic, stores[1], max_records=50)
    await eventually(lambda: stores[1].batches and len(first.next_offsets) == 3)
    await first.stop()
    await eventually(stores[1].has_applied_of_all_six, 20)
    third = await consumers.start(topic, stores[0], max_records=50)
    await eventually(lambda: len(third.next_offsets) == 3, 20)
    enough.set()
    total = await producing

    async def all_applied() -> bool:
        return await stores[0].count() >= total

    await eventually(all_applied, 30)
    rows = await pool.fetch(
        "SELECT array_agg(value::int ORDER BY record_offset) AS v, count(DISTINCT by) AS d"
        " FROM applied GROUP BY partition"
    )
    assert sorted(number for row in rows for number in row["v"]) == list(range(total))
    assert all(row["v"] == sorted(row["v"]) for row in rows)
    assert all(row["d"] == 2 for row in rows), "a partition never changed hands: the test did not test"
    stored = await pool.fetch("SELECT * FROM stored")
    assert {row["next_offset"] for row in stored} == {total // 6}
    assert (second.unready(), third.unready()) == (None, None)


async def test_a_failure_is_retried_in_place_with_the_same_records(
    consumers: Consumers, store: Store, producer: AIOKafkaProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    store.errors = [ValueError("first"), ValueError("second")]
    consumer = await consumers.start(topic, store)
    await send(producer, topic, 0, "a")
    await eventually(lambda: "applying fails: ValueError" in (consumer.unready() or ""))
    await eventually(lambda: len(store.batches) == 3)
    assert store.batches[0] == store.batches[1] == store.batches[2]
    await send(producer, topic, 0, "b")
    await eventually(lambda: consumer.next_offsets == {0: 2})
    assert await store.values(0) == ["a", "b"]
    assert consumer.unready() is None


async def test_a_handler_that_waits_is_asked_again_beyond_the_time_for_failures(
    consumers: Consumers, store: Store, producer: AIOKafkaProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    store.errors = [HandlerWaits("somebody compares") for _ in range(5)]
    consumer = await consumers.start(topic, store, retry_seconds=0.2)
    await send(producer, topic, 0, "a")
    await eventually(lambda: len(store.batches) == 6)
    await eventually(lambda: consumer.next_offsets == {0: 1})
    assert await store.values(0) == ["a"] and consumer.unready() is None


async def test_a_failure_that_stays_fails_the_process_and_nothing_is_skipped(
    consumers: Consumers, store: Store, producer: AIOKafkaProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    store.errors = [ValueError(f"{n}") for n in range(1000)]
    consumer = await consumers.start(topic, store, retry_seconds=0.5)
    await send(producer, topic, 0, "a")
    assert isinstance(await asyncio.wait_for(consumer.wait_failed(), 10), ValueError)
    tries = len(store.batches)
    assert tries > 1
    await send(producer, topic, 0, "b")
    assert "failed" in (consumer.unready() or "")
    fetching = consumer._subscription.consumer

    async def has_fetched_b() -> bool:
        return bool(await fetching.position(TopicPartition(topic, 0)) == 2)

    await eventually(has_fetched_b)
    await consumer.stop()
    assert len(store.batches) == tries
    healthy = Store(store.pool)
    await consumers.start(topic, healthy)

    async def applied_both() -> bool:
        return await healthy.values(0) == ["a", "b"]

    await eventually(applied_both)


async def test_moved_offsets_drop_the_batch_and_reading_goes_on_from_the_store(
    consumers: Consumers, store: Store, producer: AIOKafkaProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    consumer = await consumers.start(topic, store)
    await send(producer, topic, 0, "a")
    await eventually(lambda: consumer.next_offsets == {0: 1})
    # Somebody else has applied two records that this consumer has not seen.
    await store.pool.execute("UPDATE stored SET next_offset = 3")
    await send(producer, topic, 0, "b", "c", "d", "e")
    await eventually(lambda: consumer.next_offsets == {0: 5})
    assert await store.values(0) == ["a", "d", "e"]
    assert consumer.unready() is None


async def test_offsets_that_keep_moving_fail_the_process(
    consumers: Consumers, store: Store, producer: AIOKafkaProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    store.errors = [OffsetsMoved() for _ in range(50)]
    consumer = await consumers.start(topic, store)
    await send(producer, topic, 0, "a")
    failure = await asyncio.wait_for(consumer.wait_failed(), 10)
    assert isinstance(failure, OffsetsMoved)
    assert len(store.batches) == 5


async def test_a_partition_that_the_handler_refuses_stops_and_no_other(
    consumers: Consumers, store: Store, producer: AIOKafkaProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic(2)

    async def apply(records: Sequence[Record]) -> None:
        refused = [item for item in records if item.partition == 0]
        await store.apply([item for item in records if item.partition != 0])
        if refused:
            raise PartitionsStopped({0: "too many bad records"})

    consumer = await consumers.start(topic, store, handler=apply)
    await send(producer, topic, 0, "bad")
    await eventually(lambda: consumer.unready() == "too many bad records")
    await send(producer, topic, 0, "b")
    await send(producer, topic, 1, "x", "y")
    await eventually(lambda: consumer.next_offsets == {0: 0, 1: 2})
    assert await store.values(0) == []
    assert await store.values(1) == ["x", "y"]


async def make_a_hole(bootstrap: str, topic: str) -> None:
    """The end of a transaction takes an offset that no reader is ever given."""
    before = (await end_offsets(bootstrap, topic))[0]
    async with (
        AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"hole-{uuid4().hex}") as producer,
        producer.transaction(),
    ):
        await producer.send_and_wait(topic, b"in transaction", b"k", 0)

    async def marked() -> bool:
        return (await end_offsets(bootstrap, topic))[0] == before + 2

    await eventually(marked)


async def test_a_hole_stops_its_partition_and_no_other(
    kafka: str, consumers: Consumers, store: Store, producer: AIOKafkaProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic(2)
    await make_a_hole(kafka, topic)
    await send(producer, topic, 0, "after the hole")
    await send(producer, topic, 1, "x")
    consumer = await consumers.start(topic, store)
    await eventually(lambda: 0 in consumer.stopped_partitions)
    await send(producer, topic, 1, "y", "z")
    await eventually(lambda: consumer.next_offsets == {0: 1, 1: 3})
    assert await store.values(0) == ["in transaction"]
    assert await store.values(1) == ["x", "y", "z"]
    assert "offset 1 is due, 2 came" in (consumer.unready() or "")


async def test_a_compacted_topic_may_have_holes_and_markers_are_no_lag(
    kafka: str, consumers: Consumers, store: Store, producer: AIOKafkaProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    await make_a_hole(kafka, topic)
    await send(producer, topic, 0, "after")
    await make_a_hole(kafka, topic)
    seen: list[int] = []

    async def apply(records: Sequence[Record]) -> None:
        seen.extend(record.offset for record in records)

    consumer = await consumers.start(topic, store, False, handler=apply)
    await eventually(lambda: seen == [0, 2, 3])
    labels = {"service": "test", "partition": "0"}
    await eventually(lambda: consumers.registry.get_sample_value("chiso_consumer_lag_records", labels) == 0)
    assert consumer.unready() is None


async def test_a_log_that_lost_its_beginning_is_not_skipped(
    kafka: str, consumers: Consumers, store: Store, producer: AIOKafkaProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    await send(producer, topic, 0, "a", "b", "c")
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=2)})
    await admin.close()
    consumer = await consumers.start(topic, store)
    await eventually(lambda: "offset 0 is due, 2 came" in (consumer.unready() or ""))
    assert not store.batches


async def test_a_log_cut_below_the_stored_offset_stops_its_partition(
    consumers: Consumers, store: Store, producer: AIOKafkaProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic(2)
    await store.offsets({0, 1})
    await store.pool.execute("UPDATE stored SET next_offset = 10 WHERE partition = 0")
    consumer = await consumers.start(topic, store)
    await eventually(lambda: consumer.unready() == "partition 0 ends at 0, but 10 was stored")
    await send(producer, topic, 0, "a")
    await send(producer, topic, 1, "x")
    await eventually(lambda: 0 in consumer.stopped_partitions)
    await eventually(lambda: consumer.next_offsets == {0: 10, 1: 1})
    assert await store.values(0) == []
    assert consumer.unready() is not None


async def test_silence_while_records_wait_fails_the_process(
    consumers: Consumers, store: Store, producer: AIOKafkaProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    hanging = asyncio.Event()

    async def hang(_records: Sequence[Record]) -> None:
        await hanging.wait()

    consumer = await consumers.start(topic, store, handler=hang, watchdog_seconds=2.0)
    await eventually(lambda: consumer.unready() is None)
    await send(producer, topic, 0, "a")
    failure = await asyncio.wait_for(consumer.wait_failed(), 15)
    assert isinstance(failure, NoProgress)
    assert "1 records are waiting" in str(failure)
    hanging.set()


async def test_an_idle_consumer_is_no_failure(
    consumers: Consumers, store: Store, producer: AIOKafkaProducer, kafka_topic: NewTopic
) -> None:
    consumer = await consumers.start(await kafka_topic(), store, watchdog_seconds=0.2)
    await eventually(lambda: consumer.unready() is None)
    with contextlib.suppress(TimeoutError):
        failure = await asyncio.wait_for(consumer.wait_failed(), 4.5)
        pytest.fail(f"an idle consumer failed: {failure}")
    assert consumer.unready() is None


async def test_offsets_that_cannot_be_read_fail_the_process_instead_of_guessing(
    consumers: Consumers, store: Store, producer: AIOKafkaProducer, kafka_topic: NewTopic
) -> None:
    topic = await kafka_topic()
    await send(producer, topic, 0, "a")

    async def broken(_partitions: Collection[int]) -> Mapping[int, int]:
        raise ConnectionError("the store is away")

    consumer = await consumers.start(topic, store, stored_offsets=broken, retry_seconds=0.5)
    assert isinstance(await asyncio.wait_for(consumer.wait_failed(), 10), ConnectionError)
    await consumer.stop()
    assert not store.batches


async def test_what_comes_one_by_one_is_applied_together(
    kafka_topic: NewTopic, store: Store, producer: AIOKafkaProducer, consumers: Consumers
) -> None:
    topic = await kafka_topic(1)
    await consumers.start(topic, store, gather_ms=1_500)
    await producer.send_and_wait(topic, b"0", partition=0)
    await eventually(lambda: store.batches)
    for number in range(1, 12):  # the next fetch waits in the broker meanwhile
        await producer.send_and_wait(topic, str(number).encode(), partition=0)
    await eventually(lambda: sum(map(len, store.batches)) == 12)
    assert len(store.batches) <= 3


async def test_without_a_broker_it_waits_says_so_and_can_be_stopped(
    consumers: Consumers, store: Store
) -> None:
    consumer = await consumers.start("any", store, bootstrap=f"127.0.0.1:{free_port()}")
    await eventually(lambda: "Kafka does not answer" in (consumer.unready() or ""))
    async with asyncio.timeout(5):
        await consumer.stop()
