"""Versions of rollups that are not stored: which ticks make one, why, and with which vintage."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.hierarchy import Scope
from chiso_indicators.core.keys import Key
from chiso_indicators.core.moments import Moment, Mover, in_phase, moments, versions
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.reigns import Look, Reign, Reigns, Timeline
from chiso_indicators.core.row import Row, Sums
from chiso_indicators.core.unit_rows import UnitRows

from tests.unit.indicators_examples import planner

CLOSE = datetime(2026, 1, 1, tzinfo=UTC)
STARTED = CLOSE - timedelta(days=300)
KEY = Key("21289", "DVC.ONLINE_SUBMIT", "administrative", "2025-10", "in_period")


def mover(tick: int, op: str = "report", *, effective: bool = True, is_first: bool = False) -> Mover:
    stamp = STARTED + timedelta(days=tick)
    return Mover(op, stamp, tick, stamp, effective, is_first, CLOSE)


def drafted(tick: int, numerator: int, phase: str = "collecting") -> tuple[Moment, Row]:
    stamp = STARTED + timedelta(days=tick)
    sums = Sums(Decimal(numerator), Decimal(100), n_cells=1, n_reported=1)
    row = Assembler(planner(), STARTED).draft(KEY, sums, None, Marks(STARTED, STARTED, STARTED), stamp)
    return Moment(tick, stamp, ["correct"]), msgspec.structs.replace(row, phase=phase)


def test_a_tick_is_one_moment_with_the_union_of_its_causes() -> None:
    own = [mover(2, is_first=True), mover(3), mover(3, "withdraw"), mover(4, effective=False)]
    found = [(one.tick, one.causes) for one in moments(own, [], [], STARTED)]
    assert found == [(2, ["report"]), (3, ["correct", "withdraw"]), (4, ["report"])]


def test_the_period_before_moves_a_row_that_exists_and_makes_none() -> None:
    nearby = [mover(1, is_first=True), mover(2, "withdraw"), mover(5, "withdraw")]
    found = [(one.tick, one.causes) for one in moments([mover(2, is_first=True)], nearby, [], STARTED)]
    assert found == [(2, ["report"]), (5, ["withdraw"])]
    assert moments([], nearby, [], STARTED) == []


def test_a_row_that_says_the_same_is_no_version_and_neither_is_a_phase() -> None:
    made = versions([drafted(1, 10), drafted(2, 10), drafted(3, 10, "closed"), drafted(4, 20, "closed")])
    assert [(row.version, row.tick, row.phase, row.vintage) for row in made] == [
        (1, 1, "collecting", 0),
        (2, 4, "closed", 2),
    ]
    assert [row.updated_at for row in made] == [STARTED + timedelta(days=days) for days in (1, 4)]


def test_the_newest_version_is_read_in_the_phase_of_the_instant() -> None:
    made = versions([drafted(1, 10)])
    read = [in_phase(made, phase) for phase in ("collecting", "closed", "reopened")]
    assert [(row.phase, row.vintage, row.version) for row in read] == [
        ("collecting", 0, 1),
        ("closed", 1, 1),
        ("reopened", 1, 1),
    ]


def test_another_look_moves_a_row_that_exists_and_makes_none() -> None:
    looks = [Look(tick, STARTED + timedelta(days=tick), "reference") for tick in (1, 2, 3, 4)]
    own = [mover(2, is_first=True), mover(4)]
    found = [(one.tick, one.causes) for one in moments(own, [], looks, STARTED)]
    assert found == [(2, ["report"]), (3, ["reference"]), (4, ["correct", "reference"])]
    assert moments([], [], looks, STARTED) == []


def reign(tick: int, scope: Scope | None = None) -> Reign:
    return Reign(UnitRows(Assembler(planner(), STARTED)), tick, STARTED + timedelta(days=tick), scope)


def test_a_catalogue_is_in_force_from_its_tick_on() -> None:
    first, second, third = reign(0), reign(5), reign(5)
    reigns = Reigns([first, second, third])
    assert [reigns.at(tick) for tick in (0, 4)] == [first.rows] * 2
    assert [reigns.at(tick) for tick in (5, 9)] == [third.rows] * 2
    assert reigns.newest is third.rows


def test_another_look_is_at_open_rows_and_at_closed_ones_where_it_was_asked() -> None:
    close_at = planner().period(KEY.calendar, KEY.period).close_at  # type: ignore[union-attr]
    closed = Marks(close_at, close_at, close_at)
    asked = Scope("reference", ("51", KEY.unit), KEY.calendar, (KEY.period,), closed=True)
    reigns = Reigns(
        [
            reign(0),
            reign(1),
            reign(2, Scope("hierarchy", ("44",), closed=True)),
            reign(4),
            reign(5, asked),
            reign(6, msgspec.structs.replace(asked, periods=("2025-11",))),
            reign(7, msgspec.structs.replace(asked, since=date(2026, 1, 1))),
        ]
    )
    timeline = Timeline(STARTED, [(STARTED + timedelta(days=3), closed)])
    assert [(one.tick, one.cause) for one in reigns.looks(KEY, timeline)] == [
        (1, "reference"),
        (5, "reference"),
    ]


def test_marks_are_those_of_the_instant() -> None:
    later = Marks(CLOSE, CLOSE, CLOSE)
    timeline = Timeline(STARTED, [(CLOSE, later)])
    assert timeline.at(CLOSE - timedelta(microseconds=1)) == Marks(STARTED, STARTED, STARTED)
    assert timeline.at(CLOSE) == later
