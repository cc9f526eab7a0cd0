"""How soon an alert event follows the submission that caused it, at a steady rate. Measured from outside."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from time import perf_counter
from typing import Any
from urllib.error import HTTPError

from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.bench.load import open_loop, request_bytes
from tests.bench.pipeline import parents_of, read
from tests.harness import System, eventually
from tests.harness.ledger import Document, report, share

TOPIC = "chiso.alerts.v1"
INDICATORS = ("DVC.ONLINE_SUBMIT", "DVC.ON_TIME", "DVC.DIGITISED")
# As long as Kafka and PostgreSQL need to compile and plan what they will do from then on.
WARM_UP_SECONDS = 10.0
# One observation in ten turns its province's share from far above the target to far below it, or back.
TURNS_EVERY = 10
HEAVY = 900_000_000
Arrivals = dict[tuple[str, str], list[tuple[float, int]]]
Wanted = tuple[str, str, int]


@contextlib.asynccontextmanager
async def _listening(system: System, period: str) -> AsyncIterator[Arrivals]:
    """What came, per (province, indicator): the instant, and the version of the rollup that was judged."""
    came: Arrivals = defaultdict(list)
    consumer = AIOKafkaConsumer(bootstrap_servers=system.kafka)
    await consumer.start()
    partitions = [TopicPartition(TOPIC, number) for number in range(12)]
    consumer.assign(partitions)
    await consumer.seek_to_end(*partitions)

    async def listen() -> None:
        async for record in consumer:
            now, body = perf_counter(), json.loads(record.value)
            if body["period"] == period:
                came[(body["unit"], body["indicator"])].append((now, body["after"]["rollup_version"]))

    listener = asyncio.create_task(listen())
    try:
        yield came
    finally:
        listener.cancel()
        await consumer.stop()


def _turns(heavy: dict[str, str]) -> Iterator[tuple[str, dict[str, Any], int]]:
    """For ever: the next province's share of an indicator turns over, by a correction of one commune."""
    revision = 0
    while True:
        for indicator in INDICATORS:
            for province, unit in sorted(heavy.items()):
                numerator = HEAVY if revision % 2 else 0
                cell = {"unit": unit, "indicator": indicator, "numerator": numerator, "denominator": HEAVY}
                yield province, cell, revision
        revision += 1


def _documents(
    chance: random.Random, period: str, parents: dict[str, str], count: int, size: int
) -> tuple[list[Document], dict[int, str]]:
    """Submissions of `size` observations, and the provinces that the first one of some of them turns over."""
    heavy = {province: unit for unit, province in sorted(parents.items())}
    turns, turned, revision = _turns(heavy), dict[int, str](), 0
    reserved = set(heavy.values())
    pairs = [(unit, indicator) for indicator in INDICATORS for unit in parents if unit not in reserved]
    chance.shuffle(pairs)
    benign = itertools.cycle(pairs)
    documents: list[Document] = []
    for number in range(count):
        cells: list[dict[str, Any]] = []
        if number % (TURNS_EVERY // size) == 0:
            turned[number], cell, revision = next(turns)
            cells.append(cell)
        while len(cells) < size:
            cells.append(share(chance, *next(benign), 0.97, 0.99))
        documents.append(report(chance, period, cells, revision))
    return documents, turned


async def alert_delays(
    system: System, period: str, seconds: float, per_second: float, size: int
) -> list[float]:
    """Sorted: seconds from the POST of an observation that turns an alert over to the event that says so.

    `per_second` counts observations, which come in submissions of `size` (a divisor of 10).

    Open loop: a late answer delays no other request. The first seconds warm up. Infinity stands for an event
    that did not come within ten seconds of the last answer.
    """
    chance = random.Random(f"alerts {size}")
    parents = parents_of(system)
    submissions_per_second = per_second / size
    count = int((WARM_UP_SECONDS + seconds) * submissions_per_second)
    documents, turned = _documents(chance, period, parents, count, size)
    requests = [request_bytes(system.ingest, system.key, document) for document in documents]
    async with _listening(system, period) as came:
        answers = await open_loop(system.ingest, requests, submissions_per_second)
        refused = {answer.status for answer in answers} - {202}
        if refused:
            raise RuntimeError(f"submissions were not accepted: {refused}")
        sent_at = {answer.index: answer.sent_at for answer in answers}
        measured = [index for index in turned if index >= WARM_UP_SECONDS * submissions_per_second]
        wanted = [await _wanted(system, documents[index], turned[index]) for index in measured]
        with contextlib.suppress(AssertionError):
            await eventually(lambda: all(_arrival(came, one) for one in wanted), deadline_seconds=10)
    seen = (_arrival(came, one) or float("inf") for one in wanted)
    return sorted(instant - sent_at[index] for index, instant in zip(measured, seen, strict=True))


def _arrival(came: Arrivals, wanted: Wanted) -> float | None:
    """When the first event came that judged this version of the province's month, or a later one."""
    found = (instant for instant, version in came[wanted[:2]] if version >= wanted[2])
    return next(found, None)


async def _wanted(system: System, document: Document, province: str) -> Wanted:
    """The province, the indicator and the version of its month that took the submission in."""
    path = f"{system.indicators}/v1/submissions/DEMO/{document['submission_id']}"

    async def rolled() -> list[dict[str, Any]] | None:
        try:
            status = await asyncio.to_thread(read, path)
        except HTTPError:  # not applied yet
            return None
        rollups: list[dict[str, Any]] | None = status["observations"][0]["rollups"]
        return rollups

    rollups = await eventually(rolled, deadline_seconds=30)
    key = province, document["period"]
    version = next(int(row["version"]) for row in rollups if (row["unit"], row["period"]) == key)
    return province, document["observations"][0]["indicator"], version


def percentile(delays: list[float], share_of_all: float) -> float:
    """Of sorted delays, in seconds."""
    return delays[min(len(delays) - 1, int(len(delays) * share_of_all))]


async def measure(system: System) -> None:
    """Measures and prints: one observation a submission, which is the most work, and five."""
    print("From POST to alert event, at 200 observations a second (seconds)")
    for size, period in ((1, "2026-03"), (5, "2026-02")):
        delays = await alert_delays(system, period, seconds=30, per_second=200, size=size)
        p50, p99 = percentile(delays, 0.5), percentile(delays, 0.99)
        last = f"max {delays[-1]:.3f}   n {len(delays)}"
        print(f"  in submissions of {size}: p50 {p50:.3f}   p99 {p99:.3f}   {last}")


def main() -> int:
    """Starts a system of its own, measures it, and removes it."""
    system = System()
    try:
        system.start()
        asyncio.run(measure(system))
    finally:
        system.destroy()
    return 0


if __name__ == "__main__":
    sys.exit(main())
