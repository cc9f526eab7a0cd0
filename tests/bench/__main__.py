"""`make bench`: observations per second end to end, CPU per million, ratios to two baselines in one run."""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench import alert_latency, baselines
from tests.bench.cpu import resident_mebibytes
from tests.bench.pipeline import Run, observations, parents_of, throughput, visibility_seconds
from tests.harness import System

ROUNDS = 3
SINGLES = 3_000
FIFTIES = 15_000
MONTHS = ("2025-07", "2025-08", "2025-09", "2025-10", "2025-11", "2025-12", "2026-01", "2026-02")


def rate(runs: Sequence[Run]) -> float:
    """Median observations per second."""
    return statistics.median(run.observations / run.wall_seconds for run in runs)


def baseline_rows(system: System, seed: str, period: str, count: int) -> list[dict[str, Any]]:
    """The same observations as rows for the baselines."""
    parents = parents_of(system)
    chance = random.Random(seed)
    return [
        {**cell, "province": parents[cell["unit"]], "period": period, "submission_id": f"{seed}-{number}"}
        for number, cell in enumerate(observations(chance, sorted(parents), count))
    ]


def print_cpu(title: str, runs: Sequence[Run]) -> None:
    """CPU seconds per million observations of each process, medians."""
    parts = []
    for name in runs[0].cpu:
        per_million = statistics.median(run.cpu[name] / run.observations * 1e6 for run in runs)
        parts.append(f"{name} {per_million:,.0f}")
    print(f"{title}: {', '.join(parts)}")


async def measure(system: System) -> None:
    """All runs, interleaved, then the report."""
    singles, fifties, tutorial, tutorial_cpu, floor = [], [], [], [], []
    for number in range(ROUNDS):
        single_month, fifty_month = MONTHS[2 * number], MONTHS[2 * number + 1]
        print(f"round {number + 1} of {ROUNDS} …", file=sys.stderr, flush=True)
        singles.append(await throughput(system, f"single {number}", single_month, SINGLES, 1))
        rows = baseline_rows(system, f"single {number}", single_month, SINGLES)
        wall, cpu = await baselines.tutorial_seconds(
            system.kafka, system.postgres, f"tutorial-{number}", rows
        )
        tutorial.append(SINGLES / wall)
        tutorial_cpu.append(cpu / SINGLES * 1e6)
        fifties.append(await throughput(system, f"fifty {number}", fifty_month, FIFTIES, 50))
        rows = baseline_rows(system, f"fifty {number}", fifty_month, FIFTIES)
        floor.append(FIFTIES / await baselines.floor_seconds(system.postgres, rows))
    delays = sorted(await visibility_seconds(system, "visible", MONTHS[6], 1_000, per_second=50))
    row_by_row, floor_rate = statistics.median(tutorial), statistics.median(floor)
    print(f"\nEnd to end, HTTP accept to committed rollup (median of {ROUNDS} interleaved rounds)")
    print(f"{'':38}{'observations/s':>16}{'x row-by-row':>14}{'x floor':>10}")
    for title, value in (
        ("chiso, 1 observation a submission", rate(singles)),
        ("chiso, 50 observations a submission", rate(fifties)),
        ("row-by-row FastStream consumer", row_by_row),
        ("floor: one COPY + one GROUP BY", floor_rate),
    ):
        print(f"{title:38}{value:>16,.0f}{value / row_by_row:>14.2f}{value / floor_rate:>10.3f}")
    print("\nCPU seconds per million observations")
    print_cpu("  1 observation a submission", singles)
    print_cpu("  50 observations a submission", fifties)
    print(f"  row-by-row consumer alone (without its servers): {statistics.median(tutorial_cpu):,.0f}")
    print("\nA commune's report in the nation's rollup, at 50 submissions a second (seconds from POST)")
    p50, p99 = delays[len(delays) // 2], delays[int(len(delays) * 0.99)]
    print(f"  p50 {p50:.3f}   p99 {p99:.3f}   max {delays[-1]:.3f}   n {len(delays)}")
    print()
    await alert_latency.measure(system)
    sizes = resident_mebibytes(system)
    parts = ", ".join(f"{name} {size:,.0f}" for name, size in sizes.items())
    print(f"\nMemory afterwards, MiB (PSS): {parts}; together {sum(sizes.values()):,.0f}")


def main() -> int:
    """Starts a system of its own on free ports, measures it, and removes it."""
    with TemporaryDirectory(prefix="chiso-bench-") as folder:
        system = System(Path(folder))
        system.start()
        try:
            asyncio.run(measure(system))
        finally:
            system.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
