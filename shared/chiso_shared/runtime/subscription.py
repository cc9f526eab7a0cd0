"""The FastStream side of a consumer: batches without acknowledgement. Keeps no offsets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import FAKE_CONSUMER

from chiso_shared.contracts.topics import MAX_MESSAGE_BYTES
from chiso_shared.runtime.kafka import REQUEST_TIMEOUT_MS
from chiso_shared.runtime.positions import Record

OnBatch = Callable[[Sequence[Record]], Awaitable[None]]
OnRevoked = Callable[[], Awaitable[None]]
OnAssigned = Callable[[Collection[int]], Awaitable[None]]

# Short, so that a single record is handed over within tens of milliseconds; both only matter while idle.
_BATCH_TIMEOUT_MS: Final = 25
_FETCH_WAIT_MS: Final = 100
_GATHER_BYTES: Final = 1024 * 1024  # what is enough to be handed over at once
_SESSION_TIMEOUT_MS: Final = 30_000
_HEARTBEAT_MS: Final = 1_000  # also how soon a member learns of a rebalance
_REBALANCE_TIMEOUT_MS: Final = 60_000
_GRACE_SECONDS: Final = 5.0
_CLOSE_TIMEOUT_SECONDS: Final = 8.0


class Subscription:
    """One group member. The three callbacks must not raise; `on_assigned` sets the positions.

    With an `instance` the member is static: one that died takes its own place again at once, instead of after
    its session has run out. The name must be its own in the group.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        group: str,
        instance: str | None,
        max_records: int,
        on_batch: OnBatch,
        on_revoked: OnRevoked,
        on_assigned: OnAssigned,
        gather_ms: int = 0,
    ) -> None:
        self._gather_ms = gather_ms
        self._bootstrap = bootstrap
        self._topic = topic
        self._group = group
        self._instance = instance
        self._max_records = max_records
        self._on_batch = on_batch
        self._listener = _Listener(on_revoked, on_assigned)
        self._broker: KafkaBroker | None = None
        self._subscriber: Any = None

    @property
    def consumer(self) -> AIOKafkaConsumer:
        """The library's consumer; RuntimeError unless open."""
        consumer = getattr(self._subscriber, "consumer", None)
        if consumer is None:
            raise RuntimeError("the subscription is not open")
        return consumer

    async def open(self) -> None:
        """Joins the group. When it cannot, raises KafkaError or OSError and leaves nothing open."""
        self._broker = KafkaBroker(
            self._bootstrap,
            client_id=self._group,
            consumer_only=True,
            allow_auto_create_topics=False,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            metadata_max_age_ms=60_000,
            graceful_timeout=_GRACE_SECONDS,
            apply_types=False,
            logger=logging.getLogger("faststream"),
            log_level=logging.DEBUG,
        )
        self._subscriber = self._broker.subscriber(
            self._topic,
            group_id=self._group,
            group_instance_id=self._instance,
            batch=True,
            max_records=self._max_records,
            batch_timeout_ms=_BATCH_TIMEOUT_MS,
            # Gathering here, after a fetch, would keep the library from fetching the partitions beside.
            fetch_max_wait_ms=self._gather_ms or _FETCH_WAIT_MS,
            fetch_min_bytes=_GATHER_BYTES if self._gather_ms else 1,
            max_partition_fetch_bytes=MAX_MESSAGE_BYTES,
            auto_offset_reset="earliest",
            session_timeout_ms=_SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=_HEARTBEAT_MS,
            rebalance_timeout_ms=_REBALANCE_TIMEOUT_MS,
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            listener=self._listener,
            parser=_keep_raw,
            decoder=_give_raw,
        )
        self._subscriber(self._receive)
        try:
            await self._broker.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Waits a little for the batch under way, leaves the group and disconnects."""
        broker, self._broker = self._broker, None
        if broker is None:
            return
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
                await broker.stop()

    async def _receive(self, batch: tuple[ConsumerRecord[bytes, bytes], ...]) -> None:
        await self._on_batch([_record(raw) for raw in batch])


# Both are coroutines because FastStream would run plain functions in a thread.
async def _keep_raw(batch: tuple[ConsumerRecord[bytes, bytes], ...]) -> KafkaMessage:
    return KafkaMessage(batch, b"", correlation_id="batch", consumer=FAKE_CONSUMER)


async def _give_raw(message: KafkaMessage) -> Any:
    return message.raw_message


def _record(raw: ConsumerRecord[bytes, bytes]) -> Record:
    headers = {name: (value or b"").decode("utf-8", errors="replace") for name, value in raw.headers}
    return Record(raw.topic, raw.partition, raw.offset, raw.timestamp, raw.key, headers, raw.value)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, on_revoked: OnRevoked, on_assigned: OnAssigned) -> None:
        self._on_revoked = on_revoked
        self._on_assigned = on_assigned

    async def on_partitions_revoked(self, _revoked: Collection[TopicPartition]) -> None:
        await self._on_revoked()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        await self._on_assigned({tp.partition for tp in assigned})
