"""Builds indicators: the only place that makes real things. Nothing is created before `build_service`."""

from __future__ import annotations

import socket
from importlib.metadata import version

from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.body_limit import DECISION_BYTES, BodyLimit
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.consumer import BatchConsumer
from chiso_shared.runtime.http import create_app
from chiso_shared.runtime.http_server import HttpServer
from chiso_shared.runtime.lifecycle import Component, Service
from chiso_shared.runtime.metrics import new_registry
from chiso_shared.runtime.operators import Operators
from chiso_shared.runtime.postgres import Database
from chiso_shared.runtime.reading_back import topic_ends
from chiso_shared.runtime.seeds import SeedsFolder

from chiso_indicators.api import Desk, create_api, rebuild
from chiso_indicators.auditing import Auditing
from chiso_indicators.board import add_board
from chiso_indicators.consumer import Apply
from chiso_indicators.gauges import Gauges
from chiso_indicators.metrics import Metrics
from chiso_indicators.preparation import Preparation
from chiso_indicators.rebuilding import Rebuilding
from chiso_indicators.relay import LeadingRelay
from chiso_indicators.restoration import Restoration
from chiso_indicators.settings import IndicatorsSettings
from chiso_indicators.store.operations import OperationOutbox
from chiso_indicators.store.outbox import QuarantineOutbox, RollupOutbox
from chiso_indicators.ticker import Ticker

GROUP = "chiso-indicators"
_SELDOM_MS = 1_000  # what this instance stores is told of at once; what another stores, within this time


def build_service(settings: IndicatorsSettings) -> Service:
    """The whole service, not started. Raises CatalogueError when the catalogue is wrong."""
    release = version("chiso-indicators")
    registry = new_registry("indicators", release)
    seeds = SeedsFolder(settings.seeds, lambda count: metrics.catalogue.problems(count))
    metrics, clock = Metrics(registry, seeds.current.version), Clock(settings.clock_offset)
    database = Database(settings.dsn, "chiso-indicators", min_size=3, max_size=12)
    prepared = Preparation(
        settings.dsn,
        settings.bootstrap_servers,
        database,
        seeds,
        _name_of_folder(settings),
        metrics.catalogue,
        clock,
    )
    restoration = Restoration(
        lambda: prepared.reader, lambda: prepared.roll, settings.bootstrap_servers, clock, prepared.follow
    )
    relay = LeadingRelay(
        settings.dsn,
        lambda: RollupOutbox(database.pool, clock, settings.relay_batch, restoration.may_publish),
        settings.bootstrap_servers,
        "chiso-indicators-rollups",
        registry=registry,
    )
    quarantine = LeadingRelay(
        settings.dsn,
        lambda: QuarantineOutbox(database.pool, clock, settings.relay_batch),
        settings.bootstrap_servers,
        "chiso-indicators-quarantine",
        poll_ms=_SELDOM_MS,
        name="quarantine",
    )
    gauges = Gauges(lambda: database.pool, metrics)

    def on_rolled() -> None:
        relay.wake()
        gauges.wake()

    ticker = Ticker(
        lambda: prepared.roll,
        clock,
        metrics,
        lambda: topic_ends(settings.bootstrap_servers, SUBMISSIONS),
        on_rolled,
        poll_ms=settings.tick_poll_ms,
        close_grace_seconds=settings.close_grace_seconds,
        may_tick=restoration.may_tick,
        follow=prepared.follow,
    )
    apply = Apply(
        lambda: prepared.apply,
        clock,
        metrics,
        ticker.wake,
        follow=prepared.follow,
        patience_seconds=settings.catalogue_patience_seconds,
    )
    consumer = BatchConsumer(
        settings,
        SUBMISSIONS,
        GROUP,
        apply.handle,
        apply.stored_offsets,
        contiguous=True,
        max_records=settings.apply_max_records,
        registry=registry,
        service="indicators",
        on_assigned=apply.on_assigned,
        gather_ms=settings.apply_gather_ms,
        after=restoration.compared,
    )
    auditing = Auditing(
        lambda: prepared.reader,
        clock,
        metrics,
        every_seconds=settings.audit_every_seconds,
        keys=settings.audit_keys,
    )
    components: list[Component] = [database, prepared]
    app = create_app("chiso indicators", registry, components, release)
    app.add_middleware(BodyLimit, most_bytes=DECISION_BYTES)
    operations = LeadingRelay(
        settings.dsn,
        lambda: OperationOutbox(database.pool, clock, settings.relay_batch),
        settings.bootstrap_servers,
        "chiso-indicators-operations",
        poll_ms=_SELDOM_MS,
        name="operations",
    )

    def on_decided() -> None:
        ticker.wake()
        operations.wake()
        on_rolled()

    desk = Desk(lambda: prepared.reader, Operators(settings.home / "keys.json"), on_decided)
    create_api(app, lambda: prepared.reader, auditing, desk)
    rebuilding = Rebuilding(
        lambda: prepared.reader,
        clock,
        settings.bootstrap_servers,
        ticker.wake,
        max_records=settings.rebuild_max_records,
    )
    app.include_router(rebuild.router(rebuilding, desk))
    add_board(app, database, settings.alerts_port)
    components += [restoration, gauges, auditing, relay, quarantine, operations, ticker, consumer]
    http = HttpServer(app, settings.http_host, settings.indicators_port)
    return Service(
        "indicators",
        [
            http,  # first: while the database is away, `/readyz` tells so
            database,
            prepared,
            restoration,
            gauges,
            auditing,
            rebuilding,
            relay,
            quarantine,
            operations,
            ticker,
            consumer,
        ],
    )


def _name_of_folder(settings: IndicatorsSettings) -> str:
    """The instance's own name; without one, where the folder is. It must outlast a restart."""
    return settings.instance or f"{socket.gethostname()}:{settings.seeds.resolve()}"
