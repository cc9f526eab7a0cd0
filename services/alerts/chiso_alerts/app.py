"""Puts alerts together; the only place of the service that builds real things."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from chiso_shared.contracts.topics import ROLLUPS
from chiso_shared.runtime.body_limit import DECISION_BYTES, BodyLimit
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.consumer import BatchConsumer
from chiso_shared.runtime.http import create_app
from chiso_shared.runtime.http_server import HttpServer
from chiso_shared.runtime.lifecycle import Component, Service
from chiso_shared.runtime.metrics import new_registry
from chiso_shared.runtime.migrations import migrate
from chiso_shared.runtime.operators import Operators
from chiso_shared.runtime.postgres import Database
from chiso_shared.runtime.relay import Relay
from chiso_shared.runtime.seeds import SeedsFolder
from starlette.middleware.cors import CORSMiddleware

from chiso_alerts.api import AlertReader, create_router
from chiso_alerts.api_decisions import create_decision_router
from chiso_alerts.books import Books
from chiso_alerts.consumer import RollupHandler
from chiso_alerts.metrics import AlertMetrics
from chiso_alerts.office import Office
from chiso_alerts.relay import TRANSACTIONAL_ID, AlertOutbox
from chiso_alerts.restoration import Restoration
from chiso_alerts.settings import AlertsSettings
from chiso_alerts.store import PACKAGE, Store
from chiso_alerts.ticker import Ticker

SERVICE: Final = "alerts"
SCHEMA: Final = "alerts"
GROUP: Final = "chiso-alerts"
VERSION: Final = "0.1.0"


class Schema:
    """Brings the schema up to date before anything uses it."""

    name = "schema"

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._is_current = False

    async def start(self) -> None:
        """Applies the migrations that are missing."""
        await migrate(self._dsn, SCHEMA, PACKAGE)
        self._is_current = True

    async def stop(self) -> None:
        """Nothing is held."""

    def unready(self) -> str | None:
        """Ready once the migrations are in."""
        return None if self._is_current else "waits for the database, to bring the schema up to date"


def build(settings: AlertsSettings) -> Service:
    """The service, not started. Raises CatalogueError when the catalogue is wrong.

    Its first component is the HttpServer, whose `port` is known after the start.
    """
    registry = new_registry(SERVICE, VERSION)
    metrics = AlertMetrics(registry)
    books = Books(SeedsFolder(settings.seeds, metrics.rules_wrong), metrics.catalogue)
    clock = Clock(settings.clock_offset)
    database = Database(settings.dsn, "chiso_alerts", max_size=8)
    store = Store(database, clock)
    outbox = AlertOutbox(database, clock)
    relay = Relay(
        TRANSACTIONAL_ID,
        outbox,
        settings.bootstrap_servers,
        settings.alerts_relay_ms,
        registry=registry,
        service=SERVICE,
    )
    ticker = Ticker(
        store,
        books,
        metrics,
        clock,
        relay.wake,
        settings.alerts_ticker_ms,
        timedelta(days=settings.alerts_retention_days),
    )
    consumer = BatchConsumer(
        settings,
        ROLLUPS,
        GROUP,
        RollupHandler(store, books, metrics, relay.wake),
        store.stored_offsets,
        contiguous=False,
        max_records=settings.alerts_batch_records,
        registry=registry,
        service=SERVICE,
    )
    components: list[Component] = [
        Schema(settings.dsn),
        database,
        Restoration(store, books, settings.bootstrap_servers, ticker.count),
        ticker,
        relay,
        consumer,
    ]
    app = create_app("chiso alerts", registry, components, VERSION)
    app.add_middleware(BodyLimit, most_bytes=DECISION_BYTES)
    # The board comes from indicators, another origin, and reads alerts in the browser. Reading needs no key.
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET"])
    app.include_router(create_router(AlertReader(database, books)))
    office = Office(store, database, books, metrics, relay.wake)
    app.include_router(create_decision_router(office, Operators(settings.home / "keys.json"), clock))
    # The server goes first: while the database is away, `/readyz` tells so.
    return Service(SERVICE, [HttpServer(app, settings.http_host, settings.alerts_port), *components])
