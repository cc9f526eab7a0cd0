"""How soon an alert event follows the submission that moved it, at a steady rate. Measured from outside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter

from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.bench.load import open_loop, request_bytes
from tests.bench.pipeline import parents_of, read
from tests.harness import System
from tests.harness.ledger import Document, report, share
from tests.harness.servers import PROJECT

TOPIC = "chiso.alerts.v1"
INDICATORS = ("DVC.ONLINE_SUBMIT", "DVC.ON_TIME", "DVC.DIGITISED")
WARM_UP_SECONDS = 3.0
# Each observation must move an alert that fires: far below every target, any difference is an event.
SHARES = (0.2, 0.6)


def talkative_seeds(folder: Path) -> Path:
    """The project's catalogue with rules that tell every move at once, however few have reported."""
    folder.chmod(0o755)
    seeds = folder / "seeds"
    shutil.copytree(PROJECT / "seeds", seeds)
    rules = (seeds / "rules.yaml").read_text()
    for field in ("min_completeness", "update_epsilon", "update_interval_seconds"):
        rules = re.sub(rf"^  {field}: .*$", f"  {field}: 0", rules, flags=re.MULTILINE)
    (seeds / "rules.yaml").write_text(rules)
    return seeds


@contextlib.asynccontextmanager
async def _listening(
    system: System, period: str
) -> AsyncIterator[dict[tuple[str, str], list[tuple[float, int]]]]:
    """What came, per (province, indicator): the instant, and the version of the rollup that was judged."""
    came: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    consumer = AIOKafkaConsumer(bootstrap_servers=system.kafka, fetch_max_wait_ms=10)
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


async def alert_delays(
    system: System, seed: str, period: str, seconds: float, per_second: float
) -> list[float]:
    """Seconds from each POST of one observation to the first alert event that has seen it.

    Open loop: a late answer delays no other request. `system` runs with `talkative_seeds`. The first seconds
    warm up; the last second is left out, as nothing follows it that would flush it.
    """
    chance = random.Random(seed)
    parents = parents_of(system)
    count = int((WARM_UP_SECONDS + seconds + 1) * per_second)
    pairs = [(unit, indicator) for indicator in INDICATORS for unit in parents]
    chosen = chance.sample(pairs, count)
    documents = [report(chance, period, [share(chance, *pair, *SHARES)]) for pair in chosen]
    requests = [request_bytes(system.ingest, system.key, document) for document in documents]
    async with _listening(system, period) as came:
        answers = await open_loop(system.ingest, requests, per_second)
        await asyncio.sleep(2)
    refused = {answer.status for answer in answers} - {202}
    if refused:
        raise RuntimeError(f"submissions were not accepted: {refused}")
    delays = []
    first, last = int(WARM_UP_SECONDS * per_second), count - int(per_second)
    for answer in sorted(answers, key=lambda one: one.index)[first:last]:
        unit, indicator = chosen[answer.index]
        version = await asyncio.to_thread(_version, system, documents[answer.index], parents[unit])
        seen = (instant for instant, shown in came[(parents[unit], indicator)] if shown >= version)
        delays.append(next(seen, float("inf")) - answer.sent_at)
    return sorted(delays)


def _version(system: System, document: Document, province: str) -> int:
    """The version of the province's month that took the submission in."""
    status = read(f"{system.indicators}/v1/submissions/DEMO/{document['submission_id']}")
    rollups = status["observations"][0]["rollups"]
    wanted = province, document["period"]
    return next(int(row["version"]) for row in rollups if (row["unit"], row["period"]) == wanted)


def percentile(delays: list[float], share_of_all: float) -> float:
    """Of sorted delays, in seconds."""
    return delays[min(len(delays) - 1, int(len(delays) * share_of_all))]


async def _measure(system: System) -> None:
    delays = await alert_delays(system, "alerts", "2025-10", seconds=30, per_second=200)
    print("From POST to alert event, at 200 observations a second in submissions of one (seconds)")
    p50, p99 = percentile(delays, 0.5), percentile(delays, 0.99)
    print(f"  p50 {p50:.3f}   p99 {p99:.3f}   max {delays[-1]:.3f}   n {len(delays)}")


def main() -> None:
    """Starts a system of its own and measures it."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="chiso-bench-") as folder:
        system = System(None, CHISO_SEEDS=str(talkative_seeds(Path(folder))))
        try:
            system.start()
            asyncio.run(_measure(system))
        finally:
            system.destroy()


if __name__ == "__main__":
    main()
