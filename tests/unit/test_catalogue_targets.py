"""Which target holds for a unit, a period and a basis; obligations; status colours."""

from datetime import date
from decimal import Decimal

import pytest
from chiso_shared.catalogue import Catalogue, Period, Target

from tests.unit.catalogue_seeds import catalogue_with, seeds

ONLINE = "DVC.ONLINE_SUBMIT,*,2025,ge,80,82,warning,in_period,1,,"


def period(calendar: str, code: str) -> Period:
    found = seeds().calendars.parse(calendar, code)
    assert found is not None
    return found


def find(
    indicator: str,
    unit: str,
    code: str,
    basis: str,
    *,
    level: str = "province",
    calendar: str = "administrative",
    catalogue: Catalogue | None = None,
) -> Target | None:
    targets = (catalogue or seeds()).targets
    return targets.find(indicator, unit, level, calendar, period(calendar, code), basis)


@pytest.mark.parametrize("calendar", ["administrative", "statistical"])
@pytest.mark.parametrize("code", ["2025-10", "2025-Q4", "2025-H2", "2025-9M", "2025"])
def test_a_target_covers_every_period_within_its_own_in_both_calendars(calendar: str, code: str) -> None:
    target = find("DVC.ONLINE_SUBMIT", "44", code, "in_period", calendar=calendar)
    assert target is not None and (target.value, target.exit_value) == (Decimal(80), Decimal(82))
    assert target.severity == "warning" and target.comparator == "ge" and target.alertable


def test_it_holds_for_its_basis_and_for_unstated_only() -> None:
    found = [find("DVC.ONLINE_SUBMIT", "44", "2025-10", basis) for basis in ("in_period", "unstated", "ytd")]
    assert [target is not None for target in found] == [True, True, False]


def test_every_province_but_neither_nation_nor_communes_nor_other_years() -> None:
    assert find("DVC.ONLINE_SUBMIT", "VN", "2025-10", "in_period", level="nation") is None
    assert find("DVC.ONLINE_SUBMIT", "21289", "2025-10", "in_period", level="commune") is None
    assert find("DVC.ONLINE_SUBMIT", "44", "2027-10", "in_period") is None
    assert find("DVC.RECEIVED", "44", "2025-10", "in_period") is None


def test_the_nation_has_its_own_and_provinces_do_not_inherit_it() -> None:
    nation = find("DVC.ONLINE_FULL", "VN", "2025-10", "ytd", level="nation")
    assert nation is not None and nation.value == 80
    assert find("DVC.ONLINE_FULL", "51", "2025-10", "ytd") is None


def test_the_most_specific_unit_wins_then_the_narrowest_period_then_the_newest_version() -> None:
    tail = "a test,example,\n"
    rows = ONLINE + '"contract.md, example alert",example,\n'
    rows += "DVC.ONLINE_SUBMIT,*,2025-10,ge,95,,warning,in_period,1,," + tail
    rows += "DVC.ONLINE_SUBMIT,44,2025,ge,70,,warning,in_period,1,," + tail
    rows += "DVC.ONLINE_SUBMIT,44,2025-Q4,ge,75,,warning,in_period,1,," + tail
    rows += "DVC.ONLINE_SUBMIT,44,2025-Q4,ge,76,,warning,in_period,2,2025-11-01," + tail
    other = catalogue_with("targets.csv", ONLINE + '"contract.md, example alert",example,\n', rows)
    codes = {"2025-09": 70, "2025-10": 75, "2025-11": 76, "2025-Q4": 76}
    for code, value in codes.items():
        target = find("DVC.ONLINE_SUBMIT", "44", code, "in_period", catalogue=other)
        assert target is not None and target.value == value, code
    narrow = find("DVC.ONLINE_SUBMIT", "51", "2025-10", "in_period", catalogue=other)
    assert narrow is not None and narrow.value == 95


def test_bands_of_one_index_the_gravest_first() -> None:
    key = ("IDX.766", "51", "province", "administrative", period("administrative", "2025"), "as_of")
    assert seeds().targets.covering(*key)[0].value == 50
    assert {int(target.value) for target in seeds().targets.covering(*key)} == {50, 70, 80, 90}
    target = seeds().targets.find(*key)
    assert target is not None and target.severity == "critical"


def test_an_empty_exit_value_equals_the_target() -> None:
    target = find("DVC.ONLINE_FULL", "VN", "2025", "ytd", level="nation")
    assert target is not None and target.exit_value == target.value == 80


def test_an_edited_target_is_another_version() -> None:
    other = catalogue_with("targets.csv", ONLINE, ONLINE.replace(",80,", ",81,"))
    versions = [
        target.version
        for catalogue in (seeds(), other)
        if (target := find("DVC.ONLINE_SUBMIT", "44", "2025-10", "in_period", catalogue=catalogue))
    ]
    assert len(versions) == 2 and len(set(versions)) == 2 and all(one.startswith("1-") for one in versions)


def test_a_period_of_the_other_calendar_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="administrative"):
        key = ("DVC.ONLINE_SUBMIT", "44", "province", "statistical", period("administrative", "2025-10"))
        seeds().targets.find(*key, "in_period")


def test_communes_owe_the_dossier_ratios_each_administrative_month_from_july_2025() -> None:
    def owed(code: str, **other: str) -> bool:
        key = {
            "level": "commune",
            "indicator": "DVC.ON_TIME",
            "calendar": "administrative",
            "basis": "in_period",
        }
        key |= other
        one = period(key["calendar"], code)
        return seeds().obliged(
            key["level"], key["indicator"], key["calendar"], one.frequency, key["basis"], one.end
        )

    assert owed("2025-07") and owed("2030-01") and not owed("2025-06")
    assert not owed("2025-10", level="province") and not owed("2025-10", indicator="DVC.RECEIVED")
    assert not owed("2025-10", calendar="statistical") and not owed("2025-10", basis="ytd")
    assert not owed("2025-Q4")


def test_an_obligation_may_end() -> None:
    other = catalogue_with("obligations.csv", "2025-07-01,,", "2025-07-01,2025-12-31,")
    key = ("commune", "DVC.ON_TIME", "administrative", "month", "in_period")
    assert other.obliged(*key, date(2025, 12, 14)) and not other.obliged(*key, date(2026, 1, 14))


@pytest.mark.parametrize(
    ("value", "completeness", "colour"),
    [
        ("80", None, "green"),
        ("79.99", None, "yellow"),
        ("72", "0.5", "yellow"),
        ("71.99", "1", "red"),
        ("90", "0.49", "grey"),
        (None, "1", "grey"),
    ],
)
def test_status_colours_when_higher_is_better(
    value: str | None, completeness: str | None, colour: str
) -> None:
    shown = None if value is None else Decimal(value)
    covered = None if completeness is None else Decimal(completeness)
    assert seeds().status_rule.colour(shown, "ge", Decimal(80), covered) == colour


@pytest.mark.parametrize(("value", "colour"), [("10", "green"), ("11", "yellow"), ("11.01", "red")])
def test_status_colours_when_lower_is_better(value: str, colour: str) -> None:
    assert seeds().status_rule.colour(Decimal(value), "le", Decimal(10), None) == colour


def test_the_colour_rule_of_a_period_is_the_one_in_force() -> None:
    newer = "\n2,2026-01-01,100,95,0.5,example,a test\n"
    other = catalogue_with(
        "status_rules.csv", 'a setting to start from"\n', 'a setting to start from"' + newer
    )
    assert other.status_rule_on(date(2025, 12, 31)).yellow_from_percent == 90
    assert other.status_rule_on(date(2026, 1, 1)) == other.status_rule
    assert other.status_rule.yellow_from_percent == 95
