"""Random histories: the service against a model that shares no code with it (tests/model)."""

from __future__ import annotations

import pytest

from tests.harness.databases import Databases
from tests.model.kafka import run_log
from tests.model.run import run


@pytest.mark.parametrize("seeds", [range(1, 101)], ids=lambda seeds: f"{seeds.start}..{seeds.stop - 1}")
async def test_core_and_sql_agree_with_the_model_in_any_order_of_arrival(
    databases: Databases, seeds: range
) -> None:
    outcome = await run(databases, seeds)
    assert outcome.wrong == {}, "replay one with `python -m tests.model --seed N`"
    assert outcome.drift == [], "the service's own audit finds a difference"
    assert outcome.rollups > 20 * len(seeds) and outcome.cells > 5 * len(seeds)


async def test_two_consumers_on_a_real_log_agree_with_the_model(chiso_topics: str, database: str) -> None:
    verdict = await run_log(chiso_topics, database, range(7_001, 7_031))
    assert {seed: said for seed, said in verdict.wrong.items() if said} == {}
    assert verdict.rollups > 300 and verdict.cells > 100
