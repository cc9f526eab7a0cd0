"""Runs histories through the service: its core, its SQL, a real PostgreSQL, a clock that is moved by hand."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
from chiso_indicators.consumer import decode
from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.plan import Planner
from chiso_indicators.metrics import Metrics
from chiso_indicators.store.apply import ApplyStore, Decoded
from chiso_indicators.store.audit import audit
from chiso_indicators.store.roll import RollStore
from chiso_indicators.store.start import fill_reference, first_start
from chiso_indicators.ticker import Ticker
from chiso_shared.catalogue import load_catalogue
from chiso_shared.contracts.codec import decode_json, encode_json
from chiso_shared.contracts.events import SOURCE_INGEST, Event, content_id
from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.consumer import Record
from chiso_shared.runtime.metrics import new_registry
from chiso_shared.runtime.migrations import migrate
from chiso_shared.runtime.postgres import Database

from tests.model.judge import Cell, CellKey, Rollup
from tests.model.reference import SEEDS

RollupKey = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class HandClock(Clock):
    """Stands where it was put."""

    instants: list[datetime] = None  # type: ignore[assignment]

    def now(self) -> datetime:
        """The instant it was put to last."""
        return self.instants[-1]


def event_of(document: Mapping[str, Any]) -> Event:
    """The event that the door would have written."""
    payload = {**document, "key_id": "model", "catalogue_version": "model"}
    return Event(
        type=SUBMISSIONS.event_types[0],
        id=content_id(document["agency"], document["submission_id"]),
        source=SOURCE_INGEST,
        subject=document["agency"],
        time=document["accepted_at"],
        data=encode_json(payload),
        partitionkey="51",
    )


@dataclass
class Service:
    """Apply and Roll on one database, driven step by step."""

    database: Database
    assembler: Assembler
    apply_store: ApplyStore
    ticker: Ticker
    clock: HandClock
    next_offset: int = 0

    async def apply(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """One batch of the log."""
        batch = [self._decoded(document) for document in documents]
        await self.apply_store.stored_offsets([0])
        await self.apply_store.apply(batch, datetime.now(UTC))

    def _decoded(self, document: Mapping[str, Any]) -> Decoded:
        event = event_of(document)
        headers = {name: value.decode() for name, value in event.headers()}
        record = Record(SUBMISSIONS.name, 0, self.next_offset, 0, b"51", headers, event.data)
        self.next_offset += 1
        return Decoded(record, decode(record))

    async def tick(self) -> None:
        """Ticks until there is nothing to do at this instant."""
        while await self.ticker.step():
            pass

    async def drift(self) -> list[dict[str, Any]]:
        """What the service's own audit says."""
        return (await audit(self.database.pool, self.assembler, self.clock.now())).rows


@asynccontextmanager
async def new_service(dsn: str, first_started_at: datetime, seeds: Path = SEEDS) -> AsyncIterator[Service]:
    """A service on a database, first started at an instant if the database is empty."""
    await migrate(dsn, "indicators", "chiso_indicators")
    database = Database(dsn, "chiso-model", min_size=1, max_size=4)
    await database.start()
    try:
        catalogue = load_catalogue(seeds)
        planner, clock = Planner(catalogue), HandClock(0.0, [first_started_at])
        await first_start(database.pool, first_started_at)
        await fill_reference(database.pool, catalogue, first_started_at)
        assembler = Assembler(planner, first_started_at)
        store = RollStore(database.pool, assembler)
        metrics = Metrics(new_registry("indicators", "model"), catalogue.version)

        async def log_ends() -> Mapping[int, int]:
            return {}

        ticker = Ticker(lambda: store, clock, metrics, log_ends, lambda: None, close_grace_seconds=0)
        yield Service(
            database, assembler, ApplyStore(database.pool, planner, first_started_at), ticker, clock
        )
    finally:
        await database.stop()


async def play(
    service: Service, log: Sequence[Mapping[str, Any]], until: datetime, chance: random.Random
) -> None:
    """The log in batches of random size, with ticks and the clock moving on in between."""
    place, largest = 0, chance.choice([7, 40, 400])
    step = (until - service.clock.now()) / max(1, 2 * len(log) // largest)
    while place < len(log):
        size = chance.randint(1, largest)
        await service.apply(log[place : place + size])
        place += size
        if chance.random() < 0.5:
            later = service.clock.now() + step * 2 * chance.random()
            service.clock.instants.append(min(until, later))
        if chance.random() < 0.5:
            await service.tick()
    service.clock.instants.append(until)
    await service.tick()


async def stored(dsn: str) -> tuple[dict[CellKey, Cell], dict[RollupKey, Rollup]]:
    """All cells, and all rollups of provinces and the nation."""
    connection = await asyncpg.connect(dsn)
    try:
        cells = {_key(row): _cell(row) for row in await connection.fetch("SELECT * FROM indicators.cell")}
        rollups = await connection.fetch(
            "SELECT * FROM indicators.rollup WHERE level IN ('province', 'nation')"
        )
        return cells, {_key(row): _rollup(row) for row in rollups}
    finally:
        await connection.close()


def _key(row: asyncpg.Record) -> CellKey:
    return row["unit"], row["indicator"], row["calendar"], row["period"], row["basis"]


def _cell(row: asyncpg.Record) -> Cell:
    return Cell(
        row["op"], row["status"], row["numerator"], row["denominator"], row["value"], row["value_high"],
        row["qualifier"], row["as_of"], row["first_accepted_at"],
    )  # fmt: skip


def _rollup(row: asyncpg.Record) -> Rollup:
    reported = decode_json(row["reported"].encode()) if row["reported"] else None
    derived = decode_json(row["derived"].encode()) if row["derived"] else None
    return Rollup(
        numerator=row["numerator"],
        denominator=row["denominator"],
        value=row["value"],
        value_source=row["value_source"],
        is_refused=row["not_aggregable"] is not None,
        reported=reported
        and (
            reported["value"],
            reported["value_high"],
            reported["qualifier"],
            date.fromisoformat(reported["as_of"]) if reported["as_of"] else None,
        ),
        n_expected=row["n_expected"],
        n_reported=row["n_reported"],
        n_contributing=row["n_contributing"],
        n_on_time=row["n_on_time"],
        n_percent_only=row["n_percent_only"],
        n_unexpected=row["n_unexpected"],
        completeness=row["completeness"],
        timeliness=row["timeliness"],
        phase=row["phase"],
        derived=derived and tuple(derived[name] for name in ("numerator", "denominator", "value", "reason")),
        missing=tuple(row["missing"]) if row["missing"] is not None else None,
        stale=row["stale"],
        oldest_part_on=row["oldest_part_on"],
        newest_part_on=row["newest_part_on"],
    )
