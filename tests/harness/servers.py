"""One Kafka and one PostgreSQL for a whole pytest session, in processes that end with it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chiso_local.ports import free_ports

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 180.0


@dataclass(frozen=True)
class Servers:
    """Where the shared servers are; `postgres` is the database `chiso`."""

    kafka: str
    postgres: str


def free_port() -> int:
    """A port of 127.0.0.1 nobody listens on."""
    return free_ports(1)[0]


def clean_environment(**changes: str) -> dict[str, str]:
    """This environment without any CHISO setting but the cache, and then the changes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHISO_")}
    if "CHISO_CACHE" in os.environ:
        kept["CHISO_CACHE"] = os.environ["CHISO_CACHE"]
    return {**kept, **changes}


def temporary_home() -> Path:
    """A new state folder whose parents every account may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="chiso-test-"))
    folder.chmod(0o755)
    return folder


def remove(folder: Path) -> None:
    """Remove a state folder, whoever owns what is in it."""
    shutil.rmtree(folder, ignore_errors=True)


def start_local(what: str, environment: dict[str, str], log: Path) -> subprocess.Popen[str]:
    """`python -m chiso_local <what>`, ending with this process; stdout is piped, stderr goes to `log`."""
    with log.open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "chiso_local", what, "--with-parent"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            process_group=0,
        )


def stop_local(process: subprocess.Popen[str], timeout_seconds: float = 60.0) -> int:
    """Ctrl-C, and SIGKILL at the deadline; the exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout_seconds)
        if process.poll() is None:
            process.kill()
    exit_code = process.wait()
    if process.stdout is not None:
        process.stdout.close()
    return exit_code


@contextmanager
def running_servers() -> Iterator[Servers]:
    """The servers named in the environment, else new ones for the time of the context."""
    given = os.environ.get("CHISO_TEST_KAFKA"), os.environ.get("CHISO_TEST_POSTGRES")
    if given[0] and given[1]:
        yield Servers(given[0], given[1])
        return
    home = temporary_home()
    kafka_port, postgres_port = free_ports(2)
    environment = clean_environment(
        CHISO_HOME=str(home),
        CHISO_KAFKA_PORT=str(kafka_port),
        CHISO_POSTGRES_PORT=str(postgres_port),
        CHISO_KAFKA=given[0] or "",
        CHISO_POSTGRES=given[1] or "",
    )
    errors = home / "local.log"
    process = start_local("servers", environment, errors)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("SERVERS "), errors.read_text()
        found = dict(part.split("=", 1) for part in line.split()[1:])
        yield Servers(found["kafka"], given[1] or found["postgres"])
    finally:
        stop_local(process)
        remove(home)
