"""Every vector of semantics §8 by its number, and every expected count: service and model side by side."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.figure import Figure, addends
from chiso_indicators.core.fold import Revision, fold
from chiso_indicators.core.keys import Key
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.row import Row, Sums
from chiso_indicators.core.value import rounded
from chiso_ingest.core.figures import read_figure
from chiso_ingest.core.findings import UnreadableNumber

from tests.model import judge, reference
from tests.unit.alerts_examples import reported
from tests.unit.indicators_examples import EPOCH, KEY, catalogue, planner, ratio, revision, value
from tests.unit.test_alerts_observe import kind, limit

AT_REST = EPOCH + timedelta(days=3_000)
MARKS = Marks(AT_REST, AT_REST, AT_REST)
PROVINCE = KEY.at(unit="51")


@cache
def assembler() -> Assembler:
    """Made when a test asks: a catalogue that cannot be loaded is a test that fails."""
    return Assembler(planner(), EPOCH)


def row_of(figures: list[Figure], key: Key = PROVINCE, own: Figure | None = None) -> Row:
    """The row that figures of units below give."""
    added = [numbers for figure in figures if (numbers := addends(figure, is_ratio=True))]
    zero = Decimal(0)
    sums = Sums(
        sum((one.numerator for one in added), zero), sum((one.denominator or zero for one in added), zero)
    )
    return assembler().draft(key, sums, own, MARKS, EPOCH)


def modelled(figures: Mapping[str, Figure], basis: str = "in_period", period: str = "2026-09") -> judge.Judge:
    """The model with one cell a unit."""
    cells = {
        (unit, period): judge.Cell(*figure[:7], as_of=figure.as_of, first=EPOCH)
        for unit, figure in figures.items()
    }
    slot = judge.Slot("DVC.ONLINE_SUBMIT", "administrative", basis)
    return judge.Judge(slot, cells, AT_REST, EPOCH)


def test_vector_1_two_rates_are_added_up_and_not_averaged() -> None:
    figures = {"21028": ratio(90, 100), "21025": ratio(10, 1000)}
    assert row_of(list(figures.values())).value == Decimal("9.0909")
    for unit in ("51", "VN"):
        assert modelled(figures).rollup(unit, "2026-09").value == Decimal("9.0909")


@pytest.mark.parametrize(
    ("numerator", "denominator", "share"),
    [(115_665, 168_746, "68.54"), (1, 3, "33.33")],
    ids=["seed", "third"],
)
def test_vector_2_a_share_of_dossiers(numerator: int, denominator: int, share: str) -> None:
    mine = modelled({"21028": ratio(numerator, denominator)}).rollup("51", "2026-09").value
    theirs = row_of([ratio(numerator, denominator)]).value
    assert mine == theirs and theirs is not None and rounded(theirs, 2) == Decimal(share)


def test_vector_3_on_time_of_all_and_of_those_settled() -> None:
    for denominator, share in ((43_007, "93.11"), (40_042 + 360, "99.11")):
        mine = modelled({"21028": ratio(40_042, denominator)}).rollup("51", "2026-09").value
        theirs = row_of([ratio(40_042, denominator)]).value
        assert mine == theirs and theirs is not None and rounded(theirs, 2) == Decimal(share)


def test_vector_4_months_out_of_cumulative_shares_of_equal_volumes() -> None:
    shares = {"2026-02": ("52.3", 2), "2026-03": ("65.63", 3), "2026-04": ("72.63", 4)}
    figures = {
        period: ratio(str(Decimal(percent) * 100 * volumes), 10_000 * volumes)
        for period, (percent, volumes) in shares.items()
    }
    rows = {
        period: row_of([figure], PROVINCE.at(period=period)._replace(basis="ytd"))
        for period, figure in figures.items()
    }
    by_key = {row.key: row for row in rows.values()}
    derived = [assembler().with_derived(rows[period], by_key).derived for _, period in pairwise(figures)]
    assert [found and found["value"] for found in derived] == [Decimal("92.29"), Decimal("93.63")]
    cells = {
        ("21028", period): judge.Cell(*figure[:7], as_of=None, first=EPOCH)
        for period, figure in figures.items()
    }
    model = judge.Judge(judge.Slot("DVC.ONLINE_SUBMIT", "administrative", "ytd"), cells, AT_REST, EPOCH)
    assert [model.rollup("51", period).derived[2] for _, period in pairwise(figures)] == [
        Decimal("92.29"),
        Decimal("93.63"),
    ]


@pytest.mark.parametrize(
    ("indicator", "basis", "number", "attained"),
    [
        ("STI.INNOV", "ytd", "38", "190"),
        ("STI.ORGS", "as_of", "14", "116.67"),
        ("STI.PUBS", "ytd", "23", "600.52"),
    ],
    ids=["38 of 20", "14 of 12, claimed 116", "23 of 3.83, claimed 600"],
)
def test_vector_5_attainment_is_recomputed_and_never_taken_over(
    indicator: str, basis: str, number: str, attained: str
) -> None:
    key = Key("51", indicator, "statistical", "2025-12", basis)
    row = assembler().draft(key, Sums(Decimal(number), n_unexpected=1), value(number), MARKS, EPOCH)
    assert row.attainment == Decimal(attained)


@pytest.mark.parametrize(
    ("qualifier", "number", "high", "target", "seen"),
    [
        ("gt", 74, None, 75, "UNDETERMINED"),
        ("gt", 97, None, 95, "OK"),
        ("lt", 80, None, 80, "BREACH"),
        ("range", 98, 99, 98, "OK"),
    ],
    ids=[">74 against 75", ">97 against 95", "nearly 80", "98 to 99"],
)
def test_vector_6_qualifiers_are_intervals(
    qualifier: str, number: int, high: int | None, target: int, seen: str
) -> None:
    assert kind(reported(qualifier, number, high=high), limit("ge", target)) == seen


@pytest.mark.parametrize(
    ("code", "start", "end"),
    [
        ("2025-10", date(2025, 9, 15), date(2025, 10, 14)),
        ("2025", date(2024, 12, 15), date(2025, 12, 14)),
    ],
)
def test_vector_7_administrative_periods(code: str, start: date, end: date) -> None:
    period, span = catalogue().calendars.parse("administrative", code), reference.span("administrative", code)
    assert period is not None
    assert (period.start, period.end) == (span.start, span.end) == (start, end)


def test_vector_7_24_december_2025_lies_in_administrative_2026() -> None:
    assert catalogue().calendars.of_date("administrative", "year", date(2025, 12, 24)).code == "2026"
    span = reference.span("administrative", "2026")
    assert span.start <= date(2025, 12, 24) <= span.end


def test_vector_8_one_number_in_two_languages() -> None:
    assert read_figure("69.13", "en") == read_figure("69,13", "vi") == Decimal("69.13")
    assert read_figure("4.318", "vi") == 4318
    assert isinstance(read_figure("4.318", None), UnreadableNumber)


def test_vector_9_codes_before_and_after_the_merger() -> None:
    units = catalogue().units
    for on, of_44, of_h50 in (
        (date(2025, 6, 30), "Quảng Bình", "45"),
        (date(2025, 7, 1), "Quảng Trị", "44"),
    ):
        by_code, by_h_code = units.get("44", on), units.by_h_code("H50", on)
        assert by_code is not None and by_code.name_vi == of_44
        assert by_h_code is not None and (by_h_code.code, by_h_code.name_vi) == (of_h50, "Quảng Trị")


def _document(number: int, numerator: int, identity: int) -> dict[str, Any]:
    return {
        "submission_id": f"00000000-0000-4000-8000-{identity:012d}",
        "agency": "H48",
        "calendar": KEY.calendar,
        "period": KEY.period,
        "basis": KEY.basis,
        "as_of": None,
        "revision": number,
        "accepted_at": EPOCH + timedelta(seconds=identity),
        "observations": [
            {"unit": KEY.unit, "indicator": KEY.indicator, "op": "report", "status": "A", "qualifier": "eq",
             "numerator": numerator, "denominator": 100}
        ],
    }  # fmt: skip


def test_vector_10_twice_the_same_and_a_lower_revision_change_nothing() -> None:
    higher, lower = revision(ratio(9, 100), 2, 1, 1), revision(ratio(5, 100), 1, 2, 2)
    orders: list[list[Revision]] = [[higher], [higher, higher], [higher, lower], [lower, higher, higher]]
    assert {fold(order)[KEY].winner for order in orders} == {higher}
    first, later = _document(2, 9, 1), _document(1, 5, 2)
    for log in ([first], [first, first], [first, later], [later, first, first]):
        assert judge.winners(log)[(*KEY,)].numerator == 9


@pytest.mark.parametrize(
    ("unit", "count"), [("51", 96), ("44", 78), ("08", 124), ("33", 104), ("VN", 3_321)],
    ids=["Quảng Ngãi", "Quảng Trị", "Tuyên Quang", "Hưng Yên", "the country"],
)  # fmt: skip
def test_expected_counts(unit: str, count: int) -> None:
    """semantics §5: obliged communes of a month; three times as many in a quarter."""
    for period, times in (("2026-09", 1), ("2026-Q3", 3), ("2025", 6)):
        assert (
            assembler().draft(KEY.at(unit=unit, period=period), Sums(), None, MARKS, EPOCH).n_expected
            == times * count
        )
        assert (
            reference.expected(unit, "DVC.ONLINE_SUBMIT", "administrative", "in_period", period)
            == times * count
        )


def test_the_model_shares_no_code_with_the_services() -> None:
    folder = Path(judge.__file__).parent
    for name in ("spans", "reference", "judge", "histories", "compare"):
        text = (folder / f"{name}.py").read_text()
        assert "chiso_" not in text, f"tests/model/{name}.py must not know the services"
