"""Which unit a code means, and what follows for longer periods: parts, dirty rows, duties, reopenings."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import pytest
from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.breakdown import added
from chiso_indicators.core.keys import Key
from chiso_indicators.core.late import Reopening
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.plan import Planner, parts_inside
from chiso_indicators.core.row import Row, Sums
from chiso_shared.catalogue import Period
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.catalogue_seeds import catalogue_with
from tests.unit.indicators_examples import EPOCH, catalogue, planner, value

MERGER = date(2025, 7, 1)
OLD, NEW = date(2025, 6, 30), MERGER
PUBLICATIONS = "STI.PUBS"
CALENDARS = st.sampled_from(["administrative", "statistical"])
PROVINCES = st.sampled_from(sorted({unit.code for unit in catalogue().units.all() if len(unit.code) == 2}))
MONTHS = st.integers(1, 12).map(lambda month: f"2025-{month:02d}")
AROUND = st.integers(-400, 800).map(lambda days: MERGER + timedelta(days=days))
AT_REST = EPOCH + timedelta(days=3_000)


def key(unit: str, period: str, calendar: str = "statistical", basis: str = "in_period") -> Key:
    return Key(unit, PUBLICATIONS, calendar, period, basis)


def period_of(calendar: str, code: str) -> Period:
    found = planner().period(calendar, code)
    assert found is not None
    return found


@cache
def owing() -> Planner:
    """A catalogue in which provinces owe a report each month, since before the merger."""
    line = "DVC,commune,administrative,month,in_period,2025-07-01,,example,"
    more = "DVC,province,administrative,month,in_period,2024-12-01,,example,a test\n"
    return Planner(catalogue_with("obligations.csv", line, more + line))


@given(PROVINCES, AROUND, AROUND)
def test_a_code_is_another_unit_after_a_merger_and_only_then(code: str, one: date, other: date) -> None:
    units = catalogue().units
    kinds = {each.old_code: each.kind for each in catalogue().predecessors}
    tenures = [units.tenure(code, on) for on in (one, other)]
    assert [tenure is None for tenure in tenures] == [units.get(code, on) is None for on in (one, other)]
    if None not in tenures:
        crosses = min(one, other) < MERGER <= max(one, other)
        assert (tenures[0] == tenures[1]) is not (crosses and kinds.get(code) == "merged")


def test_a_type_a_name_or_a_parent_may_change_without_another_unit() -> None:
    units = catalogue().units
    changed = [units.get("24", on) for on in (NEW, date(2026, 12, 1))]
    assert [unit.type for unit in changed if unit] == ["tinh", "thanh_pho"]
    assert units.tenure("24", NEW) == units.tenure("24", date(2026, 12, 1))
    assert units.tenure("24", OLD) != units.tenure("24", NEW), "Bắc Ninh and Bắc Giang became one in 2025"
    assert units.tenure("01", OLD) == units.tenure("01", NEW), "Hà Nội stayed as it was"


@pytest.mark.parametrize("calendar", ["administrative", "statistical"])
def test_former_provinces_are_parts_of_the_periods_around_the_merger_alone(calendar: str) -> None:
    counts = {code: len(planner().former(calendar, code)) for code in ("2025", "2025-9M")}
    assert counts == {"2025": 52, "2025-9M": 52}, "63 less the eleven that stayed as they were"
    others = ("2024", "2025-H1", "2025-Q2", "2025-06", "2025-07", "2025-Q3", "2025-H2", "2026")
    assert {code: planner().former(calendar, code) for code in others} == dict.fromkeys(others, ())


@given(PROVINCES, CALENDARS, MONTHS)
def test_a_cell_moves_the_longer_rows_of_its_own_unit_and_every_one_of_the_nation(
    unit: str, calendar: str, month: str
) -> None:
    cell, place = key(unit, month, calendar), planner().place(unit, calendar, month)
    if place is None:
        return
    moved = planner().keys_moved(cell, place)
    around = (month, *period_of(calendar, month).coarser)
    assert {one.period for one in moved if one.unit == "VN"} == set(around)
    units = catalogue().units
    here = units.tenure(unit, period_of(calendar, month).end)
    for code in around:
        same = units.tenure(unit, period_of(calendar, code).end) == here
        assert (cell.at(period=code) in moved) is same


def test_a_cumulative_cell_leaves_the_next_month_of_another_unit_alone() -> None:
    place = planner().place("44", "statistical", "2025-06")
    assert place is not None
    moved = planner().keys_moved(key("44", "2025-06", basis="ytd"), place)
    assert {one.unit for one in moved if one.period == "2025-07"} == {"VN"}
    stayed = planner().keys_moved(key("01", "2025-06", basis="ytd"), place)
    assert {one.unit for one in stayed if one.period == "2025-07"} == {"01", "VN"}


def test_a_month_is_not_derived_from_the_former_unit() -> None:
    assembler, marks = Assembler(planner(), EPOCH), Marks(AT_REST, AT_REST, AT_REST)

    def row(unit: str, period: str, number: int) -> Row:
        sums = Sums(value(number).value, n_cells=1)
        return assembler.draft(key(unit, period, basis="ytd"), sums, value(number), marks, EPOCH)

    for unit, reason, derived in (("44", "previous_missing", None), ("01", None, 3)):
        june, july = row(unit, "2025-06", 5), row(unit, "2025-07", 8)
        found = assembler.with_derived(july, {june.key: june}).derived
        assert found is not None and (found["reason"], found["value"]) == (reason, derived)


@pytest.mark.parametrize("code", ["2025", "2025-9M", "2025-H1", "2025-Q3", "2025-H2", "2025-07"])
def test_the_nation_expects_what_its_provinces_and_the_former_ones_are_expected_to_report(code: str) -> None:
    assembler, units = Assembler(owing(), EPOCH), owing().catalogue.units
    nation = Key("VN", "DVC.ONLINE_SUBMIT", "administrative", code, "in_period")
    period = period_of("administrative", code)
    months = [one for one in (period, *parts_inside(period, owing().catalogue)) if one.frequency == "month"]
    expected = {
        level: sum(len(units.of_level(level, month.end)) for month in months if level == "province" or
                   month.end >= MERGER)
        for level in ("province", "commune")
    }  # fmt: skip
    assert {level: assembler.expected_of(nation, level) for level in expected} == expected
    present = [
        assembler.expected_of(nation.at(unit=one.code), "province")
        for one in units.of_level("province", period.end)
    ]
    former = [
        sum(one.first <= month.end <= one.last for month in months)
        for one in owing().former("administrative", code)
    ]
    assert sum(present) + sum(former) == expected["province"]


def test_a_unit_owes_nothing_of_before_it_was() -> None:
    assembler = Assembler(owing(), EPOCH)
    owed = {
        unit: assembler.expected_of(
            Key(unit, "DVC.ONLINE_SUBMIT", "administrative", "2025", "in_period"), "province"
        )
        for unit in ("44", "01")
    }
    assert owed == {"44": 6, "01": 12}


def test_a_reopened_month_of_a_former_unit_reopens_the_nations_year_and_not_the_one_of_its_code() -> None:
    assembler = Assembler(planner(), EPOCH)
    month = period_of("statistical", "2025-05")

    def phases(unit: str) -> dict[str, str]:
        lineage, periods = (unit, "VN"), ("2025-05", *month.coarser)
        one = Reopening(unit, "statistical", "2025-05", lineage, periods, EPOCH)
        marks = Marks(AT_REST, AT_REST, AT_REST, (one,))
        rows = [("VN", "2025"), (unit, "2025-H1"), (unit, "2025"), ("18859", "2025")]
        return {f"{code} {period}": assembler.phase(key(code, period), marks) for code, period in rows}

    assert phases("44") == {
        "VN 2025": "reopened", "44 2025-H1": "reopened", "44 2025": "closed", "18859 2025": "closed"
    }  # fmt: skip
    assert phases("01")["01 2025"] == "reopened"


DAYS = st.none() | st.integers(1, 5).map(lambda month: date(2026, month, 28))


@given(st.lists(st.lists(DAYS, min_size=1, max_size=3), min_size=1, max_size=4))
def test_a_stock_is_stale_when_what_was_added_stems_from_different_parts(
    days: list[list[date | None]],
) -> None:
    """However units are grouped into provinces; those that add nothing have no say."""
    provinces = []
    for units in days:
        known = [day for day in units if day is not None]
        provinces.append(Sums(oldest_on=min(known, default=None), newest_on=max(known, default=None)))
    everything = {day for units in days for day in units if day is not None}
    numerator = value(1).value if everything else None
    whole = added(provinces)
    nation = Key("VN", "STI.ENTERPRISES", "statistical", "2026", "as_of")
    sums = Sums(numerator, oldest_on=whole.oldest_on, newest_on=whole.newest_on)
    marks = Marks(AT_REST, AT_REST, AT_REST)
    row = Assembler(planner(), EPOCH).draft(nation, sums, None, marks, EPOCH)
    assert row.stale is (len(everything) > 1)
    assert (row.oldest_part_on, row.newest_part_on) == (
        min(everything, default=None), max(everything, default=None)
    )  # fmt: skip


def test_a_year_owes_its_halves_and_quarters_and_not_the_nine_months_beside_them() -> None:
    """Nine months do not tile a year: neither their cells nor what is owed for them are part of it."""
    line = "DVC,commune,administrative,month,in_period,2025-07-01,,example,"
    owed = {}
    for frequency in ("nine_months", "half"):
        more = f"DVC,province,administrative,{frequency},in_period,2024-12-01,,example,a test\n"
        assembler = Assembler(Planner(catalogue_with("obligations.csv", line, more + line)), EPOCH)
        for code in ("2026-9M", "2026-H1", "2026"):
            asked = Key("51", "DVC.ONLINE_SUBMIT", "administrative", code, "in_period")
            owed[frequency, code] = assembler.expected_of(asked, "province")
    assert owed == {
        ("nine_months", "2026-9M"): 1, ("nine_months", "2026-H1"): 0, ("nine_months", "2026"): 0,
        ("half", "2026-9M"): 1, ("half", "2026-H1"): 1, ("half", "2026"): 2,
    }  # fmt: skip
