"""A whole chiso for e2e and fault tests: own home, ports, Kafka and PostgreSQL. Must not import a service."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
from chiso_local.ports import free_ports

from tests.harness.polling import eventually
from tests.harness.servers import clean_environment, remove, start_local, stop_local, temporary_home

PORTS = ("KAFKA", "KAFKA_CONTROLLER", "POSTGRES", "INGEST", "INDICATORS", "ALERTS")


class SystemFailed(AssertionError):
    """The system did not come up; the text is what it wrote on stderr."""


class System:
    """One `python -m chiso_local` with everything it starts (tests/harness/README.md)."""

    def __init__(self, home: Path | None = None, **environment: str) -> None:
        self.home = home or temporary_home()
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        settings = {f"CHISO_{name}_PORT": str(port) for name, port in ports.items()}
        self.environment = clean_environment(CHISO_HOME=str(self.home), **settings) | environment
        self.ready: dict[str, str] = {}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Blocks until the READY line; `SystemFailed` with what was on stderr."""
        assert self._process is None, "already started"
        self._process = start_local("run", self.environment, self.home / "local.log")
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("READY "):
            self.stop()
            raise SystemFailed(self.log("local") or "it ended without a word")
        self.ready = dict(part.split("=", 1) for part in line.split()[1:])

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        assert self._process is not None, "not started"
        process, self._process = self._process, None
        return stop_local(process)

    def kill(self) -> None:
        """SIGKILL to the supervisor only; returns when it is gone (its children follow by themselves)."""
        assert self._process is not None, "not started"
        process, self._process = self._process, None
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def destroy(self) -> None:
        """Stop what runs and remove the state."""
        if self._process is not None:
            self.stop()
        remove(self.home)

    @property
    def running(self) -> bool:
        """Whether the supervisor is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def supervisor_pid(self) -> int:
        """The pid of `python -m chiso_local`."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def ingest(self) -> str:
        """Base URL."""
        return self.ready["ingest"]

    @property
    def indicators(self) -> str:
        """Base URL."""
        return self.ready["indicators"]

    @property
    def alerts(self) -> str:
        """Base URL."""
        return self.ready["alerts"]

    @property
    def board(self) -> str:
        """URL of the page."""
        return self.ready["board"]

    @property
    def kafka(self) -> str:
        """Bootstrap servers."""
        return self.ready["kafka"]

    @property
    def postgres(self) -> str:
        """DSN."""
        return self.ready["postgres"]

    @property
    def key(self) -> str:
        """The demo key."""
        return Path(self.ready["key_file"]).read_text().strip()

    def pid(self, name: str) -> int | None:
        """The pid of a child, None while it is down."""
        try:
            return int((self.home / "run" / f"{name}.pid").read_text())
        except (OSError, ValueError):
            return None

    def kill_service(self, name: str) -> int:
        """SIGKILL to a child; the supervisor starts it again. Answers the pid that was killed."""
        pid = self.pid(name)
        assert pid is not None, f"{name} is down"
        os.kill(pid, signal.SIGKILL)
        return pid

    async def hold(self, name: str, kill: bool = False) -> None:
        """Take a child down and keep it down; returns when it is down."""
        hold = self.home / "run" / f"{name}.hold"
        waiting = hold.with_suffix(".new")
        waiting.write_text("KILL" if kill else "TERM")
        waiting.replace(hold)
        await eventually(lambda: self.pid(name) is None, deadline_seconds=30)

    def release(self, name: str) -> None:
        """Let the supervisor start a held child again."""
        (self.home / "run" / f"{name}.hold").unlink(missing_ok=True)

    async def wait_ready(self, name: str, deadline_seconds: float = 30.0) -> None:
        """Until `/readyz` of a service says 200."""

        def ready() -> bool:
            try:
                answer = httpx.get(f"{self.ready[name]}/readyz", timeout=2, trust_env=False)
            except httpx.HTTPError as error:
                raise AssertionError(f"{name}: {error!r}") from None
            assert answer.status_code == httpx.codes.OK, f"{name}: {answer.text}"
            return True

        await eventually(ready, deadline_seconds)

    def http(self, name: str) -> httpx.Client:
        """A client of a service's base URL; with the demo key for ingest."""
        headers = {"Authorization": f"Bearer {self.key}"} if name == "ingest" else {}
        return httpx.Client(base_url=self.ready[name], headers=headers, timeout=30, trust_env=False)

    def submit(self, document: Any, **query: str) -> httpx.Response:
        """`POST /v1/submissions` of one JSON document with the demo key."""
        with self.http("ingest") as client:
            return client.post("/v1/submissions", json=document, params=query)

    def log(self, name: str) -> str:
        """A child's log so far; `local` is the supervisor's stderr."""
        path = self.home / "local.log" if name == "local" else self.home / "logs" / f"{name}.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def wait_gone(self, pids: list[int], deadline_seconds: float = 15.0) -> list[int]:
        """Wait until none of the processes lives; answers those that still do at the deadline."""
        deadline = time.monotonic() + deadline_seconds
        while living := [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
            if time.monotonic() > deadline:
                return living
            time.sleep(0.05)
        return []
