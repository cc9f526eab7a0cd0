"""Apply: turns batches of the log into transactions. Core decides, the store writes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from chiso_shared.runtime.breaker import Breakers
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.consumer import PartitionsStopped, Record
from chiso_shared.runtime.lifecycle import describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.postgres import classify

from chiso_indicators.core.records import Bad, read_submission
from chiso_indicators.core.submissions import Accepted
from chiso_indicators.metrics import Metrics
from chiso_indicators.store.apply import Applied, ApplyStore, Decoded
from chiso_indicators.store.apply_rows import SubmissionAppeared
from chiso_indicators.store.reference import AnotherCatalogue

log = get_logger(__name__)

_MOST_OBSERVATIONS: Final = 5_000
_LOOK_SECONDS: Final = 0.1
_MOST_VERSIONS: Final = 1_000
_TRIES: Final = 4
# What Python says of values that no database has seen yet: impossible numbers, text that is no Unicode.
_VALUES_AT_FAULT: Final = (ArithmeticError, ValueError)


class Apply:
    """The handler of the submissions' consumer. `on_changed` hears that cells changed.

    `follow` makes `store` give one that works with the catalogue in force. What was checked by a catalogue
    that is new here, and names what this one does not know, waits `patience_seconds` for that catalogue.
    `stops`: a partition with too many bad records is stopped.
    """

    def __init__(
        self,
        store: Callable[[], ApplyStore],
        clock: Clock,
        metrics: Metrics,
        on_changed: Callable[[], None],
        *,
        follow: Callable[[], Awaitable[None]] | None = None,
        patience_seconds: float = 0.0,
        stops: bool = True,
    ) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._on_changed = on_changed
        self._follow = follow
        self._patience_seconds = patience_seconds
        self._stops = stops
        self._waited_for: set[str] = set()
        self._breakers = Breakers()
        self._oldest: datetime | None = None
        metrics.watch_oldest(self._age_seconds)

    async def stored_offsets(self, partitions: Collection[int]) -> Mapping[int, int]:
        """The next offset to apply of each partition."""
        return await self._store().stored_offsets(partitions)

    async def on_assigned(self, _partitions: Collection[int]) -> None:
        """A new assignment begins with closed breakers."""
        self._breakers = Breakers()

    async def handle(self, records: Sequence[Record]) -> None:
        """Applies a batch. Raises what the store raises, and PartitionsStopped after too many bad records."""
        batch = [Decoded(record, decode(record)) for record in records]
        self._oldest = min(
            (item.content.event.accepted_at for item in batch if isinstance(item.content, Accepted)),
            default=None,
        )
        came = [(item.record.partition, isinstance(item.content, Bad)) for item in batch]
        breakers = self._breakers.after(came if self._stops else ())
        stopped = breakers.stopped({partition for partition, _ in came})
        # Where too many records are bad it is no sender's fault, and putting the rest into quarantine would
        # only hide it: such a partition stops where it stands.
        batch = [item for item in batch if item.record.partition not in stopped]
        await self._await_catalogue(batch)
        for part in _portions(batch):
            await self._bisect(part)
        self._oldest, self._breakers = None, breakers
        if stopped:
            raise PartitionsStopped(stopped)

    async def _bisect(self, batch: Sequence[Decoded]) -> None:
        """Applies a batch; where values are at fault, halves it until the record is found and quarantined."""
        try:
            self._count(await self._apply(batch))
            return
        except Exception as error:
            if classify(error) != "data" and not isinstance(error, _VALUES_AT_FAULT):
                raise
            if len(batch) == 1:
                [item] = batch
                log.error("record quarantined", offset=item.record.offset, error=str(error))
                bad = Decoded(item.record, Bad("refused_by_store", describe(error)[:1_000]))
                self._count(await self._apply([bad]))
                return
        half = len(batch) // 2
        await self._bisect(batch[:half])
        await self._bisect(batch[half:])

    async def _apply(self, batch: Sequence[Decoded]) -> Applied:
        """Stores a batch; again where others stored a submission of it or changed the catalogue meanwhile."""
        for _ in range(_TRIES):
            try:
                return await self._store().apply(batch, self._clock.now())
            except SubmissionAppeared:
                continue  # it is known now
            except AnotherCatalogue:
                if self._follow is None:
                    raise
                await self._follow()
        return await self._store().apply(batch, self._clock.now())

    async def _await_catalogue(self, batch: Sequence[Decoded]) -> None:
        """The door may have a new catalogue a moment earlier; quarantine would be for ever."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_seconds
        while self._follow is not None and (unknown := self._unknown(batch)):
            if loop.time() >= deadline:
                log.warning("a catalogue of the door never came into force here", versions=sorted(unknown))
                self._waited_for = (
                    self._waited_for if len(self._waited_for) < _MOST_VERSIONS else set()
                ) | unknown
                return
            await asyncio.sleep(_LOOK_SECONDS)
            await self._follow()

    def _unknown(self, batch: Sequence[Decoded]) -> set[str]:
        """Catalogues by which the door let in what the one in force here cannot place."""
        store = self._store()
        passed = {store.catalogue_version, *self._waited_for}
        return {
            item.content.event.catalogue_version
            for item in batch
            if isinstance(item.content, Accepted)
            and item.content.event.catalogue_version not in passed
            and store.cannot_place(item.content)
        }

    def _count(self, applied: Applied) -> None:
        for outcome, count in applied.outcomes.items():
            self._metrics.observations.labels(outcome=outcome).inc(count)
        for reason, count in applied.quarantined.items():
            self._metrics.quarantined.labels(reason=reason).inc(count)
        self._metrics.applied(applied.accepted_at, self._clock.now())
        if applied.changed_cells:
            self._on_changed()

    def _age_seconds(self) -> float:
        oldest = self._oldest
        return 0.0 if oldest is None else max(0.0, (self._clock.now() - oldest).total_seconds())


def _portions(batch: Sequence[Decoded]) -> Iterator[list[Decoded]]:
    """The batch in parts that one transaction can take without keeping the event loop from its heartbeats."""
    part: list[Decoded] = []
    size = 0
    for item in batch:
        part.append(item)
        size += len(item.content.event.observations) if isinstance(item.content, Accepted) else 1
        if size >= _MOST_OBSERVATIONS:
            yield part
            part, size = [], 0
    if part:
        yield part


def decode(record: Record) -> Accepted | Bad:
    """The submission in a record, or why it is none."""
    try:
        content = read_submission(record.headers, record.value)
    except _VALUES_AT_FAULT as error:
        content = Bad("unreadable", describe(error)[:1_000])
    if isinstance(content, Bad):
        return content
    key = record.key.decode("utf-8", errors="replace") if record.key is not None else None
    document = (record.value or b"").decode()
    return Accepted(record.partition, record.offset, key, record.headers, document, content)
