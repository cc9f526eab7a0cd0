"""Puts the door together; the only place of the service that builds real things."""

from __future__ import annotations

from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.http import create_app
from chiso_shared.runtime.http_server import HttpServer
from chiso_shared.runtime.lifecycle import Component, Service
from chiso_shared.runtime.metrics import new_registry
from chiso_shared.runtime.producer import Producer
from chiso_shared.runtime.seeds import SeedsFolder, SeedsWatch

from chiso_ingest.api import Door, FrontDoor, create_router
from chiso_ingest.body import BodyReader
from chiso_ingest.core.recent import RateLimit, RecentSubmissions
from chiso_ingest.keyring import Keyring
from chiso_ingest.log import SubmissionLog
from chiso_ingest.metrics import IngestMetrics
from chiso_ingest.settings import IngestSettings

SERVICE = "ingest"
VERSION = "0.1.0"


def build(settings: IngestSettings) -> Service:
    """The service, not started. Raises CatalogueError when the catalogue is wrong.

    Its last component is the HttpServer, whose `port` is known after the start.
    """
    registry = new_registry(SERVICE, VERSION)
    metrics = IngestMetrics(registry)
    seeds = SeedsFolder(settings.seeds, metrics.catalogue.problems)
    metrics.catalogue.in_force(seeds.current.version)
    clock = Clock(settings.clock_offset)
    keyring = Keyring(settings.key_registry, metrics)
    producer = Producer(settings.bootstrap_servers, client_id="chiso-ingest", topics=(SUBMISSIONS,))
    door = Door(
        catalogue=lambda: seeds.current,
        clock=clock,
        limits=settings.limits,
        keyring=keyring,
        pace=RateLimit(settings.ingest_requests_per_second, 2 * settings.ingest_requests_per_second),
        reader=BodyReader(
            settings.ingest_body_bytes, settings.ingest_body_seconds, settings.ingest_held_bytes, metrics
        ),
        recent=RecentSubmissions(settings.ingest_recent_submissions),
        log=SubmissionLog(producer, clock, settings.ingest_acknowledge_ms),
        metrics=metrics,
        status_base_url=settings.status_base_url,
    )
    watch = SeedsWatch(seeds, lambda: metrics.catalogue.in_force(seeds.current.version))
    components: list[Component] = [keyring, producer, watch]
    app = create_app("chiso ingest", registry, components, VERSION)
    app.include_router(create_router(door))
    app.add_middleware(FrontDoor, door=door)
    components.append(HttpServer(app, settings.http_host, settings.ingest_port))
    return Service(SERVICE, components)
