"""Builds the embedded servers of a run from its settings. Must not supervise them."""

from __future__ import annotations

import asyncio
import signal
import sys

from chiso_local import quick_start
from chiso_local.account import unprivileged_account
from chiso_local.child import ChildSpec, dies_with_us, kill_group
from chiso_local.failure import StartFailure
from chiso_local.fetch import archive_in, classpath, is_complete
from chiso_local.home import Home
from chiso_local.java import find_java
from chiso_local.kafka import KafkaServer
from chiso_local.ports import free_ports
from chiso_local.postgres import PostgresServer
from chiso_local.settings import SERVICES, LocalSettings

SERVICE_STAGE = 2


async def kafka_spec(settings: LocalSettings, home: Home) -> ChildSpec:
    """Fetch what is missing, prepare the folder, and say how to run the broker."""
    java = find_java(settings.java)
    cache = settings.cache_folder
    if not is_complete(cache, java):
        await _fetch()
    server = KafkaServer(
        folder=home.folder / "kafka",
        port=settings.kafka_port,
        controller_port=settings.kafka_controller_port or free_ports(1)[0],
        java=java,
        classpath=classpath(cache),
        log=home.log_of("kafka"),
        options=quick_start.options(archive_in(cache, java)),
    )
    await server.prepare()
    return server.spec()


async def postgres_spec(settings: LocalSettings, home: Home) -> ChildSpec:
    """Prepare the folder and say how to run the server."""
    account = unprivileged_account(settings.postgres_account)
    server = PostgresServer(
        home.folder / "postgres", settings.postgres_port, account, home.log_of("postgres")
    )
    await server.prepare()
    return server.spec()


def service_specs(settings: LocalSettings, home: Home) -> tuple[ChildSpec, ...]:
    """How to run the three services."""
    environment = settings.service_environment()
    return tuple(
        ChildSpec(
            name=name,
            command=(sys.executable, "-m", f"chiso_{name}"),
            log=home.log_of(name),
            stage=SERVICE_STAGE,
            environment=environment,
        )
        for name in SERVICES
    )


async def _fetch() -> None:
    """In a process of its own: Ctrl-C must not wait for a download."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "chiso_local.fetch",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        preexec_fn=dies_with_us(signal.SIGKILL),
    )
    try:
        answer, _ = await process.communicate()
    except asyncio.CancelledError:
        kill_group(process.pid)
        await process.wait()
        raise
    if process.returncode != 0:
        raise StartFailure(answer.decode().strip() or "Apache Kafka could not be downloaded.")
