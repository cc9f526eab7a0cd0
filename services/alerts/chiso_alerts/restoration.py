"""What a start learns from the logs: decisions and counters an older database lost (delivery, Restore)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeAlias
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from chiso_shared.contracts.alert import AlertState
from chiso_shared.contracts.codec import MalformedJSON, decode_model
from chiso_shared.contracts.operation import OperationEvent
from chiso_shared.contracts.topics import ALERTS_STATE, OPERATIONS, Topic
from chiso_shared.runtime.backoff import Backoff
from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger
from pydantic import ValidationError

from chiso_alerts.decisions import OURS, record
from chiso_alerts.store import Store, Tick

log = get_logger(__name__)

_MARK_SECONDS: Final = 60.0
_POLL_MS: Final = 500
Raw: TypeAlias = "ConsumerRecord[bytes, bytes]"


class Restoration(Background):
    """Before the first tick: reads what the state topic and the operations hold beyond this database.

    `start` waits for Kafka. Afterwards it marks from time to time how far the topics have come: what lies
    below was written from this database, and the next start need not read it again.
    """

    def __init__(self, store: Store, bootstrap: str) -> None:
        super().__init__("restoration")
        self._store = store
        self._bootstrap = bootstrap

    async def start(self) -> None:
        """Raises nothing while Kafka is away: it waits, the start's own time limit ends it."""
        for delay in Backoff(0.2, 3.0).delays():
            try:
                await self._restore()
                break
            except (KafkaError, OSError) as error:
                log.warning("the logs cannot be read yet", error=describe(error))
            await asyncio.sleep(delay)
        await super().start()

    async def run(self) -> None:
        """Moves the marks on; trouble only means that the next start reads more."""
        while not self.stopping.is_set():
            try:
                await asyncio.wait_for(self.stopping.wait(), _MARK_SECONDS)
            except TimeoutError:
                await self._mark()

    async def _mark(self) -> None:
        try:
            for topic in (ALERTS_STATE, OPERATIONS):
                async with _reader(self._bootstrap, topic) as consumer:
                    ends = await consumer.end_offsets(_partitions(topic))
                async with self._store.tick() as tick:
                    await put_marks(tick, topic, {at.partition: end for at, end in ends.items()})
        except Exception as error:
            log.warning("the marks of the logs stay", error=describe(error))

    async def _restore(self) -> None:
        states, state_ends = await self._surplus(ALERTS_STATE)
        decided, decided_ends = await self._surplus(OPERATIONS)
        counters = _counters(states)
        operations = _operations(decided)
        async with self._store.tick() as tick:
            ids = sorted(counters)
            raised = await tick.connection.fetch(
                tick.queries.raise_floors,
                ids,
                [counters[one][0] for one in ids],
                [counters[one][1] for one in ids],
            )
            new = await record(tick, operations, publish=False)
            await put_marks(tick, ALERTS_STATE, state_ends)
            await put_marks(tick, OPERATIONS, decided_ends)
        if raised or new:
            log.warning("the logs know more than the database", alerts=len(raised), operations=new)

    async def _surplus(self, topic: Topic) -> tuple[list[Raw], dict[int, int]]:
        """The records after the marks, and where each partition ends."""
        stored = await self._store.marks(topic.name)
        found: list[Raw] = []
        async with _reader(self._bootstrap, topic) as consumer:
            places = _partitions(topic)
            ends = await consumer.end_offsets(places)
            begins = await consumer.beginning_offsets(places)
            for place in places:
                mark = stored.get(place.partition, 0)
                # A topic that was made anew ends before the mark: all of it is news.
                consumer.seek(place, max(begins[place], mark if mark <= ends[place] else 0))
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                    found.extend(records)
        return found, {place.partition: end for place, end in ends.items()}


async def put_marks(tick: Tick, topic: Topic, ends: Mapping[int, int]) -> None:
    """Remembers how far the topic has come."""
    partitions = sorted(ends)
    await tick.connection.execute(
        tick.queries.put_marks, topic.name, partitions, [ends[number] for number in partitions]
    )


def _counters(records: Sequence[Raw]) -> dict[UUID, tuple[int, int]]:
    """The highest sequence and episode of each alert; a tombstone tells none."""
    found: dict[UUID, tuple[int, int]] = {}
    for raw in records:
        if raw.value is None:
            continue
        try:
            state = decode_model(AlertState, raw.value)
        except (MalformedJSON, ValidationError) as error:
            log.error("a record of the state topic is none of ours", offset=raw.offset, error=describe(error))
            continue
        before = found.get(state.alert_id, (0, 0))
        found[state.alert_id] = max(before[0], state.sequence), max(before[1], state.episode)
    return found


def _operations(records: Sequence[Raw]) -> list[OperationEvent]:
    """The decisions that alerts keeps, in the order in which they were made."""
    found: list[OperationEvent] = []
    for raw in records:
        try:
            if raw.value is not None:
                found.append(decode_model(OperationEvent, raw.value))
        except (MalformedJSON, ValidationError) as error:
            log.error("an operation cannot be read", offset=raw.offset, error=describe(error))
    return sorted((one for one in found if one.operation in OURS), key=lambda one: one.at)


def _partitions(topic: Topic) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number) for number in range(topic.partitions)]


@asynccontextmanager
async def _reader(bootstrap: str, topic: Topic) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="chiso-alerts-restoration",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
    )
    try:
        await consumer.start()
        consumer.assign(_partitions(topic))
        yield consumer
    finally:
        await consumer.stop()
