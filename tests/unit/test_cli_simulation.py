"""Simulated reports: deterministic, unmistakable, within the door's limits, and with the share asked for."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from chiso_cli.catalogue_folder import read_catalogue
from chiso_cli.country import measures_to_simulate, period_to_simulate, provinces_to_simulate
from chiso_cli.exits import CommandFailed
from chiso_cli.simulation import MARK, MOST_OBSERVATIONS, Scenario, documents, outgoing
from chiso_ingest.core.check import Rules
from chiso_ingest.core.door import examine
from chiso_ingest.core.scope import Scope
from chiso_shared.catalogue import Catalogue

SEEDS = Path(__file__).parents[2] / "seeds"
PERIOD_END = date(2025, 10, 14)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(SEEDS)


def simulated(
    catalogue: Catalogue,
    provinces: tuple[str, ...] = (),
    indicators: tuple[str, ...] = (),
    seed: int = 57,
    breach_share: float = 0.2,
    missing_share: float = 0.0,
    per_commune: bool = False,
) -> list[dict[str, Any]]:
    period = period_to_simulate(catalogue, "administrative", "2025-10", PERIOD_END)
    chosen = provinces_to_simulate(catalogue, provinces, period.end)
    measures = measures_to_simulate(catalogue, indicators, period, chosen)
    scenario = Scenario(
        "administrative", "2025-10", PERIOD_END, seed, breach_share, missing_share, per_commune
    )
    return list(documents(scenario, chosen, measures))


def test_the_whole_country_reports_marked_as_simulated(catalogue: Catalogue) -> None:
    found = simulated(catalogue)
    observations = [observation for document in found for observation in document["observations"]]
    assert len(found) == 34
    assert len({observation["unit"] for observation in observations}) == 3_321
    assert len(observations) == 3_321 * 9
    assert all(MARK in document["source"]["document"] for document in found)
    assert {document["stage"] for document in found} == {"estimate"}
    assert {(observation["status"], observation["reason"]) for observation in observations} == {("E", MARK)}


def test_the_door_takes_every_one_of_them(catalogue: Catalogue) -> None:
    rules = Rules(catalogue, Scope.unlimited("DEMO"), datetime(2026, 11, 22, tzinfo=UTC))
    commune_sourced = tuple(
        code
        for code, indicator in catalogue.indicators.items()
        if indicator.source_level == "commune" and indicator.kind not in ("rank", "score")
    )
    sent = list(outgoing(simulated(catalogue, ("51", "01"), commune_sourced)))
    assert len(sent) > 2
    for item in sent:
        assert len(item.body) < rules.limits.body_bytes
        (verdict,) = examine(item.body, "application/json", {}, rules).verdicts
        assert verdict.status == 200, verdict.findings[:3]
        assert verdict.sent <= MOST_OBSERVATIONS


def test_the_same_seed_sends_the_same_bytes_and_another_seed_others(catalogue: Catalogue) -> None:
    first = [item.body for item in outgoing(simulated(catalogue, ("51",), per_commune=True))]
    again = [item.body for item in outgoing(simulated(catalogue, ("51",), per_commune=True))]
    other = [item.body for item in outgoing(simulated(catalogue, ("51",), seed=58, per_commune=True))]
    assert len(first) == 96
    assert first == again
    assert not set(first) & set(other)


def test_a_province_reports_the_same_alone_as_in_company(catalogue: Catalogue) -> None:
    alone = simulated(catalogue, ("44",), breach_share=0)
    in_company = simulated(catalogue, ("44", "51"), breach_share=0)
    assert alone[0] in in_company


@pytest.mark.parametrize(("share", "low"), [(0.0, 0), (0.5, 17), (1.0, 34)])
def test_as_many_provinces_miss_the_target_as_asked_for(catalogue: Catalogue, share: float, low: int) -> None:
    numerators: dict[str, int] = defaultdict(int)
    denominators: dict[str, int] = defaultdict(int)
    for document in simulated(catalogue, indicators=("DVC.ONLINE_SUBMIT",), breach_share=share):
        for observation in document["observations"]:
            province = catalogue.units.ancestors(observation["unit"], PERIOD_END)[0]
            numerators[province] += observation["numerator"]
            denominators[province] += observation["denominator"]
    below = [code for code in numerators if 100 * numerators[code] < 80 * denominators[code]]
    assert len(below) == low


def test_some_communes_stay_silent_when_asked_to(catalogue: Catalogue) -> None:
    reporting = {
        observation["unit"]
        for document in simulated(catalogue, missing_share=0.25)
        for observation in document["observations"]
    }
    assert 0.70 < len(reporting) / 3_321 < 0.80


def test_the_last_month_that_ended_is_the_default(catalogue: Catalogue) -> None:
    assert period_to_simulate(catalogue, "administrative", None, date(2025, 10, 14)).code == "2025-09"
    assert period_to_simulate(catalogue, "administrative", None, date(2025, 10, 15)).code == "2025-10"
    assert period_to_simulate(catalogue, "statistical", None, date(2026, 1, 3)).code == "2025-12"


def test_what_cannot_be_simulated_is_said(catalogue: Catalogue) -> None:
    for provinces, indicators, words in (
        (("99",), (), "No province has the code 99"),
        ((), ("DVC.NOTHING",), "There is no indicator"),
        ((), ("NAT.VNEID",), "cannot be simulated"),
    ):
        with pytest.raises(CommandFailed, match=words):
            simulated(catalogue, provinces, indicators)
    with pytest.raises(CommandFailed, match="no period"):
        period_to_simulate(catalogue, "administrative", "October", PERIOD_END)
