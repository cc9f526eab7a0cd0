"""One child process: it ends when we end, stops politely, then firmly. Must not decide about restarts."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chiso_local.account import Account
from chiso_local.failure import StartFailure

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class ChildSpec:
    """What to run. `stage` orders the stop: a child is stopped before all children of lower stages."""

    name: str
    command: tuple[str, ...]
    log: Path
    stage: int
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_seconds: float = 15
    death_signal: signal.Signals = signal.SIGKILL


def dies_with_us(death_signal: signal.Signals, account: Account | None = None) -> Callable[[], None]:
    """For `preexec_fn`: become the account, and be sent the signal when the parent is gone."""
    parent = os.getpid()

    def prepare() -> None:
        if account is not None:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)  # forgets the death signal, so it comes first
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


async def spawn(spec: ChildSpec) -> asyncio.subprocess.Process:
    """Start it in a session of its own, its output appended to its log. Call from the main thread only."""
    spec.log.parent.mkdir(parents=True, exist_ok=True)
    with spec.log.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *spec.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(spec.environment),
            start_new_session=True,
            preexec_fn=dies_with_us(spec.death_signal, spec.account),
        )


async def end(process: asyncio.subprocess.Process, spec: ChildSpec, hurry: asyncio.Event) -> None:
    """Ask it to stop; kill it and its whole group at the deadline, or as soon as `hurry` is set."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(spec.stop_signal)
        gone, hurried = asyncio.create_task(process.wait()), asyncio.create_task(hurry.wait())
        await asyncio.wait(
            (gone, hurried), timeout=spec.stop_timeout_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        hurried.cancel()
    kill_group(process.pid)
    await process.wait()


def kill_group(pid: int) -> None:
    """SIGKILL to whatever is left of the child's process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


async def run_tool(
    command: tuple[str, ...],
    what: str,
    account: Account | None = None,
    text: str = "",
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a short program to its end and answer its output; raises `StartFailure` with its last line."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
        env=environment,
        start_new_session=True,
        preexec_fn=dies_with_us(signal.SIGKILL, account),
    )
    try:
        output, _ = await process.communicate(text.encode())
    except asyncio.CancelledError:
        kill_group(process.pid)
        await process.wait()
        raise
    answer = output.decode("utf-8", "replace").strip()
    if process.returncode != 0:
        raise StartFailure(f"{what} failed: {last_line(answer)}")
    return answer


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")
