"""chiso from outside: HTTP accept to committed rollup, and how soon a report is in the nation's number."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from decimal import Decimal
from time import perf_counter
from typing import Any
from urllib.request import urlopen

from tests.bench.cpu import cpu_seconds, difference
from tests.bench.load import closed_loop, open_loop, request_bytes
from tests.harness import System
from tests.harness.ledger import report, share

INDICATORS = ("DVC.ONLINE_SUBMIT", "DVC.ON_TIME", "DVC.ONLINE_FULL", "DVC.PAY_ONLINE", "DVC.ERESULT")


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run: observations, wall seconds, and CPU seconds of each process."""

    observations: int
    wall_seconds: float
    cpu: dict[str, float]


def read(url: str) -> Any:
    """A GET of the system under test, numbers as exact decimals."""
    with urlopen(url) as answer:
        return json.loads(answer.read(), parse_float=Decimal)


def parents_of(system: System) -> dict[str, str]:
    """Commune → province, from the running catalogue."""
    items = read(f"{system.indicators}/v1/units?level=commune&limit=10000")["items"]
    return {item["code"]: item["parent"] for item in items if item["valid_to"] is None}


def observations(chance: random.Random, units: list[str], count: int) -> list[dict[str, Any]]:
    """`count` observations, no cell twice."""
    pairs = [(unit, indicator) for indicator in INDICATORS for unit in units][:count]
    return [share(chance, unit, indicator) for unit, indicator in pairs]


def nation_url(system: System, indicator: str, period: str) -> str:
    """Where the nation's rollup is read."""
    return f"{system.indicators}/v1/rollups/VN/{indicator}/administrative/{period}/in_period"


async def _wait_for_totals(system: System, cells: list[dict[str, Any]], period: str) -> None:
    wanted = {
        code: sum(cell["denominator"] for cell in cells if cell["indicator"] == code) for code in INDICATORS
    }
    for code, total in wanted.items():
        if not total:
            continue
        while True:
            try:
                if (await asyncio.to_thread(read, nation_url(system, code, period)))["denominator"] == total:
                    break
            except OSError:
                pass  # not there yet: 404
            await asyncio.sleep(0.02)


async def throughput(system: System, seed: str, period: str, count: int, size: int) -> Run:
    """`count` observations in submissions of `size`, until all are in the nation's committed rollups."""
    chance = random.Random(seed)
    units = sorted(parents_of(system))
    cells = observations(chance, units, count)
    documents = [report(chance, period, cells[start : start + size]) for start in range(0, count, size)]
    requests = [request_bytes(system.ingest, system.key, document) for document in documents]
    before = cpu_seconds(system)
    started = perf_counter()
    answers = await closed_loop(system.ingest, requests, connections=32 if size == 1 else 8)
    refused = [answer.status for answer in answers if answer.status != 202]
    if refused:
        raise RuntimeError(f"{len(refused)} submissions were not accepted: {set(refused)}")
    await _wait_for_totals(system, cells, period)
    return Run(count, perf_counter() - started, difference(cpu_seconds(system), before))


async def visibility_seconds(
    system: System, seed: str, period: str, count: int, per_second: float
) -> list[float]:
    """For each submission of one observation: seconds from its POST until the nation's rollup shows it."""
    chance = random.Random(seed)
    units = chance.sample(sorted(parents_of(system)), count)
    documents = [report(chance, period, [share(chance, unit, "DVC.ONLINE_SUBMIT")]) for unit in units]
    requests = [request_bytes(system.ingest, system.key, document) for document in documents]
    seen: list[tuple[float, int]] = []
    done = asyncio.Event()

    async def watch() -> None:
        while not done.is_set():
            try:
                row = await asyncio.to_thread(read, nation_url(system, "DVC.ONLINE_SUBMIT", period))
                seen.append((perf_counter(), row["version"]))
            except OSError:
                pass  # not there yet: 404
            await asyncio.sleep(0.01)

    watcher = asyncio.create_task(watch())
    answers = await open_loop(system.ingest, requests, per_second)
    cells = [document["observations"][0] for document in documents]
    await _wait_for_totals(system, cells, period)
    await asyncio.sleep(0.1)
    done.set()
    await watcher
    delays = []
    for answer in answers:
        status = read(f"{system.indicators}/v1/submissions/DEMO/{documents[answer.index]['submission_id']}")
        rollups = status["observations"][0]["rollups"]
        version = next(row["version"] for row in rollups if row["unit"] == "VN" and row["period"] == period)
        delays.append(next(instant for instant, shown in seen if shown >= version) - answer.sent_at)
    return delays
