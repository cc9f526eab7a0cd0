"""The tables of alerts, and the lock under which every change is made. Decides nothing about alerts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from chiso_shared.contracts.topics import PARTITIONS, ROLLUPS
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.consumer import OffsetsMoved, Record
from chiso_shared.runtime.postgres import Database, Queries, load_queries

from chiso_alerts.core.arrival import Arrival
from chiso_alerts.core.evaluate import Evaluated
from chiso_alerts.core.missing import DatasetKey
from chiso_alerts.core.rulebook import RollupKey
from chiso_alerts.core.state import AlertMemory
from chiso_alerts.core.told import Fact
from chiso_alerts.remembered import Remembered
from chiso_alerts.rows import (
    Refused,
    Waiting,
    alert_row,
    arrival_of,
    as_json,
    by_column,
    memory_of,
    rollup_key,
    waiting_of,
)

PACKAGE: Final = "chiso_alerts"
_MICROSECOND: Final = timedelta(microseconds=1)

if TYPE_CHECKING:  # a generic in the stubs only
    Session = PoolConnectionProxy[asyncpg.Record]


class Store:
    """Reads, and opens ticks."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._queries: Queries = load_queries(PACKAGE)
        self._remembered = Remembered()

    async def stored_offsets(self, partitions: Collection[int]) -> Mapping[int, int]:
        """The next offset of each partition of the rollups' topic; 0 for one never seen."""
        async with self._database.pool.acquire() as connection, connection.transaction():
            wanted = sorted(partitions)
            await connection.execute(self._queries.ensure_offsets, ROLLUPS.name, wanted)
            rows = await connection.fetch(self._queries.stored_offsets, ROLLUPS.name, wanted)
        return {row["partition"]: row["next_offset"] for row in rows}

    @asynccontextmanager
    async def tick(self) -> AsyncIterator[Tick]:
        """One transaction under the tick lock; committed at the end, rolled back on any error."""
        async with self._database.pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(self._queries.lock_tick)
            if row is None:
                raise RuntimeError("the table alerts.tick has lost its row")
            now = max(self._clock.now(), row["stamp"] + _MICROSECOND)
            yield Tick(connection, self._queries, row["tick"] + 1, now, self._remembered)

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Tick]:
        """A tick's reading side: no lock, no number; nothing may be written through it."""
        async with self._database.pool.acquire() as connection, connection.transaction(readonly=True):
            yield Tick(connection, self._queries, 0, self._clock.now(), self._remembered)

    async def next_due(self) -> datetime | None:
        """When the next timer is due; None when none runs."""
        found: datetime | None = await self._database.pool.fetchval(self._queries.next_due)
        return found

    async def current_tick(self) -> int:
        """The number of the last tick."""
        row = await self._database.pool.fetchrow(self._queries.current_tick)
        return int(row["tick"]) if row is not None else 0

    async def first_started_at(self) -> datetime:
        """When this installation first started: now, if it never did."""
        found: datetime = await self._database.pool.fetchval(
            self._queries.first_started_at, self._clock.now()
        )
        return found

    async def next_quiet_change(self, after: datetime) -> datetime | None:
        """When a silence next begins or ends after that instant, or an acknowledgement runs out."""
        found: datetime | None = await self._database.pool.fetchval(self._queries.next_quiet_change, after)
        return found

    async def marks(self, topic: str) -> dict[int, int]:
        """How far each partition of a topic that alerts writes had come when it was last looked at."""
        partitions = list(range(PARTITIONS))
        rows = await self._database.pool.fetch(self._queries.stored_offsets, topic, partitions)
        return {row["partition"]: row["next_offset"] for row in rows}

    async def catalogue_version(self) -> str | None:
        """The version of the catalogue that the stored alerts were last held against."""
        row = await self._database.pool.fetchrow(self._queries.current_tick)
        return row["catalogue_version"] if row is not None else None

    async def counts(self) -> tuple[tuple[str, str, str, str, int], ...]:
        """How many alerts there are by rule, severity, province and state."""
        rows = await self._database.pool.fetch(self._queries.count_alerts)
        return tuple(
            (row["rule_id"], row["severity"], row["province"], row["state"], row["alerts"]) for row in rows
        )


class Tick:
    """What one transaction may do. `now` is its stamp: never earlier than any stamp before it.

    `connection` and `queries` are for the other statements that belong into the same transaction.
    """

    def __init__(
        self, connection: Session, queries: Queries, number: int, now: datetime, remembered: Remembered
    ) -> None:
        self._remembered = remembered
        self.connection = connection
        self.queries = queries
        self.number = number
        self.now = now
        self._shown: list[UUID] = []

    async def apply_offsets(self, records: Sequence[Record]) -> None:
        """Takes the records as applied. Raises OffsetsMoved when somebody else has applied any of them."""
        first: dict[int, int] = {}
        following: dict[int, int] = {}
        for record in records:
            first.setdefault(record.partition, record.offset)
            following[record.partition] = record.offset + 1
        partitions = sorted(first)
        moved = await self.connection.fetch(
            self.queries.apply_offsets,
            ROLLUPS.name,
            partitions,
            [first[partition] for partition in partitions],
            [following[partition] for partition in partitions],
        )
        if len(moved) != len(partitions):
            raise OffsetsMoved(f"{len(partitions) - len(moved)} of {len(partitions)} partitions")

    async def see_rollups(self, arrivals: Iterable[Arrival]) -> None:
        """Remembers the newest version of each rollup."""
        newest: dict[str, Arrival] = {}
        for arrival in arrivals:
            known = newest.get(arrival.rollup.key)
            if known is None or known.rollup.version < arrival.rollup.version:
                newest[arrival.rollup.key] = arrival
        rows = [
            (
                *rollup_key(one.rollup),
                one.rollup.version,
                one.rollup.phase,
                one.traceparent,
                one.document or as_json(one.rollup),
            )
            for one in newest.values()
        ]
        if rows:
            await self.connection.execute(self.queries.see_rollups, *by_column(rows))

    async def memories(self, alert_ids: Iterable[UUID]) -> dict[UUID, AlertMemory]:
        """What is remembered of those alerts; those never evaluated are left out."""
        rows = await self.connection.fetch(self.queries.memories, list(set(alert_ids)))
        return {row["alert_id"]: memory_of(row, self._remembered) for row in rows}

    async def seen(self, keys: Iterable[RollupKey]) -> dict[RollupKey, Arrival]:
        """The last version of each of those rollups; those never seen are left out."""
        wanted = sorted(set(keys))
        if not wanted:
            return {}
        rows = await self.connection.fetch(self.queries.seen_rollups, *by_column(wanted))
        return {rollup_key(one.rollup): one for one in map(arrival_of, rows)}

    async def missing_alerts(self, wanted: Sequence[tuple[str, DatasetKey]]) -> list[list[str]]:
        """For each rule and dataset of a province, the units that have an alert already."""
        found: list[list[str]] = [[] for _ in wanted]
        if wanted:
            rows = [
                (rule, key.province, key.dataset, key.calendar, key.period, key.basis) for rule, key in wanted
            ]
            for row in await self.connection.fetch(self.queries.missing_alerts, *by_column(rows)):
                found[row["ordinality"] - 1].append(row["unit"])
        return found

    async def due(self, limit: int) -> list[Waiting]:
        """Alerts whose timer is due at `now`."""
        return waiting_of(await self.connection.fetch(self.queries.due_alerts, self.now, limit))

    async def live(self, after: UUID, limit: int) -> list[Waiting]:
        """Alerts that are pending or stand, by id."""
        return waiting_of(await self.connection.fetch(self.queries.live_alerts, after, limit))

    async def open_rollups(self, after: tuple[str, str, str, str, str], limit: int) -> list[Arrival]:
        """Rollups seen last in a phase that is not closed, by key."""
        rows = await self.connection.fetch(self.queries.open_rollups, *after, limit)
        return [arrival_of(row) for row in rows]

    async def forget_resolved(self, before: datetime, limit: int) -> int:
        """Takes alerts resolved before that instant off the state topic; how many."""
        rows = await self.connection.fetch(self.queries.forget_resolved, before, self.number, limit)
        self._shown += [row["alert_id"] for row in rows]
        return len(rows)

    async def mark_suppressed(self, changed: Mapping[UUID, bool]) -> None:
        """Says of alerts whether their events are suppressed now; the state topic learns of it."""
        await self.connection.execute(
            self.queries.mark_suppressed, list(changed), list(changed.values()), self.number
        )
        self._shown += changed

    async def place(self, provinces: Mapping[UUID, str]) -> None:
        """Says in which provinces the units of alerts are now: by these they are looked for."""
        await self.connection.execute(self.queries.place_alerts, list(provinces), list(provinces.values()))

    async def set_catalogue_version(self, version: str) -> None:
        """The stored alerts have been held against that catalogue."""
        await self.connection.execute(self.queries.set_catalogue_version, version)

    async def finish(
        self, results: Sequence[Evaluated], refused: Sequence[Refused] = (), further_messages: int = 0
    ) -> None:
        """Stores what became of the alerts, and their events, under this tick's number.

        `further_messages` counts the decisions that were stored under this number and must be published.
        """
        if not results and not refused and not further_messages and not self._shown:
            return
        facts = [fact for result in results for fact in result.facts]
        if results:
            await self._put_alerts(results, [result.published for result in results])
            self._shown += [result.key.alert_id for result in results if result.published]
        if facts:
            await self._append(facts)
        if refused:
            await self._quarantine(refused)
        messages = further_messages + len(facts) + len(refused) + len(self._shown)
        await self.connection.execute(self.queries.finish_tick, self.number, self.now, messages, self._shown)

    async def put_back(self, results: Sequence[Evaluated]) -> None:
        """Stores alerts as they were told before; the state topic has them already."""
        await self._put_alerts(results, [False] * len(results))

    async def _put_alerts(self, results: Sequence[Evaluated], published: Sequence[bool]) -> None:
        texts = [as_json(result.memory) for result in results]
        columns = by_column([alert_row(result, text) for result, text in zip(results, texts, strict=True)])
        await self.connection.execute(self.queries.put_alerts, *columns, self.number, published)
        for result, text in zip(results, texts, strict=True):
            self._remembered.keep(result.key.alert_id, text, result.memory)

    async def _append(self, facts: Sequence[Fact]) -> None:
        rows = [
            (
                ordinal,
                fact.event.alert_id,
                fact.event.sequence,
                fact.event.transition,
                fact.event.reason,
                fact.id,
                fact.event.at,
                fact.traceparent,
                as_json(fact.event),
                as_json(fact.explanation),
            )
            for ordinal, fact in enumerate(facts)
        ]
        await self.connection.execute(self.queries.append_events, self.number, *by_column(rows))

    async def _quarantine(self, refused: Sequence[Refused]) -> None:
        rows = [
            (
                one.record.partition,
                one.record.offset,
                one.reason,
                one.detail,
                one.record.key,
                one.record.value,
            )
            for one in refused
        ]
        await self.connection.execute(
            self.queries.quarantine, ROLLUPS.name, self.number, self.now, *by_column(rows)
        )
