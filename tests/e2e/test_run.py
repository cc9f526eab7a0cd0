"""`make run` as its user sees it: READY, what runs, memory, restarts, stops, refusals. Imports no service."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.conftest import NewSystem
from tests.harness import System, SystemFailed, collect, eventually
from tests.harness.processes import living
from tests.harness.servers import PROJECT

SERVICES = ("ingest", "indicators", "alerts")
CHILDREN = ("kafka", "postgres", *SERVICES)
IDLE_MEMORY_BYTES = 1.2 * 1024**3
LATER_START_SECONDS = 15.0
READY = re.compile(
    r"READY ingest=http://\S+ indicators=http://\S+ alerts=http://\S+ board=http://\S+ "
    r"kafka=127\.0\.0\.1:\d+ postgres=postgresql://\S+ key_file=\S+"
)


def tree(pid: int) -> list[psutil.Process]:
    """The process and everything below it."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


async def kill_and_wait(system: System, name: str) -> None:
    killed = system.kill_service(name)
    await eventually(lambda: system.pid(name) not in {None, killed}, deadline_seconds=15)
    await system.wait_ready(name)


def make_run(system: System) -> subprocess.Popen[str]:
    """`make run` in a process group of its own, as a terminal starts it."""
    with (system.home / "local.log").open("ab") as errors:
        return subprocess.Popen(
            ["make", "--no-print-directory", "run"],
            cwd=PROJECT,
            env=system.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )


def submissions(system: System) -> list[str]:
    with system.http("indicators") as client:
        answer = client.get("/v1/submissions", params={"agency": "DEMO", "limit": 1_000})
    return sorted(item["submission_id"] for item in answer.raise_for_status().json()["items"])


def test_what_ready_names_is_there(system: System) -> None:
    for name in SERVICES:
        for path in ("/livez", "/readyz", "/metrics"):
            assert httpx.get(f"{system.ready[name]}{path}", trust_env=False).status_code == 200
    page = httpx.get(system.board, trust_env=False)
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    text = Path(system.ready["key_file"]).read_text()
    assert len(text.split()) == 1 and text.endswith("\n")


def test_each_service_is_a_process_whose_command_line_shows_its_package(system: System) -> None:
    for name in SERVICES:
        pid = system.pid(name)
        assert pid is not None
        assert f"chiso_{name}" in " ".join(psutil.Process(pid).cmdline())
    pids = {system.pid(name) for name in CHILDREN}
    assert len(pids) == len(CHILDREN)


def test_the_demo_key_opens_the_door_for_every_unit(system: System) -> None:
    document = {
        "submission_id": "0198c0de-7a11-7c4e-9d3f-5b2a1c0e8f77",
        "calendar": "administrative",
        "period": "2025-10",
        "basis": "in_period",
        "observations": [
            {"unit": unit, "indicator": "DVC.ONLINE_SUBMIT", "numerator": 1, "denominator": 2}
            for unit in ("21289", "00004")
        ],
    }
    answer = system.submit(document, dry_run="true")
    assert answer.status_code == 200, answer.text
    assert answer.json()["observations"] == 2


async def test_the_published_documents_are_on_the_log_once_in_order_of_their_dates(system: System) -> None:
    sent = submissions(system)
    assert sent
    records = await collect(
        system.kafka,
        "chiso.submissions.v1",
        until=lambda records: {record.json["submission_id"] for record in records} >= set(sent),
    )
    published = [record for record in records if record.json["submission_id"] in sent]
    by_time = sorted(published, key=lambda record: record.json["accepted_at"])
    dates = [record.json["source"]["published"] for record in by_time if record.json["source"]["published"]]
    assert dates == sorted(dates)


async def test_the_idle_system_is_small(system: System) -> None:
    def memory_bytes() -> int:
        return sum(process.memory_full_info().pss for process in tree(system.supervisor_pid))

    await eventually(lambda: memory_bytes() <= IDLE_MEMORY_BYTES, deadline_seconds=20)


async def test_a_life_of_restarts(new_system: NewSystem) -> None:
    system = new_system()
    system.start()
    sent = submissions(system)
    for name in SERVICES:
        await kill_and_wait(system, name)
    assert submissions(system) == sent

    pids = [process.pid for process in tree(system.supervisor_pid)]
    assert system.stop() == 0
    assert living(pids) == []

    started_at = time.monotonic()
    system.start()
    waiting_for_each_core = os.getloadavg()[0] / (
        os.cpu_count() or 1
    )  # the promise is for a machine of its own
    assert time.monotonic() - started_at <= LATER_START_SECONDS * max(1.0, waiting_for_each_core)
    assert submissions(system) == sent

    pids = [process.pid for process in tree(system.supervisor_pid)]
    system.kill()
    await eventually(lambda: not living(pids), deadline_seconds=15)
    system.start()
    assert submissions(system) == sent


@pytest.mark.parametrize("name", SERVICES)
def test_a_busy_port_of_a_service_is_refused(new_system: NewSystem, name: str) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        system = new_system(**{f"CHISO_{name.upper()}_PORT": str(port)})
        with pytest.raises(SystemFailed) as refused:
            system.start()
    setting = f"CHISO_{name.upper()}_PORT"
    assert (
        str(refused.value)
        == f"chiso: port {port} is already in use; free it or set {setting} to another one.\n"
    )
    assert not list(system.home.glob("run/*.pid"))


def test_a_wrong_catalogue_is_refused_before_anything_starts(new_system: NewSystem, tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    shutil.copytree(PROJECT / "seeds", seeds)
    indicators = seeds / "indicators.csv"
    lines = indicators.read_text("utf-8").splitlines()
    indicators.write_text("\n".join([*lines, lines[-1]]) + "\n", "utf-8")
    system = new_system(CHISO_SEEDS=str(seeds))
    with pytest.raises(
        SystemFailed, match=r"the catalogue in \S+ \(CHISO_SEEDS\) has \d+ errors?:\n  "
    ) as told:
        system.start()
    assert "indicators.csv" in str(told.value) and "Traceback" not in str(told.value)
    assert not (system.home / "postgres").exists()


async def test_a_service_that_cannot_start_ends_the_run_with_its_reason(new_system: NewSystem) -> None:
    system = new_system(CHISO_CLOCK_OFFSET="0", CHISO_LOG_LEVEL="LOUD")
    with pytest.raises(SystemFailed, match="does not stay up"):
        system.start()
    assert "Traceback" not in system.log("local")
    assert not list(system.home.glob("run/*.pid"))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
async def test_make_run_ends_with_everything_it_started(new_system: NewSystem, how: signal.Signals) -> None:
    system = new_system()
    make = make_run(system)
    assert make.stdout is not None
    try:
        line = make.stdout.readline()
        assert READY.fullmatch(line.strip()), system.log("local")
        pids = [process.pid for process in tree(make.pid)]
        if how == signal.SIGINT:
            os.killpg(make.pid, signal.SIGINT)  # as Ctrl-C does: to make and to the program alike
        else:
            make.kill()
        make.wait(60)
        await eventually(lambda: not living(pids), deadline_seconds=30)
    finally:
        if make.poll() is None:
            make.terminate()
            make.wait(60)
        make.stdout.close()
    assert system.log("local").endswith("stopping …\n") or "Interrupt" in system.log("local")
