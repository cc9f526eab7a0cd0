"""Versions of rollups that are not stored: which ticks make one, why, and with which vintage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.keys import Key
from chiso_indicators.core.moments import Moment, Mover, in_phase, moments, versions
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.row import Row, Sums

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
