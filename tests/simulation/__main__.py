"""`python -m tests.simulation`: replays one seed, runs many, or shows that every mutant is caught."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter

from tests.simulation.checks import check, check_open
from tests.simulation.mutants import MUTANTS
from tests.simulation.run import Simulation

MUTANT_SEEDS = 120


def failure_of(seed: int) -> str | None:
    """Which invariant a seed finds broken; None when all hold. Whatever else is raised goes through."""
    try:
        run = Simulation(seed)
        run.run(check_open)
        check(run)
    except AssertionError as error:
        return str(error) or "an assertion without a word"
    return None


def caught(name: str, seeds: int = MUTANT_SEEDS) -> tuple[int, str] | None:
    """The first seed that catches a mutant, and how; None when none of them does."""
    for seed in range(seeds):
        with MUTANTS[name]():
            reason = failure_of(seed)
        if reason is not None:
            return seed, reason
    return None


def main() -> int:
    """The command line; 1 when something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay one seed and show where it fails")
    parser.add_argument("--seeds", default="0..1000", help="A..B, without B")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--mutants", action="store_true", help="every deliberate mistake, and the seed that sees it"
    )
    given = parser.parse_args()
    if given.mutants:
        return _show_mutants()
    if given.seed is not None:
        return _show(given.seed)
    first, last = (int(part) for part in given.seeds.split(".."))
    return _run_many(range(first, last), given.processes)


def _show(seed: int) -> int:
    print(f"seed {seed}")
    run = Simulation(seed)
    run.run(check_open)
    check(run)
    print(
        f"holds: {len(run.door.receipts)} receipts, {len(run.indicators.history)} rollup versions, "
        f"{len(run.alerts.facts)} alert events, {run.faults} faults"
    )
    return 0


def _run_many(seeds: range, processes: int) -> int:
    started = perf_counter()
    with ProcessPoolExecutor(processes) as pool:
        failures = list(_failures(seeds, pool.map))
    seconds = perf_counter() - started
    print(
        f"{len(seeds)} seeds in {seconds:.0f} s ({len(seeds) / seconds:.1f} a second), {len(failures)} fail"
    )
    for seed, reason in failures[:20]:
        print(f"  python -m tests.simulation --seed {seed}    {reason[:200]}")
    return 1 if failures else 0


def _failures(seeds: range, run: Callable[..., object]) -> list[tuple[int, str]]:
    reasons: list[str | None] = list(run(failure_of, seeds, chunksize=20))  # type: ignore[call-overload]
    return [(seed, reason) for seed, reason in zip(seeds, reasons, strict=True) if reason is not None]


def _show_mutants() -> int:
    missed = 0
    for name in MUTANTS:
        found = caught(name)
        missed += found is None
        print(f"{name:44}", f"seed {found[0]:3}  {found[1][:110]}" if found else "NOT CAUGHT")
    print(f"{len(MUTANTS) - missed} of {len(MUTANTS)} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
