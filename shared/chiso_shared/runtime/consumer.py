"""Hands the records of a topic to a handler, batch by batch, from the offsets that the handler's store keeps.

Correctness comes from the store's compare-and-set, never from group membership or Kafka's committed offsets.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from chiso_shared.contracts.topics import Topic
from chiso_shared.runtime.backoff import Backoff
from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.positions import HandlerWaits, OffsetsMoved, PartitionsStopped, Positions, Record
from chiso_shared.runtime.producer import topic_name
from chiso_shared.runtime.progress import NoProgress, Progress
from chiso_shared.runtime.reasons import reason
from chiso_shared.runtime.settings import ServiceSettings
from chiso_shared.runtime.subscription import Subscription

__all__ = ["BatchConsumer", "HandlerWaits", "NoProgress", "OffsetsMoved", "PartitionsStopped", "Record"]

log = get_logger(__name__)

Handler = Callable[[Sequence[Record]], Awaitable[None]]
StoredOffsets = Callable[[Collection[int]], Awaitable[Mapping[int, int]]]
OnAssigned = Callable[[Collection[int]], Awaitable[None]]

_MISSES_IN_A_ROW: Final = 5
_OBSERVE_SECONDS: Final = 2.0
_REVOKE_WAIT_SECONDS: Final = 20.0


class BatchConsumer(Background):
    """Consumes `topic` as a member of `group`.

    `handler` gets records of several partitions, in order inside each, and stores them together with the next
    offsets in one transaction. If it raises, the same records are handed over again with growing pauses for
    `retry_seconds`, then the process fails. If it raises OffsetsMoved, the batch is dropped and reading goes
    on from `stored_offsets` (a partition missing there starts at 0); five in a row fail the process. After
    HandlerWaits it is asked again without an end, and nothing is amiss. With PartitionsStopped it refuses
    partitions, whose records stay unapplied, and the others go on.
    `contiguous` says that the log has no holes: a hole stops its partition, and only that one.
    `after` is awaited before it joins, `on_assigned` before the first record of an assignment. The broker
    gathers records for up to `gather_ms` (0: it hands over what there is), so that what comes one by one is
    stored together. A second consumer of a service takes a `label_prefix` for its partitions in the lag
    metric.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        topic: Topic | str,
        group: str,
        handler: Handler,
        stored_offsets: StoredOffsets,
        contiguous: bool,
        max_records: int,
        registry: CollectorRegistry,
        service: str,
        *,
        on_assigned: OnAssigned | None = None,
        gather_ms: int = 0,
        after: Callable[[], Awaitable[None]] | None = None,
        retry_seconds: float = 30.0,
        watchdog_seconds: float = 60.0,
        label_prefix: str = "",
        name: str = "consumer",
    ) -> None:
        super().__init__(name)
        self._topic = topic_name(topic)
        self._handler = handler
        self._stored_offsets = stored_offsets
        self._on_assigned_hook = on_assigned
        self._after = after
        self._retry_seconds = retry_seconds
        self._watchdog_seconds = watchdog_seconds
        self._positions = Positions(contiguous)
        self._progress = Progress(
            self._positions, self._topic, registry, service, watchdog_seconds, label_prefix
        )
        self._subscription = Subscription(
            settings.bootstrap_servers,
            self._topic,
            group,
            settings.instance or None,
            max_records,
            self._take,
            self._on_revoked,
            self._on_assigned,
            gather_ms,
        )
        self._turn = asyncio.Lock()
        self._epoch = 0
        self._assigned = False
        self._halted = False
        self._misses = 0
        self._trouble: str | None = None

    @property
    def next_offsets(self) -> Mapping[int, int]:
        """The next offset to apply by assigned partition."""
        return dict(self._positions.next_offsets)

    @property
    def stopped_partitions(self) -> Mapping[int, str]:
        """Partitions that apply nothing more, with the reason."""
        return dict(self._positions.stopped)

    def unready(self) -> str | None:
        """Ready when positions are set, no partition is stopped and what waits in the log moves."""
        return super().unready() or self._progress.away or self._trouble or self._stuck()

    def _stuck(self) -> str | None:
        if not self._assigned:
            return "waiting for partitions"
        if self._positions.stopped:
            return "; ".join(self._positions.stopped.values())
        silence, waiting = self._progress.silent_seconds(), self._progress.waiting()
        if waiting and silence > self._watchdog_seconds / 2:
            return f"{waiting} records are waiting and none was applied for {silence:.0f} s"
        return None

    async def run(self) -> None:
        """Joins the group, waiting for Kafka as long as it takes, then watches over the progress."""
        if self._after is not None:
            await self._after()
        for delay in Backoff(0.2, 3.0).delays():
            try:
                await self._subscription.open()
                break
            except (KafkaError, OSError, TimeoutError) as error:
                self._progress.lost(error)
            await asyncio.sleep(delay)
        self._progress.moved()
        while True:
            idle = not self._turn.locked()
            await self._progress.observe(self._subscription.consumer, self._assigned, idle)
            await asyncio.sleep(_OBSERVE_SECONDS)

    async def stop(self) -> None:
        """Gives the batch under way a few seconds, then leaves the group."""
        await super().stop()
        await self._subscription.close()

    # Batches

    async def _take(self, batch: Sequence[Record]) -> None:
        """Applies a batch. Never raises; after a failure it takes nothing more."""
        epoch = self._epoch
        async with self._turn:
            if self._halted or epoch != self._epoch:
                return  # fetched before a seek or a rebalance: it comes again, to whom it belongs
            admission = self._positions.admit(batch)
            if admission.records:
                await self._apply(admission.records)
            if self._epoch == epoch:
                self._seek(admission.seeks)
                self._stop_partitions(admission.stopped)

    async def _apply(self, records: Sequence[Record]) -> None:
        deadline = asyncio.get_running_loop().time() + self._retry_seconds
        for delay in Backoff(0.1, 5.0).delays():
            try:
                await self._handler(records)
            except OffsetsMoved:
                await self._after_miss(records)
                return
            except HandlerWaits as wait:
                log.info("batch waits", consumer=self.name, reason=str(wait))
                self._progress.moved()
                deadline = asyncio.get_running_loop().time() + self._retry_seconds
            except PartitionsStopped as stop:
                self._positions.applied([item for item in records if item.partition not in stop.reasons])
                self._stop_partitions(stop.reasons)
                self._moved()
                return
            except Exception as error:
                self._trouble = f"applying fails: {reason(error)}"
                log.warning("batch failed, will retry", consumer=self.name, error=describe(error))
                if asyncio.get_running_loop().time() + delay > deadline:
                    self._halt(error)
                    return
            else:
                self._positions.applied(records)
                self._moved()
                return
            await asyncio.sleep(delay)

    async def _after_miss(self, records: Sequence[Record]) -> None:
        self._misses += 1
        log.warning("stored offsets moved, batch dropped", consumer=self.name, misses=self._misses)
        if self._misses >= _MISSES_IN_A_ROW:
            self._halt(OffsetsMoved(f"{self._misses} times in a row"))
            return
        try:
            stored = await self._read_offsets({record.partition for record in records})
        except Exception as error:
            self._halt(error)
            return
        self._epoch += 1
        self._positions.correct(stored)
        self._seek(stored)

    def _moved(self) -> None:
        self._misses = 0
        self._trouble = None
        self._progress.moved()

    def _halt(self, error: BaseException) -> None:
        self._halted = True
        self.fail(error)

    def _seek(self, offsets: Mapping[int, int]) -> None:
        consumer = self._subscription.consumer
        for partition, offset in offsets.items():
            if TopicPartition(self._topic, partition) in consumer.assignment():
                consumer.seek(TopicPartition(self._topic, partition), offset)

    def _stop_partitions(self, stopped: Mapping[int, str]) -> None:
        for partition, why in stopped.items():
            log.error("partition stopped", consumer=self.name, partition=partition, reason=why)
            self._positions.stop(partition, why)
            if TopicPartition(self._topic, partition) in self._subscription.consumer.assignment():
                self._subscription.consumer.pause(TopicPartition(self._topic, partition))

    # Rebalances: never raise, because the library would log it and go on from its own committed offsets

    async def _on_revoked(self) -> None:
        # The batch under way may still finish; if it takes too long the compare-and-set decides.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._turn.acquire(), _REVOKE_WAIT_SECONDS)
            self._turn.release()
        self._epoch += 1
        self._assigned = False
        self._positions.revoke()

    async def _on_assigned(self, partitions: Collection[int]) -> None:
        async with self._turn:
            self._epoch += 1
            try:
                if self._on_assigned_hook is not None:
                    await self._on_assigned_hook(partitions)
                stored = await self._read_offsets(partitions)
            except Exception as error:
                self._halt(error)
                return
            self._positions.assign(stored)
            self._seek(stored)
            self._epoch += 1  # what was fetched while the offsets were read is not wanted
            self._assigned = True
            self._moved()
        log.info("partitions assigned", consumer=self.name, offsets=stored)

    async def _read_offsets(self, partitions: Collection[int]) -> dict[int, int]:
        deadline = asyncio.get_running_loop().time() + self._retry_seconds
        for delay in Backoff(0.1, 5.0).delays():
            try:
                stored = await self._stored_offsets(partitions)
                return {partition: stored.get(partition, 0) for partition in partitions}
            except Exception as error:
                self._trouble = f"stored offsets cannot be read: {reason(error)}"
                log.warning("stored offsets not read, will retry", consumer=self.name, error=describe(error))
                if asyncio.get_running_loop().time() + delay > deadline:
                    raise
            await asyncio.sleep(delay)
        raise AssertionError("unreachable: delays never end")
