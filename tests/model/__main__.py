"""Service and model on random histories; says which seed fails, and replays it.

`python -m tests.model --seed N | --seeds A..B [--year Y] [--kafka]`
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from time import perf_counter

from chiso_shared.runtime.logs import configure_logging

from tests.harness.databases import Databases
from tests.harness.servers import Servers, running_servers
from tests.harness.topics import empty_contract_topics
from tests.model.histories import history
from tests.model.kafka import run_log
from tests.model.run import BATCH, run
from tests.model.server import running_postgres


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--seed", type=int, help="one history alone, every difference shown")
    parser.add_argument("--seeds", default="1..300", help="a range, both ends included (default 1..300)")
    parser.add_argument("--year", type=int, help="only the histories about that year")
    parser.add_argument("--once", action="store_true", help="only in the order in which it was sent")
    parser.add_argument("--kafka", action="store_true", help="one real log, a long stop, two consumers")
    parser.add_argument("--batch", type=int, default=BATCH, help="histories that share a database")
    parser.add_argument("--shown", type=int, default=5, help="differences shown for each seed")
    return parser.parse_args()


async def main(seeds: Sequence[int], batch: int, shown: int, dsn: str, is_once: bool) -> int:
    """Runs the seeds in batches; 1 when one fails."""
    databases, failed, started = Databases(dsn), 0, perf_counter()
    for first in range(0, len(seeds), batch):
        part = seeds[first : first + batch]
        outcome = await run(databases, part, is_once)
        for seed, said in sorted(outcome.wrong.items()):
            failed += 1
            print(f"FAIL seed {seed}: replay with `python -m tests.model --seed {seed}`", flush=True)
            print("\n".join(f"  {line}" for line in said[:shown]), flush=True)
        if outcome.drift:
            failed += 1
            print(
                f"FAIL seeds {part[0]}..{part[-1]}: the audit finds {len(outcome.drift)} rows",
                flush=True,
            )
            print("\n".join(f"  {row}" for row in outcome.drift[:shown]), flush=True)
        print(
            f"seeds {part[0]}..{part[-1]}: {outcome.documents} submissions, {outcome.cells} cells, "
            f"{outcome.rollups} rollups compared, {perf_counter() - started:.0f} s",
            flush=True,
        )
    print(f"{len(seeds)} histories, {failed} failures")
    return 1 if failed else 0


async def through_kafka(seeds: Sequence[int], shown: int, servers: Servers) -> int:
    """All seeds as one real log; 1 when one fails."""
    databases = Databases(servers.postgres)
    await empty_contract_topics(servers.kafka)
    dsn = await databases.create()
    try:
        verdict = await run_log(servers.kafka, dsn, seeds)
    finally:
        await databases.drop(dsn)
    wrong = {seed: said for seed, said in verdict.wrong.items() if said}
    for seed, said in sorted(wrong.items()):
        print(f"FAIL seed {seed}", *said[:shown], sep="\n  ")
    print(f"{len(seeds)} histories through Kafka: {verdict.cells} cells, {verdict.rollups} rollups compared")
    print(f"{len(wrong)} failures")
    return 1 if wrong else 0


if __name__ == "__main__":
    asked = arguments()
    configure_logging("model", "ERROR")
    first, last = (asked.seed, asked.seed) if asked.seed is not None else map(int, asked.seeds.split(".."))
    seeds = [seed for seed in range(first, last + 1) if asked.year in (None, history(seed).year)]
    shown = 1_000 if asked.seed is not None else asked.shown
    if asked.kafka:
        with running_servers() as servers:
            sys.exit(asyncio.run(through_kafka(seeds, shown, servers)))
    with running_postgres() as server:
        sys.exit(asyncio.run(main(seeds, asked.batch, shown, server, asked.once)))
