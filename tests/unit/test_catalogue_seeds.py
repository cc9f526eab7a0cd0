"""What the seed files must say: obligations of the domain, defaults, rules that find their targets."""

from decimal import Decimal
from pathlib import Path

import pytest
from chiso_shared.catalogue.loading import FILES, TABLES

from tests.unit.catalogue_seeds import SEEDS, seeds


def test_counts_of_every_register() -> None:
    catalogue = seeds()
    assert len(catalogue.indicators) == 82 and len(catalogue.targets.all()) == 53
    assert len(catalogue.published) == 66 and len(catalogue.sources) == 5
    assert len(catalogue.tasks) == 35 and len(catalogue.systems) == 42


def test_indicators_that_a_backlog_can_carry_above_one_hundred_percent() -> None:
    unbounded = {code for code, one in seeds().indicators.items() if one.unbounded}
    assert unbounded == {"DVC.DIGITISED", "DVC.DIGITISED_REC", "DVC.REUSE"}
    assert all(seeds().indicators[code].in_range(Decimal("100.5")) for code in unbounded)


def test_percentages_are_bounded_and_everything_restates_by_default() -> None:
    for one in seeds().indicators.values():
        assert one.late_policy == "restate" and not one.in_range(Decimal(-1))
        if one.is_ratio and not one.unbounded:
            assert one.value_maximum == one.factor


def test_approx_is_a_band_of_points_for_percentages_and_of_percent_for_counts() -> None:
    indicators = seeds().indicators
    assert indicators["DVC.ON_TIME"].approx_half_width(Decimal(80)) == 1
    assert indicators["DVC.RECEIVED"].approx_half_width(Decimal(2000)) == 100


def test_the_online_rule_of_the_contract() -> None:
    rule = next(rule for rule in seeds().rules if rule.id == "online_share_below_target")
    assert rule.kind == "threshold" and rule.levels == ("province",) and rule.severity is None
    assert rule.calendars == ("administrative", "statistical") and rule.bases == ("in_period", "unstated")
    assert rule.phases == ("collecting", "closed") and rule.min_completeness == Decimal("0.5")
    assert rule.covers("DVC.ONLINE_SUBMIT", "province", "statistical", "unstated")
    assert not rule.covers("DVC.ONLINE_SUBMIT", "commune", "statistical", "unstated")


def test_every_rule_has_an_alertable_target_for_each_of_its_indicators() -> None:
    for rule in (one for one in seeds().rules if one.kind == "threshold"):
        for indicator in rule.indicators:
            targets = seeds().targets.by_indicator[indicator]
            assert any(one.alertable and one.basis in rule.bases for one in targets), (rule.id, indicator)
            assert "unstated" in rule.bases


def test_no_two_rules_of_a_kind_look_at_the_same_indicator_and_basis() -> None:
    keys = [
        (rule.kind, indicator, basis)
        for rule in seeds().rules
        for indicator in rule.indicators
        for basis in rule.bases
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("unit", "code", "value", "breach"), [("44", "2025-10", "72.63", True), ("08", "2025-09", "95.57", False)]
)
def test_which_published_online_rates_breach_their_target(
    unit: str, code: str, value: str, breach: bool
) -> None:
    period = seeds().calendars.parse("statistical", code)
    assert period is not None
    target = seeds().targets.find("DVC.ONLINE_SUBMIT", unit, "province", "statistical", period, "unstated")
    assert target is not None and (Decimal(value) < target.value) == breach


def test_routes_are_fixed_and_balanced_over_twelve_partitions() -> None:
    routes = seeds().routes
    assert len(routes) == 35 and "VN" in routes and set(routes.values()) == set(range(12))
    day = max(unit.valid_from for unit in seeds().units.all() if unit.valid_from)
    load = [0] * 12
    for home, partition in routes.items():
        if home != "VN":
            load[partition] += len(seeds().units.children(home, day, "commune"))
    assert sum(load) == 3321 and max(load) <= 1.1 * 3321 / 12


def test_the_readme_explains_every_file_and_every_column() -> None:
    readme = (SEEDS / "README.md").read_text(encoding="utf-8")
    sections = {part.split("\n", 1)[0].strip(" `"): part for part in readme.split("\n### ")[1:]}
    for name in FILES:
        assert name in sections, name
        for column in TABLES.get(name, ()):
            assert f"`{column}`" in sections[name], (name, column)


def test_nothing_lies_in_the_folder_that_is_not_loaded() -> None:
    assert {path.name for path in Path(SEEDS).iterdir()} == {*FILES, "README.md", "rules_scenarios.yaml"}
