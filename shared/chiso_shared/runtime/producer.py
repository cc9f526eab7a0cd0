"""Sends one event and waits until all in-sync replicas have it. Never claims safety that it has not seen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Literal

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from chiso_shared.contracts.events import Event
from chiso_shared.contracts.topics import Topic
from chiso_shared.runtime.backoff import Backoff
from chiso_shared.runtime.kafka import close_producer, discard_producer, is_alive, open_producer, probe
from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.reasons import KAFKA_AWAY

log = get_logger(__name__)

Outcome = Literal["unknown", "not_sent"]

_RECORD_OVERHEAD_BYTES = 100


class NotAcknowledged(Exception):
    """The record is not known to be safe.

    `outcome` is `not_sent` when no byte can have left, `unknown` when the record may be in the log.
    """

    def __init__(self, outcome: Outcome, reason: str) -> None:
        self.outcome = outcome
        self.reason = reason
        super().__init__(f"{outcome}: {reason}")


class Producer(Background):
    """An idempotent producer that connects in the background and is replaced when broken.

    At most `max_requests` records and `max_bytes` bytes are under way; a record whose time ran out still
    counts until the brokers have settled it, because the library keeps trying. If that takes longer than
    `abandon_ms` more, the producer is thrown away with the record, which so cannot reach the log long after
    its sender was told "unknown": a close waits ten seconds (delivery, Close).
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        client_id: str = "chiso",
        linger_ms: int = 15,
        max_requests: int = 2_000,
        max_bytes: int = 64 * 1024 * 1024,
        abandon_ms: int = 3_000,
        topics: Iterable[Topic | str] = (),
        probe_seconds: float = 2.0,
        name: str = "kafka-producer",
    ) -> None:
        super().__init__(name)
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._linger_ms = linger_ms
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._abandon_seconds = abandon_ms / 1000
        self._topics = tuple(topic_name(topic) for topic in topics)
        self._probe_seconds = probe_seconds
        self._producer: AIOKafkaProducer | None = None
        self._away: str | None = "connecting to Kafka"
        self._broken = asyncio.Event()
        self.requests_in_flight = 0
        self.bytes_in_flight = 0

    async def send(
        self,
        event: Event,
        topic: Topic | str,
        key: bytes,
        partition: int | None = None,
        timeout_ms: int = 5_000,
    ) -> RecordMetadata:
        """Topic, partition and offset of the acknowledged record. Raises NotAcknowledged, nothing else."""
        producer = self._producer
        size = len(event.data) + len(key) + _RECORD_OVERHEAD_BYTES
        if producer is None:
            raise NotAcknowledged("not_sent", self._away or "Kafka is away")
        if self.requests_in_flight >= self._max_requests or self.bytes_in_flight + size > self._max_bytes:
            raise NotAcknowledged("not_sent", "too many records under way")
        self.requests_in_flight += 1
        self.bytes_in_flight += size
        handed_over = False
        outcome: Outcome

        def settled(future: asyncio.Future[RecordMetadata] | None = None) -> None:
            self.requests_in_flight -= 1
            self.bytes_in_flight -= size
            if future is not None and not future.cancelled() and future.exception() is not None:
                # A batch given up leaves a hole in the sequence numbers: this producer is spent.
                self._replace(producer)

        try:
            async with asyncio.timeout(timeout_ms / 1000):
                acknowledged = await producer.send(
                    topic_name(topic), event.data, key, partition, headers=event.headers()
                )
                handed_over = True
                acknowledged.add_done_callback(settled)
                # Shielded: the future must live on, it frees the space when the brokers have settled it.
                return await asyncio.shield(acknowledged)
        except TimeoutError:
            outcome = "unknown" if handed_over else "not_sent"
            if handed_over:
                self._abandon_later(producer, acknowledged)
            raise NotAcknowledged(outcome, f"Kafka did not answer within {timeout_ms} ms") from None
        except Exception as error:
            if not is_alive(producer):
                self._replace(producer)
            log.warning("record not acknowledged", error=describe(error))
            outcome = "unknown" if handed_over else "not_sent"
            raise NotAcknowledged(
                outcome, f"Kafka did not take the record ({type(error).__name__})"
            ) from error
        finally:
            if not handed_over:
                settled()

    def unready(self) -> str | None:
        """Ready while a producer is connected and the brokers answer."""
        return super().unready() or self._away

    async def run(self) -> None:
        """Keeps one living producer until `stop`."""
        delays = Backoff(0.2, 3.0).delays()
        while True:
            try:
                producer = await open_producer(self._bootstrap, self._client_id, self._linger_ms)
            except (KafkaError, OSError, TimeoutError) as error:
                self._lost(error)
                await asyncio.sleep(next(delays))
                continue
            delays = Backoff(0.2, 3.0).delays()
            self._broken.clear()
            self._producer = producer
            log.info("producer connected", bootstrap=self._bootstrap)
            try:
                await self._watch(producer)
                log.warning("producer replaced")
            finally:
                self._producer = None
                await (close_producer if self.stopping.is_set() else discard_producer)(producer)

    async def _watch(self, producer: AIOKafkaProducer) -> None:
        for topic in self._topics:
            await producer.client.add_topic(topic)
        while is_alive(producer):
            try:
                await probe(producer.client)
                self._away = self._missing_topics(producer)
            except (KafkaError, OSError, TimeoutError) as error:
                self._lost(error)
            try:
                async with asyncio.timeout(self._probe_seconds):
                    await self._broken.wait()
                return
            except TimeoutError:
                continue

    def _lost(self, error: BaseException) -> None:
        if self._away != KAFKA_AWAY:
            log.warning(KAFKA_AWAY, error=describe(error))
        self._away = KAFKA_AWAY

    def _missing_topics(self, producer: AIOKafkaProducer) -> str | None:
        known = producer.client.cluster.topics()
        missing = [topic for topic in self._topics if topic not in known]
        return f"no such topic: {', '.join(missing)}" if missing else None

    def _abandon_later(self, producer: AIOKafkaProducer, record: asyncio.Future[RecordMetadata]) -> None:
        def abandon() -> None:
            if not record.done():
                self._replace(producer)

        asyncio.get_running_loop().call_later(self._abandon_seconds, abandon)

    def _replace(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._away = "reconnecting to Kafka"
            self._producer = None
            self._broken.set()


def topic_name(topic: Topic | str) -> str:
    """The name of a topic given either way."""
    return topic if isinstance(topic, str) else topic.name
