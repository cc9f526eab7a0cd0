"""Seeds of the simulation of the three cores, and proof that it can fail (`python -m tests.simulation`)."""

import pytest

from tests.simulation.__main__ import caught, failure_of
from tests.simulation.mutants import MUTANTS

SEEDS_IN_CI = 300


@pytest.mark.parametrize("first", range(0, SEEDS_IN_CI, 50))
def test_every_invariant_holds(first: int) -> None:
    failures = {seed: reason for seed in range(first, first + 50) if (reason := failure_of(seed)) is not None}
    assert not failures, f"replay with: python -m tests.simulation --seed {min(failures)}"


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_deliberate_mistake_is_caught(mutant: str) -> None:
    assert caught(mutant) is not None, f"no seed sees it: {mutant}"
