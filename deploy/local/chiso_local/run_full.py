"""The steps of `make run`: check, servers, topics, services, demo key, published figures, READY."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
from aiokafka.errors import KafkaError
from chiso_shared.catalogue import Catalogue, CatalogueError, load_catalogue
from chiso_shared.contracts.topics import TOPICS
from chiso_shared.runtime.topics import TopicsDiffer, provision_topics

from chiso_local import kafka
from chiso_local.demo_key import ensure_demo_key
from chiso_local.failure import StartFailure
from chiso_local.progress import say
from chiso_local.published import submit_published
from chiso_local.run_servers import ServersRun, together
from chiso_local.servers import service_specs
from chiso_local.settings import SERVICES
from chiso_local.supervisor import Watched
from chiso_local.waiting import service_problem

HTTP_TIMEOUT_SECONDS = 10.0


class FullRun(ServersRun):
    """Servers and services on a state folder that is already locked."""

    with_services = True

    async def start(self) -> str:
        """Everything; answers the READY line (docs/contract.md §1). Raises `StartFailure`."""
        self._check()
        catalogue = self._load_catalogue()
        key = ensure_demo_key(self._home, catalogue, self._now())
        await self._start_servers()
        await self._provision_topics()
        async with httpx.AsyncClient(timeout=HTTP_TIMEOUT_SECONDS, trust_env=False) as client:
            await self._start_services(client)
            ingest, indicators = self._settings.url_of("ingest"), self._settings.url_of("indicators")
            count = await submit_published(client, self._home, catalogue, ingest, indicators, key)
        if count:
            say(f"submitted {count} published documents.")
        return self._ready_line()

    def _load_catalogue(self) -> Catalogue:
        try:
            return load_catalogue(self._settings.seeds)
        except CatalogueError as error:
            count = len(error.problems)
            errors = f"{count} error{'s'[: count > 1]}:" + "".join(f"\n  {one}" for one in error.problems)
            raise StartFailure(
                f"the catalogue in {self._settings.seeds} (CHISO_SEEDS) has {errors}"
            ) from None

    def _now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._settings.clock_offset)

    async def _provision_topics(self) -> None:
        where = self._settings.bootstrap_servers
        copies = 1 if self._settings.kafka is None else min(3, await kafka.count_brokers(where))
        try:
            await provision_topics(where, TOPICS, replication=copies)
        except TopicsDiffer as error:
            raise StartFailure(
                f"Kafka at {where} has other topics than chiso needs: {error.differences[0]}"
            ) from None
        except (KafkaError, OSError) as error:
            raise StartFailure(f"the topics could not be created on Kafka at {where}: {error}.") from None

    async def _start_services(self, client: httpx.AsyncClient) -> None:
        say("starting the services …")
        started = {
            spec.name: self.supervisor.start(spec) for spec in service_specs(self._settings, self._home)
        }
        await together(*(self._wait_service(client, name, watched) for name, watched in started.items()))

    async def _wait_service(self, client: httpx.AsyncClient, name: str, watched: Watched) -> None:
        url = self._settings.url_of(name)
        await self._wait(f"the {name} service", lambda: service_problem(client, url), watched)

    def _ready_line(self) -> str:
        urls = " ".join(f"{name}={self._settings.url_of(name)}" for name in SERVICES)
        servers = f"kafka={self._settings.bootstrap_servers} postgres={self._settings.shown_dsn}"
        board = f"{self._settings.url_of('indicators')}/"
        return f"READY {urls} board={board} {servers} key_file={self._home.demo_key}"
