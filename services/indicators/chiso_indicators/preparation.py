"""What must be true before anything else runs, and the stores, which follow the catalogue in force."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiokafka.errors import KafkaError
from chiso_shared.catalogue import Catalogue, CatalogueError
from chiso_shared.runtime.backoff import Backoff
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.lifecycle import Background, NotStarted, describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.migrations import migrate
from chiso_shared.runtime.postgres import Database, Pool
from chiso_shared.runtime.reading_back import read_operations
from chiso_shared.runtime.reasons import KAFKA_AWAY, reason
from chiso_shared.runtime.seeds import LOOK_SECONDS, CatalogueGauges, SeedsFolder

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.plan import Planner
from chiso_indicators.store.apply import ApplyStore
from chiso_indicators.store.catalogues import kept_catalogue
from chiso_indicators.store.read import Reader
from chiso_indicators.store.reference import version_in_force
from chiso_indicators.store.replay import Beginning, beginning
from chiso_indicators.store.roll import RollStore
from chiso_indicators.store.sql import queries
from chiso_indicators.store.start import fill_reference, first_start

log = get_logger(__name__)

SCHEMA: Final = "indicators"
PACKAGE: Final = "chiso_indicators"


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores that work with one catalogue."""

    version: str
    apply: ApplyStore
    roll: RollStore
    reader: Reader


class Preparation(Background):
    """Migrates and fills at start; then holds the stores, and replaces them when the catalogue changes.

    A catalogue that changes in the folder is brought into force for all instances; what another instance
    brought into force is read from the store. `folder` is the lasting name of this instance's seeds folder.
    """

    def __init__(
        self,
        dsn: str,
        bootstrap: str,
        database: Database,
        seeds: SeedsFolder,
        folder: str,
        gauges: CatalogueGauges,
        clock: Clock,
    ) -> None:
        super().__init__("preparation")
        self._dsn = dsn
        self._bootstrap = bootstrap
        self._database = database
        self._seeds = seeds
        self._folder = folder
        self._gauges = gauges
        self._clock = clock
        self._turn = asyncio.Lock()
        self._first_started_at: datetime | None = None
        self._offered: str | None = None
        self._stores: Stores | None = None
        self._trouble: str | None = None

    async def start(self) -> None:
        """Brings the schema up to date. Raises MigrationError or database errors."""
        await migrate(self._dsn, SCHEMA, PACKAGE)
        begins = await self._beginning()
        self._first_started_at = await first_start(self._database.pool, begins.first_started_at)
        await self._offer("read at start", begins.catalogue_version)
        await self.follow()
        await super().start()

    async def run(self) -> None:
        """Looks at the folder and at the store; trouble with the database is left to the next look."""
        while not self.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), LOOK_SECONDS)
            try:
                await self._seeds.look()
                await self._offer("the seeds have changed")
                await self.follow()
            except Exception as error:
                log.warning("the catalogue in force is not followed", error=describe(error))

    def unready(self) -> str | None:
        """Ready once started, while it can work with the catalogue in force."""
        if self._stores is None:
            return self._trouble or "preparing the schema"
        return super().unready() or self._trouble

    async def follow(self) -> None:
        """Makes the stores work with the catalogue in force.

        Raises database errors, and CatalogueError for one that this release cannot read.
        """
        async with self._turn:
            version = await version_in_force(self._database.pool)
            if self._stores is not None and self._stores.version == version:
                self._trouble = None  # one that could not be used has been replaced
                return
            if version is None:
                return
            try:
                self._adopt(await self._catalogue(version))
            except (LookupError, CatalogueError) as error:
                self._trouble = f"the catalogue in force cannot be used: {describe(error)}"
                raise
            self._trouble = None

    @property
    def apply(self) -> ApplyStore:
        """Writes batches."""
        return self._prepared().apply

    @property
    def roll(self) -> RollStore:
        """Runs ticks."""
        return self._prepared().roll

    @property
    def reader(self) -> Reader:
        """Answers the endpoints."""
        return self._prepared().reader

    async def _beginning(self) -> Beginning:
        """Now; for an empty database what the operations tell of an earlier life, if there was one.

        It decides what is loading of the past, so an empty database waits for Kafka.
        """
        now, pool = self._clock.now(), self._database.pool
        if await pool.fetchval(queries().has_started):
            return Beginning(now, None)
        for delay in Backoff(0.2, 3.0).delays():
            try:
                told, _ = await read_operations(self._bootstrap, {})
                self._trouble = None
                return beginning(told, now)
            except (KafkaError, OSError, TimeoutError) as error:
                self._trouble = f"the operations cannot be read: {reason(error, KAFKA_AWAY)}"
                log.warning("waiting for the operations' log", error=describe(error))
            await asyncio.sleep(delay)
        raise AssertionError("unreachable: delays never end")

    async def _offer(self, why: str, told: str | None = None) -> None:
        """Lets the store decide whether what is in the folder now comes into force."""
        catalogue = self._seeds.current
        if catalogue.version == self._offered:
            return
        pool = self._database.pool
        await fill_reference(pool, catalogue, self._clock.now(), self._folder, why, told)
        self._offered = catalogue.version
        in_force = await version_in_force(pool)
        if in_force != catalogue.version:
            log.warning(
                "the seeds folder holds a catalogue that was replaced; the newer one stays in force",
                catalogue_version=in_force,
                folder_version=catalogue.version,
            )

    async def _catalogue(self, version: str) -> Catalogue:
        if version == self._seeds.current.version:
            return self._seeds.current
        return await kept_catalogue(self._database.pool, version)

    def _adopt(self, catalogue: Catalogue) -> None:
        if self._first_started_at is None:
            raise NotStarted("indicators is not prepared yet")
        pool: Pool = self._database.pool
        planner = Planner(catalogue)
        assembler = Assembler(planner, self._first_started_at)
        self._stores = Stores(
            catalogue.version,
            ApplyStore(pool, planner, self._first_started_at),
            RollStore(pool, assembler),
            Reader(pool, assembler, self._clock),
        )
        self._gauges.in_force(catalogue.version)

    def _prepared(self) -> Stores:
        if self._stores is None:
            raise NotStarted("indicators is not prepared yet")
        return self._stores
