"""Publishes what a service has committed to its database, in its order, at least once. Decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced
from prometheus_client import CollectorRegistry

from chiso_shared.contracts.events import Event
from chiso_shared.contracts.topics import Topic
from chiso_shared.runtime.backoff import Backoff
from chiso_shared.runtime.kafka import discard_producer, open_producer, probe
from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.metrics import outbox_oldest_gauge

log = get_logger(__name__)

_NOT_TAKEN: Final = "Kafka does not take the outbox"

Position = Any
"""Where a source stands; opaque to the relay."""
Answer = TypeVar("Answer")

_BATCH_SECONDS: Final = 30.0
_TRANSACTION_TIMEOUT_MS: Final = 60_000
_SOURCE_ATTEMPTS: Final = 5
_REFUSALS: Final = 5
_OBSERVE_SECONDS: Final = 2.0
_LATE_SECONDS: Final = 3.0


class Fenced(Exception):
    """Another relay with the same transactional id has started; this process must end."""


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One record to publish. A tombstone has the event's headers and no value, so a compacted topic drops it.

    `partition=None` leaves the choice to the key.
    """

    topic: Topic
    key: bytes
    event: Event
    partition: int | None = None
    tombstone: bool = False


class OutboxSource(Protocol):
    """What a service has stored and not yet published, in an order that never changes."""

    async def pending(self) -> tuple[Sequence[OutboxMessage], Position] | None:
        """The next messages and the position after them; None when all is published."""
        ...

    async def advance(self, position: Position) -> None:
        """Remembers that everything up to `position` is published. Must be idempotent and never go back."""
        ...


@runtime_checkable
class KnowsAge(Protocol):
    """A source that can tell how late the relay is."""

    async def oldest_seconds(self) -> float:
        """Age in seconds of the oldest unpublished change, 0 when there is none."""
        ...


class Relay(Background):
    """Reads a source, publishes each batch in one Kafka transaction, then advances the source.

    The transaction is only a fence: a start with the same `transactional_id` shuts an older relay out, whose
    service then fails with Fenced. What is published was read after the own start, so an older state
    can never follow a newer one. After a crash between publish and advance the same messages are sent again.
    """

    grace_seconds = 5.0

    def __init__(
        self,
        transactional_id: str,
        source: OutboxSource,
        bootstrap: str,
        poll_ms: int = 100,
        *,
        registry: CollectorRegistry | None = None,
        service: str = "",
        name: str = "relay",
    ) -> None:
        super().__init__(name)
        self._transactional_id = transactional_id
        self._source = source
        self._bootstrap = bootstrap
        self._poll_seconds = poll_ms / 1000
        self._service = service
        self._gauge = outbox_oldest_gauge(registry) if registry is not None else None
        self._away: str | None = "connecting to Kafka"
        self._woken = asyncio.Event()
        self._observed_at = 0.0
        self._sending_since: float | None = None

    def wake(self) -> None:
        """Looks into the source at once instead of at the next poll."""
        self._woken.set()

    def unready(self) -> str | None:
        """Ready while the brokers answer and take what is pending."""
        return super().unready() or self._away or self._late()

    def _late(self) -> str | None:
        if self._sending_since is None:
            return None
        seconds = asyncio.get_running_loop().time() - self._sending_since
        return f"Kafka has not taken the outbox for {seconds:.0f} s" if seconds > _LATE_SECONDS else None

    async def stop(self) -> None:
        """Ends after the batch under way."""
        self.wake()
        await super().stop()

    async def run(self) -> None:
        """Connects and publishes, and connects anew after trouble; the position is in the source."""
        delays = Backoff(0.2, 3.0).delays()
        refusals = 0
        while not self.stopping.is_set():
            before = self._observed_at
            try:
                await self._connect_and_publish()
            except ProducerFenced as error:
                raise Fenced(f"a newer relay {self._transactional_id} has started") from error
            except (KafkaError, OSError, TimeoutError) as error:
                away = isinstance(error, OSError | TimeoutError) or error.retriable
                refusals = 0 if away or self._observed_at > before else refusals + 1
                if refusals >= _REFUSALS:
                    raise
                self._lost(error)
                await self._observe_age()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), next(delays))

    def _lost(self, error: BaseException) -> None:
        if self._away != _NOT_TAKEN:
            log.warning("relay will connect anew", relay=self.name, error=describe(error))
        self._away = _NOT_TAKEN

    async def _connect_and_publish(self) -> None:
        producer = await open_producer(
            self._bootstrap,
            self._transactional_id,
            linger_ms=0,
            transactional_id=self._transactional_id,
            transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
        )
        log.info("relay connected", relay=self.name, transactional_id=self._transactional_id)
        try:
            while not self.stopping.is_set():
                self._woken.clear()
                batch = await self._ask(self._source.pending)
                if batch is None:
                    await self._observe(producer)
                    await self._rest()
                    continue
                messages, position = batch
                self._sending_since = asyncio.get_running_loop().time()
                async with asyncio.timeout(_BATCH_SECONDS):
                    await _publish(producer, messages)
                self._away = self._sending_since = None
                await self._ask(partial(self._source.advance, position))
                await self._observe_age_sometimes()
        finally:
            self._sending_since = None
            await discard_producer(producer)

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), self._poll_seconds)

    async def _observe(self, producer: AIOKafkaProducer) -> None:
        """From time to time, while idle: do the brokers answer?"""
        now = asyncio.get_running_loop().time()
        if now - self._observed_at < _OBSERVE_SECONDS:
            return
        await probe(producer.client)
        self._observed_at = now
        self._away = None
        await self._observe_age()

    async def _observe_age_sometimes(self) -> None:
        """While busy: what waits behind a long queue is what the gauge is for."""
        now = asyncio.get_running_loop().time()
        if now - self._observed_at >= _OBSERVE_SECONDS:
            self._observed_at = now
            await self._observe_age()

    async def _observe_age(self) -> None:
        if self._gauge is not None and isinstance(self._source, KnowsAge):
            age = await self._ask(self._source.oldest_seconds)
            self._gauge.labels(service=self._service).set(age)

    async def _ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """The source's answer; it gets a few attempts, then its error ends the process."""
        delays = Backoff(0.1, 2.0).delays()
        for attempt in range(1, _SOURCE_ATTEMPTS + 1):
            try:
                return await question()
            except Exception as error:
                if attempt == _SOURCE_ATTEMPTS:
                    raise SourceLost(describe(error)) from error
                log.warning("outbox source failed", relay=self.name, attempt=attempt, error=describe(error))
            await asyncio.sleep(next(delays))
        raise AssertionError("unreachable: the last attempt raises")


class SourceLost(Exception):
    """The database behind the outbox failed again and again."""


async def _publish(producer: AIOKafkaProducer, messages: Sequence[OutboxMessage]) -> None:
    await producer.begin_transaction()
    acknowledgements = [
        await producer.send(
            message.topic.name,
            None if message.tombstone else message.event.data,
            message.key,
            message.partition,
            headers=message.event.headers(),
        )
        for message in messages
    ]
    # A record refused for good must be seen before the commit, which would not mention it.
    await asyncio.gather(*acknowledgements)
    await producer.commit_transaction()
