"""`python -m chiso_local [run|servers]`: the program behind `make run`. Decides only how it ends."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import os
import signal
import sys

from chiso_local.child import PR_SET_PDEATHSIG
from chiso_local.failure import StartFailure
from chiso_local.home import Home, locked
from chiso_local.progress import say
from chiso_local.run_servers import ServersRun
from chiso_local.settings import LocalSettings, load_settings


def main() -> int:
    """0 after an ordered stop, 1 after a start that failed (one sentence on stderr)."""
    parser = argparse.ArgumentParser(prog="chiso_local", description="Runs all of chiso on this machine.")
    parser.add_argument(
        "what", nargs="?", choices=("run", "servers"), default="run", help="servers: no services"
    )
    parser.add_argument(
        "--with-parent", action="store_true", help="end when the process that started us ends"
    )
    arguments = parser.parse_args()
    if arguments.with_parent and not _end_with_parent():
        return 1
    try:
        settings = load_settings()
        return asyncio.run(_run(settings, arguments.what == "servers"))
    except StartFailure as failure:
        say(str(failure))
    except OSError as error:  # a disk that fills up or a folder that is not ours
        say(f"the start failed: {error.strerror or error} ({error.filename}).")
    return 1


async def _run(settings: LocalSettings, servers_only: bool) -> int:
    with locked(settings.home) as home:
        run = _new_run(settings, home, servers_only)
        stop = _stop_on_signals(run)
        try:
            starting = asyncio.create_task(run.start())
            if not await _first_of(starting, stop):
                return 0
            print(await starting, flush=True)
            failing = asyncio.create_task(run.supervisor.failure())
            if await _first_of(failing, stop):
                say(f"the children cannot be kept running: {await failing}.")
                return 1
            say("stopping …")
            return 0
        finally:
            await run.supervisor.stop()


def _new_run(settings: LocalSettings, home: Home, servers_only: bool) -> ServersRun:
    if servers_only:
        return ServersRun(settings, home)
    from chiso_local.run_full import FullRun  # the servers alone need no catalogue and no service

    return FullRun(settings, home)


async def _first_of(task: asyncio.Task[object], stop: asyncio.Event) -> bool:
    """Wait for the task or the stop; True when the task is done, else it is cancelled."""
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        return True
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return False


def _stop_on_signals(run: ServersRun) -> asyncio.Event:
    """The first signal asks for an ordered stop, the second one hurries it."""
    stop = asyncio.Event()

    def asked() -> None:
        if stop.is_set():
            run.supervisor.hurry.set()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN or number is not signal.SIGHUP:
            loop.add_signal_handler(number, asked)
    return stop


def _end_with_parent() -> bool:
    """Have SIGTERM sent to us when our parent ends; False if it already has."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        return os.getppid() == parent
    return True


if __name__ == "__main__":
    sys.exit(main())
