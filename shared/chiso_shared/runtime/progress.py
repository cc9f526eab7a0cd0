"""Watches a consumer from outside: lag, log ends, silence. Reports and raises; applies and seeks nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from chiso_shared.runtime.kafka import PROBE_TIMEOUT_SECONDS, probe
from chiso_shared.runtime.lifecycle import describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.metrics import consumer_lag_gauge
from chiso_shared.runtime.positions import Positions
from chiso_shared.runtime.reasons import KAFKA_AWAY

log = get_logger(__name__)


class NoProgress(Exception):
    """Records are waiting, or partitions are, and nothing has moved for too long."""


class Progress:
    """How far a consumer is. Times are monotonic seconds of the running loop."""

    def __init__(
        self,
        positions: Positions,
        topic: str,
        registry: CollectorRegistry,
        service: str,
        patience_seconds: float,
        label_prefix: str = "",
    ) -> None:
        self._positions = positions
        self._topic = topic
        self._service = service
        self._label_prefix = label_prefix
        self._patience_seconds = patience_seconds
        self._gauge = consumer_lag_gauge(registry)
        self._committed: dict[int, int] = {}
        self._moved_at = 0.0
        self.away: str | None = "connecting to Kafka"
        self.lag: dict[int, int] = {}

    def moved(self) -> None:
        """Something was applied, or there was nothing to do."""
        self._moved_at = asyncio.get_running_loop().time()

    def waiting(self) -> int:
        """Records in the log that could be applied and are not."""
        return sum(self.lag.get(partition, 0) for partition in self._positions.moving())

    def silent_seconds(self) -> float:
        """Seconds since the last sign of progress."""
        return asyncio.get_running_loop().time() - self._moved_at

    def lost(self, error: BaseException) -> None:
        """The brokers do not answer."""
        if self.away != KAFKA_AWAY:
            log.warning(KAFKA_AWAY, topic=self._topic, error=describe(error))
        self.away = KAFKA_AWAY

    async def observe(self, consumer: AIOKafkaConsumer, assigned: bool, idle: bool) -> None:
        """Refreshes lag, gauges and reasons, notes positions in Kafka for outside tools.

        Raises NoProgress after too long a silence; while the brokers do not answer there is no silence, only
        `away`.
        """
        try:
            ends = await self._ends(consumer)
        except (KafkaError, OSError, TimeoutError) as error:
            self.lost(error)
            self.moved()
            return
        self.away = self._past_the_end(ends)
        self._measure(consumer, ends, idle)
        await self._note_in_kafka(consumer)
        if assigned and self.waiting() == 0:
            self.moved()
        if self.silent_seconds() > self._patience_seconds:
            what = f"{self.waiting()} records are waiting" if assigned else "no partitions were assigned"
            raise NoProgress(f"{what} and nothing moved for {self.silent_seconds():.0f} s")

    async def _ends(self, consumer: AIOKafkaConsumer) -> Mapping[int, int]:
        partitions = [TopicPartition(self._topic, partition) for partition in self._positions.next_offsets]
        if not partitions:
            await probe(consumer._client)
            return {}
        async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
            ends = await consumer.end_offsets(partitions)
        return {tp.partition: end for tp, end in ends.items()}

    def _measure(self, consumer: AIOKafkaConsumer, ends: Mapping[int, int], idle: bool) -> None:
        stale = self.lag.keys() - self._positions.next_offsets.keys()
        for partition in stale:
            self._gauge.remove(self._service, f"{self._label_prefix}{partition}")
        self.lag = {
            partition: max(0, ends[partition] - self._reached(consumer, partition, following, idle))
            for partition, following in self._positions.next_offsets.items()
            if partition in ends
        }
        for partition, lag in self.lag.items():
            self._gauge.labels(self._service, f"{self._label_prefix}{partition}").set(lag)

    def _reached(self, consumer: AIOKafkaConsumer, partition: int, following: int, idle: bool) -> int:
        # Transaction markers take offsets and are never handed over: with nothing in hand, the fetch
        # position tells that only markers follow.
        if not idle or partition in self._positions.stopped:
            return following
        state = consumer._subscription.subscription.assignment
        fetched = state.state_value(TopicPartition(self._topic, partition)) if state is not None else None
        return (
            max(following, fetched.position)
            if fetched is not None and fetched.has_valid_position
            else following
        )

    async def _note_in_kafka(self, consumer: AIOKafkaConsumer) -> None:
        fresh = {
            partition: following
            for partition, following in self._positions.next_offsets.items()
            if self._committed.get(partition) != following
        }
        if not fresh:
            return
        # For outside tools only; a refusal during a rebalance is of no consequence.
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                await consumer.commit({TopicPartition(self._topic, part): at for part, at in fresh.items()})
            self._committed.update(fresh)

    def _past_the_end(self, ends: Mapping[int, int]) -> str | None:
        # A reason, not a stop: a broker that comes back shows an older end for a moment. If the log really
        # was cut, what it gives next is out of place, and Positions stops the partition.
        for partition, following in self._positions.next_offsets.items():
            if ends.get(partition, following) < following:
                return f"partition {partition} ends at {ends[partition]}, but {following} was stored"
        return None
