"""The supervisor with trivial children: restart, back-off, hold, ordered stop, nobody left behind."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chiso_local.child import ChildSpec, run_tool
from chiso_local.failure import StartFailure
from chiso_local.supervisor import Supervisor

from tests.harness import eventually

STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.05; done"


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    made = Supervisor(tmp_path / "run", log_limit_bytes=1_000_000)
    yield made
    made.hurry.set()
    await made.stop()


def shell(
    tmp_path: Path, name: str, script: str, stage: int = 0, stop_timeout_seconds: float = 5
) -> ChildSpec:
    return ChildSpec(
        name=name,
        command=("/bin/sh", "-c", script),
        log=tmp_path / "logs" / f"{name}.log",
        stage=stage,
        stop_timeout_seconds=stop_timeout_seconds,
    )


def pid_of(tmp_path: Path, name: str) -> int | None:
    path = tmp_path / "run" / f"{name}.pid"
    return int(path.read_text()) if path.exists() and path.read_text() else None


async def started(tmp_path: Path, name: str) -> int:
    pid = await eventually(lambda: pid_of(tmp_path, name))
    assert pid is not None
    return pid


async def wrote(tmp_path: Path, name: str, text: str) -> None:
    log = tmp_path / "logs" / f"{name}.log"
    await eventually(lambda: log.exists() and log.read_text() == text)


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_a_killed_child_is_started_again(tmp_path: Path, supervisor: Supervisor) -> None:
    watched = supervisor.start(shell(tmp_path, "one", "exec sleep 60"))
    first = await started(tmp_path, "one")
    os.kill(first, signal.SIGKILL)
    second = await eventually(lambda: (pid_of(tmp_path, "one") or first) != first and pid_of(tmp_path, "one"))
    assert second and alive(second)
    assert (watched.exits, watched.last_exit_code) == (1, -signal.SIGKILL)


async def test_a_child_that_keeps_ending_is_started_less_and_less_often(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    watched = supervisor.start(shell(tmp_path, "one", "date +%s.%N; exit 3"))
    await eventually(lambda: watched.exits >= 4)
    starts = [float(line) for line in (tmp_path / "logs" / "one.log").read_text().split()]
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert gaps[0] >= 0.2 and gaps[1] >= 0.4 and gaps[2] >= 0.8
    assert watched.last_exit_code == 3


@pytest.mark.parametrize(("how", "exit_line"), [("TERM", "polite\n"), ("KILL", "")])
async def test_a_held_child_stays_down_until_it_is_released(
    tmp_path: Path, supervisor: Supervisor, how: str, exit_line: str
) -> None:
    script = "trap 'echo polite; exit 0' TERM; while :; do sleep 0.02; done"
    watched = supervisor.start(shell(tmp_path, "one", script))
    first = await started(tmp_path, "one")
    hold = tmp_path / "run" / "one.hold"
    hold.write_text(how)
    await eventually(lambda: not alive(first) and pid_of(tmp_path, "one") is None)
    assert (tmp_path / "logs" / "one.log").read_text() == exit_line
    assert watched.exits == 0
    hold.unlink()
    assert await started(tmp_path, "one") != first


async def test_higher_stages_are_stopped_before_lower_ones(tmp_path: Path, supervisor: Supervisor) -> None:
    order = tmp_path / "order"
    for name, stage in (("store", 0), ("log", 1), ("service", 2)):
        script = (
            f"trap 'sleep 0.1; echo {name} >> {order}; exit 0' TERM; echo up; while :; do sleep 0.02; done"
        )
        supervisor.start(shell(tmp_path, name, script, stage))
        await wrote(tmp_path, name, "up\n")
    await supervisor.stop()
    assert order.read_text().split() == ["service", "log", "store"]


async def test_a_stubborn_child_and_its_children_are_killed_at_the_deadline(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    supervisor.start(shell(tmp_path, "one", f"({STUBBORN}) & {STUBBORN}", stop_timeout_seconds=0.3))
    pid = await started(tmp_path, "one")
    await wrote(tmp_path, "one", "up\nup\n")
    await supervisor.stop()
    assert not alive(pid)
    await eventually(lambda: subprocess.run(["pgrep", "-g", str(pid)], check=False).returncode == 1)


async def test_a_second_request_does_not_wait_for_the_deadline(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    supervisor.start(shell(tmp_path, "one", STUBBORN, stop_timeout_seconds=60))
    pid = await started(tmp_path, "one")
    await wrote(tmp_path, "one", "up\n")
    stopping = asyncio.create_task(supervisor.stop())
    supervisor.hurry.set()
    await asyncio.wait_for(stopping, 5)
    assert not alive(pid)


def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio, pathlib
from chiso_local.child import ChildSpec
from chiso_local.supervisor import Supervisor
async def main():
    supervisor = Supervisor(pathlib.Path({str(tmp_path)!r}) / "run", 1000000)
    log = pathlib.Path({str(tmp_path)!r}) / "one.log"
    supervisor.start(ChildSpec("one", ("/bin/sh", "-c", {STUBBORN!r}), log, 0))
    while "up" not in (log.read_text() if log.exists() else ""):
        await asyncio.sleep(0.02)
    print((log.parent / "run" / "one.pid").read_text(), flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert alive(pid)
        process.kill()
        process.wait()

    async def gone() -> None:
        await eventually(lambda: not alive(pid))

    asyncio.run(gone())


async def test_a_tool_that_fails_says_its_last_line() -> None:
    with pytest.raises(StartFailure, match="making tea failed: no water"):
        await run_tool(("/bin/sh", "-c", "echo boiling; echo no water; exit 1"), "making tea")
    assert await run_tool(("/bin/cat",), "copying", text="some text") == "some text"
