"""deploy/postgres as the composition runs it: init.sh on an empty cluster, migrations, views."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from chiso_local.account import give_to, open_way_to, unprivileged_account
from chiso_local.postgres import BINARIES
from chiso_shared.runtime.migrations import migrate

from tests.harness import eventually, free_port

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/postgres"
PASSWORDS = {
    "CHISO_INDICATORS_DB_PASSWORD": "one'quoted",
    "CHISO_ALERTS_DB_PASSWORD": "two",
    "CHISO_GRAFANA_DB_PASSWORD": "three",
}
ACCESS = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL of its own, with the superuser open and everybody else by password."""

    port: int

    def run(self, *command: str) -> None:
        environment = {
            **os.environ,
            **PASSWORDS,
            "PATH": f"{BINARIES}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "CHISO_ROLES_SQL": str(FOLDER / "roles.sql"),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    async def connect(self, role: str, password: str | None = None) -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(
            host="127.0.0.1", port=self.port, user=role, password=password, database="chiso"
        )

    def dsn(self, role: str, password: str) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/chiso"


@pytest.fixture(scope="module")
def empty_cluster() -> Iterator[Cluster]:
    account = unprivileged_account(os.environ.get("CHISO_POSTGRES_ACCOUNT"))
    folder = Path(tempfile.mkdtemp(prefix="chiso-roles-"))
    user = account.uid if account else None
    if account:
        open_way_to(BINARIES / "postgres", account)
        give_to(folder, account)
    data, port = folder / "data", free_port()
    initdb = [str(BINARIES / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    subprocess.run(
        [*initdb, "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"],
        user=user, cwd="/", check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    (data / "pg_hba.conf").write_text(ACCESS)
    listening = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
    server = subprocess.Popen(
        [str(BINARIES / "postgres"), "-D", str(data), *listening],
        user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    yield Cluster(port)
    server.send_signal(2)
    server.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
async def cluster(empty_cluster: Cluster) -> AsyncIterator[Cluster]:
    """After init.sh, both migrations by the services' own roles, and views.sql twice."""

    async def listening() -> bool:
        try:
            dsn = f"postgresql://postgres@127.0.0.1:{empty_cluster.port}/postgres"
            connection = await asyncpg.connect(dsn)
        except (OSError, asyncpg.PostgresError) as error:
            raise AssertionError(repr(error)) from None
        await connection.close()
        return True

    await eventually(listening, deadline_seconds=30)
    empty_cluster.run("sh", str(FOLDER / "init.sh"))
    await migrate(empty_cluster.dsn("chiso_indicators", "one'quoted"), "indicators", "chiso_indicators")
    await migrate(empty_cluster.dsn("chiso_alerts", "two"), "alerts", "chiso_alerts")
    views = ("psql", "--quiet", "--dbname=chiso", "--set=ON_ERROR_STOP=1", f"--file={FOLDER / 'views.sql'}")
    empty_cluster.run(*views)
    empty_cluster.run(*views)
    yield empty_cluster


async def test_a_service_owns_its_schema_and_cannot_read_the_other(cluster: Cluster) -> None:
    indicators = await cluster.connect("chiso_indicators", "one'quoted")
    alerts = await cluster.connect("chiso_alerts", "two")
    assert await indicators.fetchval("SELECT count(*) FROM indicators.rollup") == 0
    assert await alerts.fetchval("SELECT count(*) FROM alerts.alert") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await indicators.fetchval("SELECT count(*) FROM alerts.alert")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await alerts.fetchval("SELECT count(*) FROM indicators.rollup")
    await indicators.close()
    await alerts.close()


async def test_a_wrong_password_is_refused(cluster: Cluster) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await cluster.connect("chiso_alerts", "wrong")


async def test_the_reader_reads_every_view_and_writes_nothing(cluster: Cluster) -> None:
    reader = await cluster.connect("grafana_reader", "three")
    views = [
        row["viewname"]
        for row in await reader.fetch("SELECT viewname FROM pg_views WHERE schemaname = 'grafana'")
    ]
    assert {"province", "indicator", "scorecard", "missing_unit", "alert", "alert_event"} == set(views)
    for view in views:
        assert await reader.fetchval(f"SELECT count(*) FROM grafana.{view}") == 0
    for forbidden in ("indicators.rollup", "indicators.submission", "alerts.alert"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.fetchval(f"SELECT count(*) FROM {forbidden}")
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await reader.execute("CREATE TABLE public.mine (a integer)")
    await reader.execute("SET default_transaction_read_only = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.execute("CREATE TABLE public.mine (a integer)")
    await reader.close()


async def test_the_roles_carry_their_time_outs(cluster: Cluster) -> None:
    for role, password in (("chiso_indicators", "one'quoted"), ("chiso_alerts", "two")):
        connection = await cluster.connect(role, password)
        assert await connection.fetchval("SHOW lock_timeout") == "10s"
        assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "1min"
        await connection.close()
    reader = await cluster.connect("grafana_reader", "three")
    assert await reader.fetchval("SHOW statement_timeout") == "15s"
    await reader.close()
