"""Applies rollup events: decode, one transaction a batch, nothing skipped. Publishes nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from chiso_shared.contracts.codec import MalformedJSON, decode_model
from chiso_shared.contracts.rollup import RollupEvent
from chiso_shared.runtime.breaker import Breaker
from chiso_shared.runtime.consumer import Record
from chiso_shared.runtime.lifecycle import describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.postgres import classify
from pydantic import ValidationError

from chiso_alerts.assessment import assess
from chiso_alerts.books import Books
from chiso_alerts.core.evaluate import Arrival, Evaluated
from chiso_alerts.metrics import AlertMetrics
from chiso_alerts.rows import Refused
from chiso_alerts.store import Store

log = get_logger(__name__)

_LARGEST_VERSION = 2**63 - 1
_LONGEST_DETAIL = 1000


class TooManyBadRecords(Exception):
    """So many records cannot be applied that the fault must be here; nothing of the batch is stored."""


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
        self._breakers: dict[int, Breaker] = {}

    async def __call__(self, records: Sequence[Record]) -> None:
        """Stores the batch with its offsets. A record the database refuses is found and quarantined.

        Raises OffsetsMoved, TooManyBadRecords, and whatever else the database raises: the batch may be handed
        over again.
        """
        try:
            await self._apply(records, ())
        except Exception as error:
            if classify(error) != "data":
                raise
            if len(records) == 1:
                await self._apply((), (_refused(records[0], "refused_by_database", describe(error)),))
                return
            middle = len(records) // 2
            await self(records[:middle])
            await self(records[middle:])

    async def _apply(self, records: Sequence[Record], refused: Sequence[Refused]) -> None:
        read = [decode(record) for record in records]
        arrivals = [one for one in read if isinstance(one, Arrival)]
        bad = [*refused, *(one for one in read if isinstance(one, Refused))]
        breakers = self._checked([*records, *(one.record for one in refused)], bad)
        first_started_at = await self._started()
        async with self._store.tick() as tick:
            await tick.apply_offsets(records or [one.record for one in refused])
            await tick.see_rollups(arrivals)
            results = await assess(tick, self._books.current, arrivals, first_started_at)
            await tick.finish(results, bad)
        self._breakers |= breakers
        self._note(results, arrivals, bad)
        self._metrics.lag((one.rollup for one in arrivals), tick.now)

    async def _started(self) -> datetime:
        if self._first_started_at is None:
            self._first_started_at = await self._store.first_started_at()
        return self._first_started_at

    def _checked(self, records: Sequence[Record], bad: Sequence[Refused]) -> dict[int, Breaker]:
        """The breakers of these partitions once the batch is stored. Raises TooManyBadRecords."""
        refused = {(one.record.partition, one.record.offset) for one in bad}
        flags: dict[int, list[bool]] = {}
        for record in records:
            flags.setdefault(record.partition, []).append((record.partition, record.offset) in refused)
        came = {part: self._breakers.get(part, Breaker()).after(batch) for part, batch in flags.items()}
        for partition, breaker in came.items():
            if breaker.tripped is not None:
                raise TooManyBadRecords(f"partition {partition}: {breaker.tripped}")
        return came

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
    return Arrival(rollup, record.headers.get("traceparent"))


def _refused(record: Record, reason: str, detail: str) -> Refused:
    return Refused(record, reason, detail.replace("\x00", "\ufffd")[:_LONGEST_DETAIL])
