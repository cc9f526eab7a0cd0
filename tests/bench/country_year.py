"""One country-year, and a tenth of one: `python -m tests.bench.country_year [--tenth]`.

3,321 communes x 20 indicators x 12 months go through Kafka; then reads, a full audit, a rebuild and memory.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer
from chiso_shared.contracts.codec import encode_json
from chiso_shared.contracts.events import SOURCE_INGEST, Event, content_id
from chiso_shared.contracts.topics import SUBMISSIONS

from tests.bench.cpu import cpu_seconds, difference, resident_mebibytes
from tests.bench.pipeline import parents_of, read
from tests.bench.rebuild import Speed, compare_speed
from tests.harness import System

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
FLOWS = (
    *("DVC.ONLINE_SUBMIT", "DVC.ONLINE_FULL", "DVC.RECEIVED", "DVC.ON_TIME", "DVC.DIGITISED"),
    *("DVC.DIGITISED_REC", "DVC.REUSE", "DVC.ERESULT", "DVC.PAY_ONLINE", "DVC.SATISFACTION"),
    *("DOC.EPROC", "DVC.SERVICES_ARISING", "DVC.PAY_ARISING"),
)
STOCKS = (
    *("DVC.OVERDUE", "INF.FIBRE_COMMUNE", "INF.FIBRE_HOUSEHOLD", "INF.BB_VILLAGE", "INF.MOBILE_VILLAGE"),
    *("INF.CONF_POINTS", "INF.PORTALS"),
)
BASES = {"in_period": FLOWS, "as_of": STOCKS}
MONTHS = tuple(f"2026-{month:02d}" for month in range(1, 13))
READS = 3_000
WAIT_SECONDS = 3_600


@dataclass
class Figures:
    """What was measured of one load."""

    communes: int
    cells: int = 0
    produce_seconds: float = 0.0
    load_seconds: float = 0.0
    publish_seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    one_ms: list[float] = field(default_factory=list)
    list_ms: list[float] = field(default_factory=list)
    read_cpu: dict[str, float] = field(default_factory=dict)
    audit_seconds: float = 0.0
    audit: dict[str, Any] = field(default_factory=dict)
    rebuild: Speed | None = None
    memory: dict[str, float] = field(default_factory=dict)
    rollups: int = 0


def percentile(numbers: Sequence[float], share: float) -> float:
    """Of sorted numbers."""
    return sorted(numbers)[min(len(numbers) - 1, int(len(numbers) * share))]


def observation(chance: random.Random, unit: str, indicator: str, ratio: bool) -> dict[str, Any]:
    """One report as the door writes it."""
    denominator = chance.randint(100, 5_000)
    figure: dict[str, Any] = {"value": denominator}
    if ratio:
        figure = {"numerator": chance.randint(denominator // 2, denominator), "denominator": denominator}
    plain = {"unit": unit, "indicator": indicator, "op": "report", "status": "A", "qualifier": "eq"}
    return plain | figure


def events(parents: dict[str, str], ratios: set[str], routes: dict[str, int]) -> Iterator[tuple[int, Event]]:
    """One submission a commune, month and basis; month after month, as they would come."""
    chance = random.Random("country-year")
    accepted_at = datetime.now(UTC)
    for month in MONTHS:
        for unit, province in parents.items():
            for basis, indicators in BASES.items():
                accepted_at += timedelta(microseconds=1)
                document: dict[str, Any] = {
                    "submission_id": str(UUID(int=chance.getrandbits(128), version=4)),
                    "agency": f"BENCH.{province}",
                    "calendar": "administrative",
                    "period": month,
                    "basis": basis,
                    "as_of": f"{month}-10" if basis == "as_of" else None,
                    "stage": "actual",
                    "revision": 0,
                    "reason": None,
                    "source": {"document": None, "url": None, "published": None},
                    "observations": [
                        observation(chance, unit, indicator, indicator in ratios) for indicator in indicators
                    ],
                    "accepted_at": accepted_at,
                    "key_id": "bench",
                    "catalogue_version": "bench",
                }
                document["payload_sha256"] = sha256(document["submission_id"].encode()).hexdigest()
                identity = content_id(document["agency"], document["submission_id"])
                data = encode_json(document)
                kind, agency = SUBMISSIONS.event_types[0], document["agency"]
                yield (
                    routes[province],
                    Event(kind, identity, SOURCE_INGEST, agency, accepted_at, data, province),
                )


async def produce(system: System, parents: dict[str, str]) -> int:
    """Writes everything to the log; how many records."""
    items = read(f"{system.indicators}/v1/indicators?limit=1000")["items"]
    ratios = {item["code"] for item in items if item["kind"].startswith("ratio")}
    with (SEEDS / "routes.csv").open(encoding="utf-8-sig", newline="") as file:
        routes = {row["home"]: int(row["partition"]) for row in csv.DictReader(file)}
    producer = AIOKafkaProducer(
        bootstrap_servers=system.kafka,
        acks="all",
        enable_idempotence=True,
        linger_ms=20,
        max_batch_size=2**18,
    )
    await producer.start()
    count = 0
    try:
        for partition, event in events(parents, ratios, routes):
            await producer.send(
                SUBMISSIONS.name,
                event.data,
                key=event.partitionkey.encode(),
                partition=partition,
                headers=event.headers(),
            )
            count += 1
        await producer.flush()
    finally:
        await producer.stop()
    return count


async def until(connection: asyncpg.Connection, statement: str, what: str) -> None:
    """Until a statement says true."""
    deadline = perf_counter() + WAIT_SECONDS
    while not await connection.fetchval(statement):
        if perf_counter() > deadline:
            raise TimeoutError(f"not within {WAIT_SECONDS} s: {what}")
        await asyncio.sleep(0.2)


async def load(system: System, figures: Figures, parents: dict[str, str]) -> None:
    """Through Kafka into committed rollups, then until all of them are published."""
    connection = await asyncpg.connect(system.postgres)
    before, started = cpu_seconds(system), perf_counter()
    applied = await connection.fetchval("SELECT count(*) FROM indicators.submission")
    count = await produce(system, parents)
    figures.produce_seconds = perf_counter() - started
    await until(
        connection,
        f"SELECT count(*) = {applied + count} AND NOT EXISTS (SELECT FROM indicators.dirty) "
        "FROM indicators.submission",
        "applied and rolled",
    )
    figures.load_seconds = perf_counter() - started
    await until(
        connection,
        "SELECT published.tick >= (SELECT max(tick) FROM indicators.rollup) FROM indicators.published",
        "published",
    )
    figures.publish_seconds = perf_counter() - started
    figures.cpu = difference(cpu_seconds(system), before)
    figures.cells = await connection.fetchval("SELECT count(*) FROM indicators.cell")
    figures.rollups = await connection.fetchval("SELECT count(*) FROM indicators.rollup")
    await connection.close()


async def reads(system: System, figures: Figures, parents: dict[str, str]) -> None:
    """Single rollups one after the other over one connection, and a page of rollups now and then."""
    chance = random.Random("reads")
    provinces = sorted(set(parents.values()))
    periods = [*MONTHS, "2026-Q1", "2026-Q3", "2026-H1", "2026-9M", "2026"]
    async with httpx.AsyncClient(base_url=system.indicators, timeout=60, trust_env=False) as client:
        for number in range(READS):
            basis, indicators = chance.choice(list(BASES.items()))
            unit = chance.choice([*provinces, "VN", *chance.sample(sorted(parents), 3)])
            indicator, period = chance.choice(indicators), chance.choice(periods)
            started = perf_counter()
            answer = await client.get(f"/v1/rollups/{unit}/{indicator}/administrative/{period}/{basis}")
            figures.one_ms.append((perf_counter() - started) * 1_000)
            if answer.status_code != 200:
                raise RuntimeError(f"{answer.status_code}: {answer.text}")
            if number % 10 == 0:
                query = {"unit": unit, "period": period, "calendar": "administrative"}
                started = perf_counter()
                (await client.get("/v1/rollups", params=query)).raise_for_status()
                figures.list_ms.append((perf_counter() - started) * 1_000)


async def audit(system: System, figures: Figures) -> None:
    """One full self-audit."""
    async with httpx.AsyncClient(base_url=system.indicators, timeout=WAIT_SECONDS, trust_env=False) as client:
        started = perf_counter()
        answer = (await client.post("/v1/audit")).raise_for_status()
        figures.audit_seconds, figures.audit = perf_counter() - started, answer.json()


async def measure(is_tenth: bool) -> Figures:
    """A new system, loaded and measured."""
    system = System()
    try:
        system.start()
        parents = dict(sorted(parents_of(system).items()))
        if is_tenth:
            parents = dict(list(parents.items())[::10])
        figures = Figures(len(parents))
        await load(system, figures, parents)
        before = cpu_seconds(system)
        await reads(system, figures, parents)
        figures.read_cpu = difference(cpu_seconds(system), before)
        await audit(system, figures)
        figures.rebuild = await compare_speed(system)
        figures.memory = resident_mebibytes(system)
        return figures
    finally:
        system.destroy()


def report(figures: Figures) -> None:
    """Prints one load."""
    rate = figures.cells / figures.load_seconds
    print(f"\n{figures.communes:,} communes, {figures.cells:,} cells, {figures.rollups:,} stored rollups")
    print(
        f"  written to Kafka in {figures.produce_seconds:.1f} s; committed in rollups after "
        f"{figures.load_seconds:.1f} s ({rate:,.0f} cells/s); published after {figures.publish_seconds:.1f} s"
    )
    for what, numbers in (("a rollup", figures.one_ms), ("a page of rollups", figures.list_ms)):
        shares = " ".join(f"p{share:.0%} {percentile(numbers, share):.1f}" for share in (0.5, 0.95, 0.99))
        print(f"  reading {what}: {shares.replace('%', '')} max {max(numbers):.1f} ms ({len(numbers)} reads)")
    spent = {name: figures.read_cpu[name] / READS * 1_000 for name in ("indicators", "postgres")}
    print("  CPU ms a read: " + ", ".join(f"{name} {ms:.1f}" for name, ms in spent.items()))
    found = figures.audit
    drift = f"{found['checked']:,} checked, {found['drift_rows']} differ"
    print(f"  full audit {figures.audit_seconds:.1f} s: {drift}")
    if figures.rebuild is not None:
        speed, bare = figures.rebuild, ", ".join(f"{one:.1f}" for one in figures.rebuild.bare_seconds)
        differing = sum(speed.comparison["differing"].values())
        print(
            f"  rebuild {speed.rebuild_seconds:.1f} s, {differing} differ; bare pipeline {bare} s: "
            f"{speed.ratio:.2f} x its speed"
        )
    print("  memory, MiB (PSS): " + ", ".join(f"{name} {size:.0f}" for name, size in figures.memory.items()))
    seconds = {name: spent / figures.cells * 1e6 for name, spent in figures.cpu.items()}
    print("  CPU s per million cells: " + ", ".join(f"{name} {spent:.0f}" for name, spent in seconds.items()))


def growth(small: Figures, large: Figures) -> None:
    """Prints how the figures grow."""
    print(f"\nFrom a tenth to the whole ({large.cells / small.cells:.1f} x the cells):")
    pairs = {
        "seconds to committed rollups": (small.load_seconds, large.load_seconds),
        "read p99, ms": (percentile(small.one_ms, 0.99), percentile(large.one_ms, 0.99)),
        "full audit, s": (small.audit_seconds, large.audit_seconds),
        **{f"memory of {name}, MiB": (small.memory[name], size) for name, size in large.memory.items()},
    }
    for what, (before, after) in pairs.items():
        print(f"  {what}: {before:.1f} -> {after:.1f} ({after / before:.1f} x)")


async def main(is_tenth_only: bool) -> None:
    """The tenth, then the whole."""
    small = await measure(is_tenth=True)
    report(small)
    if not is_tenth_only:
        large = await measure(is_tenth=False)
        report(large)
        growth(small, large)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.country_year", description=__doc__)
    parser.add_argument("--tenth", action="store_true", help="only a tenth of the communes")
    asyncio.run(main(parser.parse_args().tenth))
