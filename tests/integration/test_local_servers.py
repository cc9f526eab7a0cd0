"""The embedded servers as a program: start, refusals in one sentence, stop, kill -9, the same state again."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from chiso_local.ports import free_ports

from tests.harness import collect, eventually
from tests.harness.processes import living
from tests.harness.servers import clean_environment, remove, start_local, stop_local, temporary_home
from tests.harness.topics import create_topic


class LocalServers:
    """`python -m chiso_local servers` on a state folder; may be started several times."""

    def __init__(self) -> None:
        self.home = temporary_home() / "dữ liệu của tôi"
        self.home.mkdir()
        self.kafka_port, self.postgres_port = free_ports(2)
        self.process: subprocess.Popen[str] | None = None

    def environment(self, **changes: str) -> dict[str, str]:
        ports = {"CHISO_KAFKA_PORT": str(self.kafka_port), "CHISO_POSTGRES_PORT": str(self.postgres_port)}
        return clean_environment(CHISO_HOME=str(self.home), **ports) | changes

    def start(self) -> dict[str, str]:
        self.process = start_local("servers", self.environment(), self.home / "local.log")
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("SERVERS "), (self.home / "local.log").read_text()
        return dict(part.split("=", 1) for part in line.split()[1:])

    def refused(self, **changes: str) -> str:
        """Start where it cannot: exit code 1, nothing on stdout; answers stderr."""
        errors = self.home / "refused.log"
        process = start_local("servers", self.environment(**changes), errors)
        assert process.stdout is not None
        assert process.stdout.read() == ""
        assert process.wait(60) == 1
        process.stdout.close()
        return errors.read_text()

    def stop(self) -> int:
        assert self.process is not None
        process, self.process = self.process, None
        return stop_local(process)

    def destroy(self) -> None:
        if self.process is not None:
            self.stop()
        remove(self.home.parent)

    def found(self) -> dict[str, str]:
        return {
            "kafka": f"127.0.0.1:{self.kafka_port}",
            "postgres": f"postgresql://chiso@127.0.0.1:{self.postgres_port}/chiso",
        }

    def pids(self) -> list[int]:
        """Everything below the supervisor."""
        assert self.process is not None
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def pid(self, name: str) -> int | None:
        path = self.home / "run" / f"{name}.pid"
        return int(path.read_text()) if path.exists() else None


@pytest.fixture
def local() -> Iterator[LocalServers]:
    """Not started."""
    made = LocalServers()
    yield made
    made.destroy()


@pytest.fixture(scope="module")
def running() -> Iterator[LocalServers]:
    """Started once for the tests that leave it running."""
    made = LocalServers()
    made.start()
    yield made
    made.destroy()


async def write(found: dict[str, str], topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=found["kafka"], acks="all")
    await producer.start()
    await producer.send_and_wait(topic, b'{"kept":true}')
    await producer.stop()
    connection = await asyncpg.connect(found["postgres"])
    await connection.execute("CREATE TABLE kept (x int); INSERT INTO kept VALUES (7)")
    await connection.close()


async def read(found: dict[str, str], topic: str) -> tuple[object, object]:
    records = await collect(found["kafka"], topic, until=lambda records: len(records) == 1)
    connection = await asyncpg.connect(found["postgres"])
    value = await connection.fetchval("SELECT x FROM kept")
    await connection.close()
    return records[0].json, value


async def test_data_survives_a_stop_a_killed_supervisor_and_kill_9_of_everything(local: LocalServers) -> None:
    found = local.start()
    assert found == local.found()
    topic = await create_topic(found["kafka"], 2, {})
    await write(found, topic)
    pids = local.pids()
    assert local.stop() == 0
    assert living(pids) == []

    local.start()
    assert await read(found, topic) == ({"kept": True}, 7)
    pids = local.pids()
    assert local.process is not None and len(pids) >= 2
    local.process.kill()
    local.process.wait()
    await eventually(lambda: not living(pids), deadline_seconds=15)

    local.start()
    assert await read(found, topic) == ({"kept": True}, 7)
    kill_everything_of(local)
    put_a_foreign_process_under_the_old_pid(local)
    local.start()
    assert await read(found, topic) == ({"kept": True}, 7)
    assert local.stop() == 0


def kill_everything_of(local: LocalServers) -> None:
    assert local.process is not None
    for pid in [local.process.pid, *local.pids()]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    local.process.wait()


def put_a_foreign_process_under_the_old_pid(local: LocalServers) -> None:
    stale = local.home / "postgres" / "data" / "postmaster.pid"
    lines = stale.read_text().splitlines()
    stale.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")


async def test_killed_servers_come_back(running: LocalServers) -> None:
    found = running.found()
    topic = await create_topic(found["kafka"], 2, {})
    await write(found, topic)
    firsts = {name: running.pid(name) for name in ("kafka", "postgres")}
    for name, first in firsts.items():
        assert first is not None, name
        os.kill(first, signal.SIGKILL)
    await eventually(lambda: all(running.pid(name) not in {None, first} for name, first in firsts.items()))

    async def answers() -> bool:
        try:
            return await read(found, topic) == ({"kept": True}, 7)
        except (OSError, KafkaError, asyncpg.PostgresError) as error:
            raise AssertionError(repr(error)) from None

    await eventually(answers, deadline_seconds=60)


async def test_postgres_is_reached_over_loopback_only_and_never_as_superuser(running: LocalServers) -> None:
    dsn = running.found()["postgres"]
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(dsn.replace("chiso@", "postgres@"))
    pid = running.pid("postgres")
    assert pid is not None
    assert psutil.Process(pid).uids().effective != 0
    addresses = {
        connection.laddr.ip for connection in psutil.Process(pid).net_connections() if connection.laddr
    }
    assert addresses == {"127.0.0.1"}


def test_a_second_run_on_the_same_state_is_refused_and_the_first_goes_on(running: LocalServers) -> None:
    pids = {running.pid("kafka"), running.pid("postgres")}
    told = running.refused()
    assert f"already running on {running.home}" in told and told.count("\n") == 1
    assert pids == {running.pid("kafka"), running.pid("postgres")} and None not in pids


async def test_two_runs_side_by_side(running: LocalServers, kafka: str) -> None:
    topic = await create_topic(kafka, 1, {})
    with pytest.raises(AssertionError, match="there is no topic"):
        await collect(running.found()["kafka"], topic, until=lambda records: True)


@pytest.mark.parametrize("which", ["KAFKA", "POSTGRES"])
def test_a_busy_port_is_refused_and_nothing_is_left(local: LocalServers, which: str) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        told = local.refused(**{f"CHISO_{which}_PORT": str(port)})
    assert (
        told == f"chiso: port {port} is already in use; free it or set CHISO_{which}_PORT to another one.\n"
    )
    assert not (local.home / "postgres").exists()


def test_no_java_is_refused_and_nothing_is_left(local: LocalServers) -> None:
    told = local.refused(CHISO_JAVA="/nonexistent/java", PATH="/nonexistent")
    assert "Apache Kafka needs Java 17 or newer and there is none at /nonexistent/java" in told
    assert not list((local.home / "run").glob("*.pid"))
    assert "Traceback" not in told


def test_no_network_is_refused_and_nothing_is_left(local: LocalServers, tmp_path: Path) -> None:
    told = local.refused(CHISO_CACHE=str(tmp_path / "empty"), CHISO_MAVEN="http://127.0.0.1:9/maven2")
    assert "could not be downloaded from http://127.0.0.1:9/maven2" in told
    assert "Traceback" not in told
    assert not list((local.home / "run").glob("*.pid"))


def test_a_full_disk_is_refused(local: LocalServers) -> None:
    assert "is nearly full" in local.refused(CHISO_FREE_SPACE_MIB="1000000000")


def test_interrupting_a_start_is_an_ordered_stop(local: LocalServers) -> None:
    errors = local.home / "local.log"
    process = start_local("servers", local.environment(), errors)
    while "starting" not in errors.read_text():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert process.stdout is not None
    assert process.stdout.read() == ""
    process.stdout.close()
    assert not list((local.home / "run").glob("*.pid"))
