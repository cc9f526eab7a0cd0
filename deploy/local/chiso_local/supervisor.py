"""Keeps children running: restart with back-off, hold and release, ordered stop. Must not know what they do.

`run/<name>.pid` names the living process. While `run/<name>.hold` exists the child is kept down (a drill, a
test); its content `KILL` asks for SIGKILL instead of a polite stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from pathlib import Path

from chiso_local import logs
from chiso_local.child import ChildSpec, end, kill_group, spawn
from chiso_local.progress import say

POLL_SECONDS = 0.2
LOG_CHECK_SECONDS = 5.0
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 15.0
STEADY_AFTER_SECONDS = 20.0


class Watched:
    """One supervised child."""

    def __init__(self, spec: ChildSpec, run_folder: Path, hurry: asyncio.Event) -> None:
        self.spec = spec
        self.exits = 0
        self.last_exit_code: int | None = None
        self._pid_file = run_folder / f"{spec.name}.pid"
        self._hold_file = run_folder / f"{spec.name}.hold"
        self._stopping = asyncio.Event()
        self._hurry = hurry
        self._delay_seconds = FIRST_DELAY_SECONDS
        self.process: asyncio.subprocess.Process | None = None

    async def keep_running(self) -> None:
        """Run the child again and again until `stop`."""
        while not self._stopping.is_set():
            if self._hold_file.exists():
                await self._pause(POLL_SECONDS)
                continue
            started_at = time.monotonic()
            process = self.process = await spawn(self.spec)
            self._pid_file.write_text(f"{process.pid}\n")
            try:
                await self._until_over(process)
            finally:
                self._pid_file.unlink(missing_ok=True)
            if not self._stopping.is_set() and not self._hold_file.exists():
                await self._after_exit(process, time.monotonic() - started_at)

    async def stop(self) -> None:
        """Stop the child; `keep_running` ends."""
        self._stopping.set()

    async def _until_over(self, process: asyncio.subprocess.Process) -> None:
        exited = asyncio.create_task(process.wait())
        try:
            while not exited.done() and not self._stopping.is_set() and not self._hold_file.exists():
                stopped = asyncio.create_task(self._stopping.wait())
                await asyncio.wait(
                    (exited, stopped), timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                stopped.cancel()
            if self._hold_file.exists() and self._hold_file.read_text().strip() == "KILL":
                kill_group(process.pid)
            await end(process, self.spec, self._hurry)
        except asyncio.CancelledError:
            kill_group(process.pid)
            raise
        finally:
            exited.cancel()

    async def _after_exit(self, process: asyncio.subprocess.Process, lived_seconds: float) -> None:
        self.exits += 1
        self.last_exit_code = process.returncode
        if lived_seconds > STEADY_AFTER_SECONDS:
            self._delay_seconds = FIRST_DELAY_SECONDS
        reason, wait = _reason(process.returncode), f"{self._delay_seconds:g} s"
        say(f"{self.spec.name} ended ({reason}); starting it again in {wait}.")
        await self._pause(self._delay_seconds)
        self._delay_seconds = min(self._delay_seconds * 2, LONGEST_DELAY_SECONDS)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


class Supervisor:
    """All children of one run."""

    def __init__(self, run_folder: Path, log_limit_bytes: int) -> None:
        self._run_folder = run_folder
        self._log_limit_bytes = log_limit_bytes
        self._children: dict[Watched, asyncio.Task[None]] = {}
        self._log_task: asyncio.Task[None] | None = None
        self.hurry = asyncio.Event()

    def start(self, spec: ChildSpec) -> Watched:
        """Start a child and keep it running."""
        self._run_folder.mkdir(parents=True, exist_ok=True)
        if self._log_task is None:
            self._log_task = asyncio.create_task(self._bound_logs())
        watched = Watched(spec, self._run_folder, self.hurry)
        self._children[watched] = asyncio.create_task(watched.keep_running(), name=f"keep {spec.name}")
        return watched

    async def stop(self) -> None:
        """Stop everything, the highest stage first; within a stage all at once."""
        by_stage = sorted(self._children, key=lambda watched: -watched.spec.stage)
        for _, stage in itertools.groupby(by_stage, key=lambda watched: watched.spec.stage):
            group = tuple(stage)
            for watched in group:
                await watched.stop()
            await asyncio.gather(*(self._children.pop(watched) for watched in group), return_exceptions=True)
        if self._log_task is not None:
            self._log_task.cancel()
            self._log_task = None

    async def failure(self) -> BaseException:
        """Waits until keeping a child running has itself failed (for example: its log cannot be written)."""
        while True:
            for task in self._children.values():
                if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                    return error
            await asyncio.sleep(POLL_SECONDS)

    async def _bound_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK_SECONDS)
            with contextlib.suppress(OSError):
                logs.bound([watched.spec.log for watched in self._children], self._log_limit_bytes)


def _reason(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"signal {-exit_code}"
    return f"exit code {exit_code}"
