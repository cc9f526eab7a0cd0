"""Places, merged provinces and levels: what is shown beside a rollup and never stored."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from chiso_indicators.core.breakdown import added, breakdown
from chiso_indicators.core.ranking import rank
from chiso_indicators.core.recast import merger_of, recast
from chiso_indicators.core.row import Row, Sums
from hypothesis import given
from hypothesis import strategies as some

from tests.unit.indicators_examples import EPOCH, catalogue, planner

RATIO, STOCK = "DVC.ONLINE_SUBMIT", "DVC.AVAILABLE"
HALF = Decimal("0.5")
DAYS = ("oldest_part_on", "newest_part_on")


def row(unit: str, value: Any = None, *, period: str = "2025-05", **fields: Any) -> Row:
    """A province's row with nothing in it but what is given."""
    empty: dict[str, Any] = dict.fromkeys(Row.__struct_fields__, 0)
    names = ("numerator", "denominator", "reported", "discrepancy", "completeness", "timeliness", "derived")
    empty |= dict.fromkeys((*names, "target", "attainment", "missing", "not_aggregable", *DAYS))
    empty |= {"indicator": RATIO, "calendar": "statistical", "period": period, "basis": "in_period"}
    empty |= {"level": "province", "value_source": "none" if value is None else "computed", "causes": []}
    empty |= {"stale": False, "status_colour": "grey", "phase": "closed", "updated_at": EPOCH}
    shown = None if value is None else Decimal(value)
    return Row(**{**empty, "unit": unit, "value": shown, "catalogue_version": "1", **fields})


def test_ties_share_a_place_and_the_next_is_skipped() -> None:
    ranking = rank([row("a", 70), row("b", 90), row("c", 70), row("d", 60)], "up", HALF)
    assert [(one.row.unit, one.rank, one.tied) for one in ranking.places] == [
        ("b", 1, 1),
        ("a", 2, 2),
        ("c", 2, 2),
        ("d", 4, 1),
    ]


def test_less_is_better_where_the_indicator_says_so() -> None:
    ranking = rank([row("a", 70), row("b", 90)], "down", HALF)
    assert [one.row.unit for one in ranking.places] == ["a", "b"]


def test_who_is_not_in_the_cohort_is_named_with_the_reason() -> None:
    inexact = row("i", 80, value_source="reported", reported={"qualifier": "gt", "value": Decimal(80)})
    exact = row("e", 80, value_source="reported", reported={"qualifier": "eq", "value": Decimal(80)})
    thin = row("t", 99, completeness=Decimal("0.4999"))
    ranking = rank([row("n"), inexact, exact, thin, row("c", 50, completeness=HALF)], "up", HALF)
    assert [(one.row.unit, one.rank) for one in ranking.places] == [("e", 1), ("c", 2)]
    found = [(one.unit, reason) for one, reason in ranking.excluded]
    assert found == [("i", "inexact_value"), ("n", "no_value"), ("t", "low_coverage")]


@given(some.lists(some.integers(0, 5), max_size=12), some.sampled_from(["up", "down"]))
def test_a_place_is_one_more_than_those_who_are_better(numbers: list[int], direction: str) -> None:
    rows = [row(f"{place:02}", number) for place, number in enumerate(numbers)]
    for one in rank(rows, direction, HALF).places:
        value = one.row.value
        assert value is not None
        better = sum(other > value if direction == "up" else other < value for other in numbers)
        assert one.rank == better + 1 and one.tied == numbers.count(int(value))


def computed(unit: str, numerator: int, denominator: int, **fields: Any) -> Row:
    value = Decimal(100 * numerator) / denominator
    return row(unit, value, numerator=Decimal(numerator), denominator=Decimal(denominator), **fields)


def test_a_merged_province_is_its_predecessors_before_the_merger() -> None:
    """NSO 44 was Quảng Bình until 2025-06-30; it and 45 became Quảng Trị, which kept the code 44."""
    merger = merger_of("44", planner())
    assert merger is not None and merger.predecessors == ("44", "45")
    assert merger.effective == date(2025, 7, 1)
    rows = [
        computed("44", 10, 100, n_expected=4, n_reported=2),
        computed("45", 90, 900, n_expected=6, n_reported=3, phase="collecting"),
        computed("44", 1, 2, period="2025-08"),
    ]
    (before, gap), (after, none) = recast(["44"], rows, planner())
    assert (before.unit, before.numerator, before.denominator, before.value) == ("44", 100, 1000, 10)
    assert (before.n_expected, before.n_reported, before.completeness) == (10, 5, HALF)
    assert before.phase == "collecting", "the least advanced of its parts"
    assert gap is not None and (gap.predecessors, gap.missing) == (("44", "45"), ())
    assert (after.numerator, none) == (1, None)


def test_a_predecessor_without_a_row_is_named() -> None:
    [(found, gap)] = recast(["44"], [computed("45", 9, 10)], planner())
    assert gap is not None and gap.missing == ("44",) and found.numerator == 9


def test_a_period_around_the_merger_is_marked_and_an_old_row_does_not_stand_for_the_new_unit() -> None:
    rows = [computed("44", 1, 2, period="2025"), computed("44", 10, 100)]
    marked = {one.period: gap for one, gap in recast(["44"], rows, planner())}
    assert marked["2025"] is not None and marked["2025"].predecessors == ()
    assert recast(["45"], rows, planner()) == [], "a former unit is itself"


def test_own_figures_of_predecessors_come_together_apart_from_computed_ones() -> None:
    def stated(unit: str, qualifier: str = "eq") -> Row:
        figure = {"value": Decimal(50), "qualifier": qualifier, "value_high": None, "as_of": None}
        figure |= {"numerator": Decimal(5), "denominator": Decimal(10)}
        return row(unit, 50, value_source="reported", reported=figure)

    [(found, _)] = recast(["44"], [stated("44"), stated("45")], planner())
    assert (found.value_source, found.numerator, found.value) == ("reported", None, 50)
    assert found.reported is not None and found.reported["denominator"] == 20
    [(inexact, _)] = recast(["44"], [stated("44"), stated("45", "gt")], planner())
    assert (inexact.value_source, inexact.value, inexact.reported) == ("none", None, None)


def test_unstated_figures_and_single_kinds_are_not_joined() -> None:
    unstated = [msgspec.structs.replace(computed(unit, 1, 2), basis="unstated") for unit in ("44", "45")]
    [(found, _)] = recast(["44"], unstated, planner())
    assert (found.value, found.value_source) == (None, "none")
    assert found.not_aggregable == "unstated figures are never added up"


def test_an_unmerged_province_is_left_alone() -> None:
    rows = [computed("01", 1, 2)]
    assert merger_of("01", planner()) is None and recast(["01"], rows, planner()) == [(rows[0], None)]


def test_levels_add_up_to_the_rollup() -> None:
    """Research note I9: a province at 72.63 % over communes at 74.57 % has lower departments."""
    communes = Sums(numerator=Decimal(7457), denominator=Decimal(10000), n_cells=2, n_reported=2)
    departments = Sums(numerator=Decimal(1623), denominator=Decimal(2500), n_cells=1, n_reported=1)
    indicator = catalogue().indicators[RATIO]
    found = breakdown(indicator, {"commune": communes, "department": departments}, {"commune": 4})
    assert [(one["level"], one["value"]) for one in found] == [
        ("commune", Decimal("74.57")),
        ("department", Decimal("64.92")),
    ]
    assert found[0]["completeness"] == HALF and found[1]["completeness"] is None
    whole = added([communes, departments])
    assert (whole.numerator, whole.denominator, whole.n_cells) == (9080, 12500, 3)
