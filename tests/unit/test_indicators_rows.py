"""What parts become: kinds, qualifiers, completeness, attainment and colours (semantics §4 to §6)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.derived import derive
from chiso_indicators.core.figure import Figure, addends, difference
from chiso_indicators.core.keys import Key
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.row import Row, Sums
from chiso_indicators.core.value import figure_value, rounded, share, shown_value
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.indicators_examples import (
    EPOCH,
    KEY,
    NOT_APPLICABLE,
    WITHDRAWN,
    catalogue,
    planner,
    ratio,
    value,
)

LATER = EPOCH + timedelta(days=3_000)
CLOSED = Marks(LATER, LATER, LATER)
RUNNING = Marks(EPOCH, EPOCH, EPOCH)
ASSEMBLER = Assembler(planner(), EPOCH)


def row(key: Key, sums: Sums, own: Figure | None = None, marks: Marks = CLOSED) -> Row:
    return ASSEMBLER.draft(key, sums, own, marks, EPOCH)


def test_vector_1_rates_are_not_averaged() -> None:
    made = row(KEY.at(unit="51"), Sums(Decimal(100), Decimal(1100), n_reported=2, n_contributing=2))
    assert made.value == Decimal("9.0909")
    assert made.value_source == "computed"


@pytest.mark.parametrize(
    ("numerator", "denominator", "shown"),
    [("115665", "168746", "68.54"), ("40042", "43007", "93.11"), ("40042", "40402", "99.11")],
)
def test_vectors_2_and_3(numerator: str, denominator: str, shown: str) -> None:
    found = shown_value(catalogue().indicators["DVC.ONLINE_SUBMIT"], Decimal(numerator), Decimal(denominator))
    assert found is not None
    assert rounded(found, 2) == Decimal(shown)


def test_vector_4_months_out_of_a_cumulative_series() -> None:
    shares = [("2026-02", "52.3", 2), ("2026-03", "65.63", 3), ("2026-04", "72.63", 4)]
    rows = [
        row(
            KEY.at(unit="51", period=period)._replace(basis="ytd"),
            Sums(Decimal(percent) * volumes * 10, Decimal(1000 * volumes)),
        )
        for period, percent, volumes in shares
    ]
    indicator = catalogue().indicators["DVC.ONLINE_SUBMIT"]
    derived = [derive(indicator, after, True, before) for before, after in pairwise(rows)]
    assert [found["value"] for found in derived if found] == [Decimal("92.29"), Decimal("93.63")]
    assert derive(indicator, rows[0], True, None) == {
        "numerator": None,
        "denominator": None,
        "value": None,
        "reason": "previous_missing",
    }
    fallen = derive(indicator, rows[0], True, rows[1])
    assert fallen is not None and (fallen["reason"], fallen["value"]) == ("decreased", None)


@pytest.mark.parametrize(
    ("number", "target", "attained"), [("38", "20", "190"), ("14", "12", "116.67"), ("23", "3.83", "600.52")]
)
def test_vector_5_attainment_is_recomputed(number: str, target: str, attained: str) -> None:
    indicator = {"20": "STI.INNOV", "12": "STI.ORGS", "3.83": "STI.PUBS"}[target]
    basis = "as_of" if indicator == "STI.ORGS" else "ytd"
    key = Key("51", indicator, "statistical", "2025-12", basis)
    made = row(key, Sums(Decimal(number), n_unexpected=1), value(number))
    assert made.target is not None and made.target["value"] == Decimal(target)
    assert made.attainment == Decimal(attained)


@pytest.mark.parametrize(
    ("unit", "expected"), [("51", 96), ("44", 78), ("08", 124), ("33", 104), ("VN", 3321)]
)
def test_expected_reports(unit: str, expected: int) -> None:
    assert row(KEY.at(unit=unit), Sums()).n_expected == expected
    assert row(KEY.at(unit=unit, period="2026-Q3"), Sums()).n_expected == 3 * expected
    assert row(KEY.at(unit=unit, period="2025"), Sums()).n_expected == 6 * expected, "from July 2025"
    assert row(KEY.at(unit=unit)._replace(basis="ytd"), Sums()).n_expected == 0


def test_nothing_over_nothing_is_a_report_without_a_value() -> None:
    made = row(KEY, Sums(Decimal(0), Decimal(0), n_reported=1, n_contributing=1), ratio(0, 0))
    assert (made.value, made.value_source, made.n_reported) == (None, "computed", 1)


def test_a_figure_of_its_own_stands_beside_the_computed_one() -> None:
    key = KEY.at(unit="51")
    made = row(key, Sums(Decimal(43007), Decimal(58280), n_reported=91), value("73.79"))
    assert (made.value, made.value_source) == (Decimal("73.7938"), "computed")
    assert made.reported is not None and made.reported["value"] == Decimal("73.79")
    assert made.discrepancy == Decimal("0.0038")
    alone = row(key, Sums(), value("73.79", "gt"))
    assert (alone.value, alone.value_source, alone.attainment) == (Decimal("73.79"), "reported", None)
    assert (alone.numerator, alone.discrepancy) == (None, None)


@pytest.mark.parametrize("figure", [WITHDRAWN, NOT_APPLICABLE])
def test_no_figure_is_shown_of_what_says_none(figure: Figure) -> None:
    made = row(KEY.at(unit="51"), Sums(), figure)
    assert (made.value, made.value_source, made.reported) == (None, "none", None)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (Key("VN", "DVC.ONLINE_SUBMIT_RANK", "statistical", "2025-09", "as_of"), "rank"),
        (Key("33", "DVC.ONLINE_SUBMIT_RANK", "statistical", "2025-Q3", "as_of"), "time"),
        (Key("51", "DVC.SERVICES_ARISING", "administrative", "2026-09", "in_period"), "units"),
        (Key("51", "IDX.DTI", "statistical", "2026-06", "as_of"), "units"),  # a commune told its own score
    ],
)
def test_what_is_not_aggregated_says_why(key: Key, words: str) -> None:
    made = row(key, Sums(Decimal(8), Decimal(10)))
    assert made.value is None
    assert words in (made.not_aggregable or "")


def test_a_rank_of_its_own_is_shown() -> None:
    made = row(Key("33", "DVC.ONLINE_SUBMIT_RANK", "statistical", "2025-09", "unstated"), Sums(), value(8))
    assert (made.value, made.value_source, made.not_aggregable) == (8, "reported", None)


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**9)), min_size=1, max_size=30),
    st.randoms(use_true_random=False),
)
def test_a_sum_of_shares_lies_between_them(parts: list[tuple[int, int]], chance: object) -> None:
    bounded = [(min(one, other), max(one, other)) for one, other in parts]
    numerator = sum((Decimal(one) for one, _ in bounded), Decimal(0))
    denominator = sum((Decimal(other) for _, other in bounded), Decimal(0))
    found = shown_value(catalogue().indicators["DVC.ONLINE_SUBMIT"], numerator, denominator)
    shares = [100 * Decimal(one) / Decimal(other) for one, other in bounded]
    assert found is not None
    slack = Decimal("0.0001")
    assert min(shares) - slack <= found <= max(shares) + slack


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_replacing_moves_sums_by_the_difference(numerator: int, denominator: int) -> None:
    before, after = ratio(5, 7), ratio(numerator, denominator)
    assert difference(before, after, True) == (numerator - 5, denominator - 7)
    assert difference(None, after, True) == (numerator, denominator)
    assert difference(after, WITHDRAWN, True) == (-numerator, -denominator)
    assert difference(value(70), value(71), True) == (None, None)


@pytest.mark.parametrize("qualifier", ["gt", "ge", "lt", "le", "approx", "range"])
def test_only_exact_numbers_are_added(qualifier: str) -> None:
    assert addends(value(10, qualifier), is_ratio=False) is None
    assert addends(value(10), is_ratio=False) == (10, None)
    assert addends(value(10), is_ratio=True) is None, "percent-only"
    assert addends(NOT_APPLICABLE, is_ratio=False) is None


def test_completeness_is_shown_to_four_places() -> None:
    assert share(91, 96) == Decimal("0.9479")
    assert share(0, 0) is None


def test_a_figure_with_two_numbers_has_their_value() -> None:
    indicator = catalogue().indicators["INF.FIBRE_COMMUNE"]
    assert figure_value(indicator, ratio(96, 96)) == 100


def test_who_is_missing_is_listed_from_the_due_instant_on() -> None:
    sums = Sums(n_reported=1, reporters=frozenset({"21028"}))
    due = row(KEY.at(unit="51"), sums)
    assert due.missing is not None and len(due.missing) == 95 and "21028" not in due.missing
    assert row(KEY.at(unit="51"), sums, marks=RUNNING).missing is None
    assert row(KEY.at(unit="VN"), sums).missing is None


@pytest.mark.parametrize(
    ("figure", "colour"),
    [
        (value(80), "green"),
        (value(79), "yellow"),
        (value(71), "red"),
        (value(74, "gt"), "grey"),
        (value(80, "ge"), "green"),
        (value(70, "lt"), "red"),
        (value(80, "lt"), "grey"),
        (value(80, "approx"), "grey"),
    ],
)
def test_an_inexact_value_has_a_colour_only_where_it_is_certain(figure: Figure, colour: str) -> None:
    key = Key("44", "DVC.ONLINE_SUBMIT", "statistical", "2025-10", "unstated")
    assert row(key, Sums(), figure).status_colour == colour


def test_below_half_completeness_there_is_no_colour() -> None:
    key = KEY.at(unit="51")
    assert row(key, Sums(Decimal(90), Decimal(100), n_reported=47)).status_colour == "grey"
    assert row(key, Sums(Decimal(90), Decimal(100), n_reported=48)).status_colour == "green"
