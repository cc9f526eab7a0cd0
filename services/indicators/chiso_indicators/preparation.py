"""What must be true before anything else runs: schema, catalogue tables, the installation's first instant."""

from __future__ import annotations

from chiso_shared.catalogue import Catalogue
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.lifecycle import NotStarted
from chiso_shared.runtime.migrations import migrate
from chiso_shared.runtime.postgres import Database

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.plan import Planner
from chiso_indicators.store.apply import ApplyStore
from chiso_indicators.store.read import Reader
from chiso_indicators.store.roll import RollStore
from chiso_indicators.store.start import fill_reference, first_start

SCHEMA = "indicators"
PACKAGE = "chiso_indicators"


class Preparation:
    """A component that migrates and fills at start, and then holds the stores."""

    name = "preparation"

    def __init__(self, dsn: str, database: Database, catalogue: Catalogue, clock: Clock) -> None:
        self._dsn = dsn
        self._database = database
        self._catalogue = catalogue
        self._clock = clock
        self._stores: tuple[ApplyStore, RollStore, Reader] | None = None

    async def start(self) -> None:
        """Brings the schema up to date. Raises MigrationError or database errors."""
        await migrate(self._dsn, SCHEMA, PACKAGE)
        pool, now = self._database.pool, self._clock.now()
        first_started_at = await first_start(pool, now)
        await fill_reference(pool, self._catalogue, now)
        planner = Planner(self._catalogue)
        assembler = Assembler(planner, first_started_at)
        self._stores = (
            ApplyStore(pool, planner, first_started_at),
            RollStore(pool, assembler),
            Reader(pool, assembler, self._clock),
        )

    async def stop(self) -> None:
        """Nothing to end: the pool is the database's."""

    def unready(self) -> str | None:
        """Ready once started."""
        return None if self._stores is not None else "preparing the schema"

    @property
    def apply(self) -> ApplyStore:
        """Writes batches."""
        return self._prepared()[0]

    @property
    def roll(self) -> RollStore:
        """Runs ticks."""
        return self._prepared()[1]

    @property
    def reader(self) -> Reader:
        """Answers the endpoints."""
        return self._prepared()[2]

    def _prepared(self) -> tuple[ApplyStore, RollStore, Reader]:
        if self._stores is None:
            raise NotStarted("indicators is not prepared yet")
        return self._stores
