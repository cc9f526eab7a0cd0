"""Versions, vintages, causes, phases, and what a change touches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.causes import cause_of, is_late
from chiso_indicators.core.changes import Change, read_changes, write_changes
from chiso_indicators.core.keys import Key
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.plan import Place
from chiso_indicators.core.row import Row, Sums
from chiso_indicators.core.version import next_version

from tests.unit.indicators_examples import EPOCH, KEY, planner

LATER = EPOCH + timedelta(days=3_000)
PROVINCE = KEY.at(unit="51")


def row(numerator: int, phase: str = "collecting") -> Row:
    made = Assembler(planner(), EPOCH).draft(
        PROVINCE, Sums(Decimal(numerator), Decimal(100)), None, Marks(LATER, LATER, LATER), EPOCH
    )
    return msgspec.structs.replace(made, phase=phase)


def test_a_row_that_says_the_same_is_no_version() -> None:
    first = next_version(None, row(5), {"report"})
    assert first is not None and (first.version, first.vintage, first.causes) == (1, 0, ["report"])
    again = msgspec.structs.replace(row(5), updated_at=LATER, catalogue_version="other")
    assert next_version(first, again, {"correct"}) is None
    second = next_version(first, row(6), {"withdraw", "report"})
    assert second is not None and (second.version, second.causes) == (2, ["report", "withdraw"])


def test_vintages_count_closes_and_what_follows() -> None:
    collecting = next_version(None, row(5), {"report"})
    closed = next_version(collecting, row(5, "closed"), {"close"})
    restated = next_version(closed, row(6, "closed"), {"correct"})
    reopened = next_version(restated, row(6, "reopened"), {"correct"})
    again = next_version(reopened, row(6, "closed"), {"close"})
    found = [collecting, closed, restated, reopened, again]
    assert [version.vintage for version in found if version] == [0, 1, 2, 2, 3]


def test_loading_the_past_stays_the_first_vintage() -> None:
    first = next_version(None, row(5, "closed"), {"backfill"})
    second = next_version(first, row(6, "closed"), {"backfill"})
    third = next_version(second, row(7, "closed"), {"correct", "backfill"})
    assert [version.vintage for version in (first, second, third) if version] == [1, 1, 2]


def test_what_is_first_said_after_the_close_restates_the_nothing_of_before() -> None:
    first = next_version(None, row(5, "closed"), {"correct"})
    second = next_version(first, row(6, "closed"), {"correct"})
    assert [version.vintage for version in (first, second) if version] == [2, 3]


CLOSE = EPOCH + timedelta(days=10)


@pytest.mark.parametrize(
    ("op", "is_first", "after_days", "started_after_days", "cause"),
    [
        ("report", True, 5, 0, "report"),
        ("report", True, 11, 0, "correct"),
        ("report", False, 5, 0, "correct"),
        ("withdraw", False, 5, 0, "withdraw"),
        ("withdraw", False, 11, 0, "withdraw"),
        ("report", True, 30, 20, "backfill"),
        ("report", False, 30, 20, "correct"),
    ],
)
def test_causes(op: str, is_first: bool, after_days: int, started_after_days: int, cause: str) -> None:
    accepted_at, started = EPOCH + timedelta(days=after_days), EPOCH + timedelta(days=started_after_days)
    assert cause_of(op, is_first, accepted_at, CLOSE, started) == cause


def test_lateness_is_judged_by_the_door_and_not_for_the_past() -> None:
    due = EPOCH + timedelta(days=5)
    assert is_late(due, due, CLOSE, EPOCH) is False
    assert is_late(due + timedelta(microseconds=1), due, CLOSE, EPOCH) is True
    assert is_late(LATER, due, CLOSE, CLOSE) is None


def test_phases_follow_the_marks_and_not_the_clock() -> None:
    period = planner().period("administrative", "2025-10")
    assert period is not None
    assert period.end_at == datetime(2025, 10, 14, 17, tzinfo=UTC)
    before, after = period.end_at - timedelta(microseconds=1), period.end_at
    assert Marks(before, before, before).phase(period) == "open"
    assert Marks(after, before, before).phase(period) == "collecting"
    assert Marks(after, after, period.close_at).phase(period) == "closed"


def moved(key: Key) -> set[tuple[str, str]]:
    place = planner().place(key.unit, key.calendar, key.period)
    assert place is not None
    return {(found.unit, found.period) for found in planner().keys_moved(key, place)}


def test_a_month_moves_its_province_the_nation_and_longer_periods() -> None:
    periods = {"2026-09", "2026-Q3", "2026-H2", "2026-9M", "2026"}
    assert moved(KEY) == {(unit, period) for unit in ("51", "VN") for period in periods}
    assert moved(KEY.at(unit="51")) == moved(KEY)
    assert {unit for unit, _ in moved(KEY.at(unit="VN"))} == {"VN"}


def test_an_unstated_figure_moves_nothing_but_itself() -> None:
    assert moved(Key("51", "DVC.ONLINE_SUBMIT", "statistical", "2025-12", "unstated")) == {("51", "2025-12")}
    assert moved(Key("21028", "DVC.ONLINE_SUBMIT", "statistical", "2025-12", "unstated")) == set()


def test_a_cumulative_figure_moves_what_is_derived_after_it() -> None:
    periods = {period for _, period in moved(KEY._replace(basis="ytd", period="2026-06"))}
    assert {"2026-06", "2026-07", "2026-Q2", "2026-Q3", "2026-H1", "2026-H2", "2026-9M", "2026"} == periods
    december = {period for _, period in moved(KEY._replace(basis="ytd", period="2025-12"))}
    assert "2026-01" not in december


def test_changes_survive_being_written_down() -> None:
    change = Change(
        *("21028", "commune", "51", "DVC.ONLINE_SUBMIT", "administrative", "2026-09", "in_period"),
        causes=["report"],
        submission_id="0198c0de-7a11-7c4e-9d3f-5b2a1c0e8f77",
        agency="H48",
        revision=2,
        accepted_at=EPOCH + timedelta(microseconds=1),
        delta_numerator=Decimal("123456789.000001"),
        delta_denominator=None,
        value=Decimal("0.1"),
        reason="tệp bị cắt",
    )
    [found] = read_changes(write_changes([change]))
    assert found == change
    assert (found.key, found.place) == (KEY, Place("commune", "51"))
