"""Applies rollup events: decode, one transaction a batch, nothing skipped. Publishes nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from chiso_shared.contracts.codec import MalformedJSON, decode_model
from chiso_shared.contracts.rollup import RollupEvent
from chiso_shared.runtime.breaker import Breakers
from chiso_shared.runtime.consumer import PartitionsStopped, Record
from chiso_shared.runtime.lifecycle import describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.postgres import classify
from pydantic import ValidationError

from chiso_alerts.assessment import assess
from chiso_alerts.books import Books
from chiso_alerts.core.arrival import Arrival
from chiso_alerts.core.evaluate import Evaluated
from chiso_alerts.metrics import AlertMetrics
from chiso_alerts.rows import Refused
from chiso_alerts.store import Store

log = get_logger(__name__)

_LARGEST_VERSION = 2**63 - 1
_LONGEST_DETAIL = 1000
# What judging says of numbers that no rollup of ours has.
_VALUES_AT_FAULT: Final = (ArithmeticError, ValueError)


class TooManyBadRecords(Exception):
    """So many records cannot be applied that the fault must be here; what is left is not stored."""


class Read(NamedTuple):
    """A record and the rollup event in it, or why there is none."""

    record: Record
    content: Arrival | Refused


class RollupHandler:
    """The handler of a BatchConsumer on `chiso.rollups.v1`. `committed` is told after every stored batch."""

    def __init__(
        self, store: Store, books: Books, metrics: AlertMetrics, committed: Callable[[], None]
    ) -> None:
        self._store = store
        self._books = books
        self._first_started_at: datetime | None = None
        self._metrics = metrics
        self._committed = committed
        self._breakers = Breakers()
        self._coming = Breakers()  # as they will be once the batch under way is stored

    async def __call__(self, records: Sequence[Record]) -> None:
        """Stores the batch with its offsets. One record that cannot be judged or stored is quarantined.

        Raises PartitionsStopped once the others are stored, OffsetsMoved, TooManyBadRecords, and whatever
        else the database raises: the batch may be handed over again.
        """
        batch = [Read(record, decode(record)) for record in records]
        came = [(one.record.partition, isinstance(one.content, Refused)) for one in batch]
        self._coming = self._breakers.after(came)
        stopped = self._coming.stopped({partition for partition, _ in came})
        await self._bisect([one for one in batch if one.record.partition not in stopped])
        self._breakers = self._coming
        if stopped:
            raise PartitionsStopped(stopped)

    async def _bisect(self, batch: Sequence[Read]) -> None:
        if not batch:
            return
        try:
            await self._apply(batch)
            return
        except Exception as error:
            if classify(error) != "data" and not isinstance(error, _VALUES_AT_FAULT):
                raise
            if len(batch) == 1:
                [one] = batch
                self._refuse(one.record.partition)
                await self._apply(
                    [Read(one.record, _refused(one.record, "refused_by_store", describe(error)))]
                )
                self._breakers = self._breakers.after([(one.record.partition, True)])  # it is stored
                return
        middle = len(batch) // 2
        await self._bisect(batch[:middle])
        await self._bisect(batch[middle:])

    async def _apply(self, batch: Sequence[Read]) -> None:
        arrivals = [one.content for one in batch if isinstance(one.content, Arrival)]
        bad = [one.content for one in batch if isinstance(one.content, Refused)]
        first_started_at = await self._started()
        async with self._store.tick() as tick:
            await tick.apply_offsets([one.record for one in batch])
            await tick.see_rollups(arrivals)
            results = await assess(tick, self._books.current, arrivals, first_started_at)
            await tick.finish(results, bad)
        self._note(results, arrivals, bad)
        self._metrics.lag((one.rollup for one in arrivals), tick.now)

    async def _started(self) -> datetime:
        if self._first_started_at is None:
            self._first_started_at = await self._store.first_started_at()
        return self._first_started_at

    def _refuse(self, partition: int) -> None:
        """Notes a record that looked right. Raises TooManyBadRecords."""
        self._coming = self._coming.after([(partition, True)])
        for reason in self._coming.stopped([partition]).values():
            raise TooManyBadRecords(reason)

    def _note(
        self, results: Sequence[Evaluated], arrivals: Sequence[Arrival], bad: Sequence[Refused]
    ) -> None:
        self._metrics.evaluated(results)
        for one in bad:
            self._metrics.quarantined(one.reason)
            log.error(
                "record quarantined",
                partition=one.record.partition,
                offset=one.record.offset,
                reason=one.reason,
                detail=one.detail,
            )
        if results or bad:
            self._committed()


def decode(record: Record) -> Arrival | Refused:
    """The rollup event of a record, or why it is none."""
    if record.value is None:
        return _refused(record, "tombstone", "a rollup is never taken back")
    try:
        rollup = decode_model(RollupEvent, record.value)
    except MalformedJSON as error:
        return _refused(record, "malformed", str(error))
    except ValidationError as error:
        return _refused(record, "invalid", str(error))
    if b"\\u0000" in record.value or not 0 <= rollup.version <= _LARGEST_VERSION:
        return _refused(record, "invalid", "a text holds U+0000, or the version is out of range")
    return Arrival(rollup, record.headers.get("traceparent"), document=record.value.decode())


def _refused(record: Record, reason: str, detail: str) -> Refused:
    return Refused(record, reason, detail.replace("\x00", "\ufffd")[:_LONGEST_DETAIL])
