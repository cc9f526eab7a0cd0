"""The first half of a run, and all of `make servers`: check the machine, start Kafka and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

from chiso_local import kafka, postgres
from chiso_local.checks import check_disk, check_ports
from chiso_local.home import Home
from chiso_local.progress import say
from chiso_local.servers import kafka_spec, postgres_spec
from chiso_local.settings import LocalSettings
from chiso_local.supervisor import Supervisor, Watched
from chiso_local.waiting import wait_until_up


class ServersRun:
    """Kafka and PostgreSQL on a state folder that is already locked."""

    with_services = False

    def __init__(self, settings: LocalSettings, home: Home) -> None:
        self._settings = settings
        self._home = home
        self.supervisor = Supervisor(home.run, settings.log_limit_bytes)

    async def start(self) -> str:
        """Start both; answers the line that says where they are. Raises `StartFailure`."""
        self._check()
        await self._start_servers()
        return f"SERVERS kafka={self._settings.bootstrap_servers} postgres={self._settings.shown_dsn}"

    def _check(self) -> None:
        check_disk(self._home.folder, self._settings.free_space_mib)
        check_ports(self._settings, self.with_services, self._home.left_unclean)

    async def _start_servers(self) -> None:
        await together(self._start_postgres(), self._start_kafka())

    async def _start_postgres(self) -> None:
        watched = None
        if self._settings.postgres is None:
            say("starting PostgreSQL …")
            watched = self.supervisor.start(await postgres_spec(self._settings, self._home))
        what = f"PostgreSQL at {self._settings.shown_dsn}"
        await self._wait(what, lambda: postgres.problem(self._settings.dsn), watched)

    async def _start_kafka(self) -> None:
        watched = None
        if self._settings.kafka is None:
            say("starting Kafka …")
            watched = self.supervisor.start(await kafka_spec(self._settings, self._home))
        where = self._settings.bootstrap_servers
        await self._wait(f"Kafka at {where}", lambda: kafka.problem(where), watched)

    async def _wait(
        self, what: str, problem: Callable[[], Awaitable[str | None]], watched: Watched | None
    ) -> None:
        await wait_until_up(what, problem, self._settings.start_timeout_seconds, watched)


async def together(*steps: Coroutine[None, None, None]) -> None:
    """Run the steps side by side; the first failure ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
