"""What a start learns from the logs: what an older database lost (delivery, Restore). Publishes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from aiokafka.errors import KafkaError
from chiso_shared.contracts.alert import AlertState
from chiso_shared.contracts.codec import MalformedJSON, decode_model
from chiso_shared.contracts.operation import OperationEvent
from chiso_shared.contracts.topics import ALERTS_STATE, OPERATIONS, Topic
from chiso_shared.runtime.backoff import Backoff
from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.reading_back import Raw, read_back, read_operations, topic_ends
from pydantic import ValidationError

from chiso_alerts.books import Books
from chiso_alerts.core.recall import recalled
from chiso_alerts.decisions import OURS, record
from chiso_alerts.store import Store, Tick

log = get_logger(__name__)

_MARK_SECONDS: Final = 60.0
_CHUNK: Final = 1_000


@dataclass(slots=True)
class Told:
    """What the state topic says of the alerts: the last state of each, and the highest counters.

    An alert that was taken off the topic has no state any more; its counters stay.
    """

    states: dict[UUID, AlertState] = field(default_factory=dict)
    counters: dict[UUID, tuple[int, int]] = field(default_factory=dict)

    def take(self, records: Sequence[Raw]) -> None:
        """Notes records in the order of their partition; all of one alert stand in the same."""
        for raw in records:
            try:
                if raw.value is None:
                    self.states.pop(UUID((raw.key or b"").decode()), None)
                    continue
                state = decode_model(AlertState, raw.value)
            except (MalformedJSON, ValidationError, ValueError) as error:
                log.error(
                    "a record of the state topic is none of ours", offset=raw.offset, error=describe(error)
                )
                continue
            self.states[state.alert_id] = state
            before = self.counters.get(state.alert_id, (0, 0))
            self.counters[state.alert_id] = max(before[0], state.sequence), max(before[1], state.episode)


class Restoration(Background):
    """Before the first tick: reads what the state topic and the operations hold beyond this database.

    Alerts go on as the topic shows them, so that nothing is told twice; decisions take effect again. `start`
    waits for Kafka; `show` fills the gauges before. Afterwards it marks from time to time how far the topics
    have come: what lies below was written from this database, and the next start need not read it again.
    """

    def __init__(
        self, store: Store, books: Books, bootstrap: str, show: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__("restoration")
        self._show = show
        self._store = store
        self._books = books
        self._bootstrap = bootstrap

    async def start(self) -> None:
        """Raises nothing while Kafka is away: it waits, the start's own time limit ends it."""
        await self._show()
        for delay in Backoff(0.2, 3.0).delays():
            try:
                await self._restore()
                break
            except (KafkaError, OSError, TimeoutError) as error:
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
                ends = await topic_ends(self._bootstrap, topic)
                async with self._store.tick() as tick:
                    await put_marks(tick, topic, ends)
        except Exception as error:
            log.warning("the marks of the logs stay", error=describe(error))

    async def _restore(self) -> None:
        told = Told()
        state_ends = await read_back(
            self._bootstrap, ALERTS_STATE, await self._store.marks(ALERTS_STATE.name), told.take
        )
        operations, ends = await read_operations(self._bootstrap, await self._store.marks(OPERATIONS.name))
        async with self._store.tick() as tick:
            behind = await self._raise_floors(tick, told)
            await self._go_on_with(tick, [told.states[one] for one in behind if one in told.states])
            await _first_start(tick, operations)
            new = await record(tick, [one for one in operations if one.operation in OURS], publish=False)
            await put_marks(tick, ALERTS_STATE, state_ends)
            await put_marks(tick, OPERATIONS, ends)
        if behind or new:
            log.warning("the logs know more than the database", alerts=len(behind), operations=new)

    async def _raise_floors(self, tick: Tick, told: Told) -> list[UUID]:
        """The alerts that this database does not know as far as the topic does."""
        ids = sorted(told.counters)
        raised = await tick.connection.fetch(
            tick.queries.raise_floors,
            ids,
            [told.counters[one][0] for one in ids],
            [told.counters[one][1] for one in ids],
        )
        return [row["alert_id"] for row in raised]

    async def _go_on_with(self, tick: Tick, states: Sequence[AlertState]) -> None:
        found = [one for state in states if (one := recalled(state, self._books.current)) is not None]
        for start in range(0, len(found), _CHUNK):
            await tick.put_back(found[start : start + _CHUNK])


async def put_marks(tick: Tick, topic: Topic, ends: Mapping[int, int]) -> None:
    """Remembers how far the topic has come."""
    partitions = sorted(ends)
    await tick.connection.execute(
        tick.queries.put_marks, topic.name, partitions, [ends[number] for number in partitions]
    )


async def _first_start(tick: Tick, operations: Sequence[OperationEvent]) -> None:
    """The installation's first start, as its first catalogue tells it."""
    starts = [one.at for one in operations if one.operation == "catalogue_applied"]
    if starts:
        await tick.connection.execute(tick.queries.put_first_started_at, min(starts))
