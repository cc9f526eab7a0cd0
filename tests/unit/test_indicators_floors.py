"""Version floors, and cells that a rebuild replaces: what subscribers see only grows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from chiso_indicators.core.changes import read_changes, write_changes
from chiso_indicators.core.floors import Surplus, above
from chiso_indicators.core.rebuilt import replaced
from chiso_indicators.core.tick import Touched, mark_rebuilt, touched_by
from hypothesis import given
from hypothesis import strategies as some

from tests.unit.indicators_examples import EPOCH, KEY, planner
from tests.unit.test_indicators_grain import row


@given(some.integers(1, 50), some.integers(0, 50))
def test_a_new_version_is_above_its_floor_and_never_below_itself(version: int, floor: int) -> None:
    one = msgspec.structs.replace(row("51"), version=version)
    [found] = above([one], {one.key: floor})
    assert found.version > floor and found.version >= version
    assert found.version in (version, floor + 1)
    assert above([one], {}) == [one]


@given(
    some.lists(some.tuples(some.sampled_from("ab"), some.integers(1, 9), some.integers(1, 99)), min_size=1)
)
def test_the_surplus_does_not_depend_on_the_order(events: list[tuple[str, int, int]]) -> None:
    def of(found: list[tuple[str, int, int]]) -> Surplus:
        surplus = Surplus()
        for unit, version, tick in found:
            surplus.add(KEY.at(unit=unit), version, tick, EPOCH + timedelta(seconds=tick))
        return surplus

    surplus = of(events)
    assert surplus == of(events[::-1])
    assert surplus.tick == max(tick for _, _, tick in events)
    for unit in {unit for unit, _, _ in events}:
        newest = max(version for code, version, _ in events if code == unit)
        assert surplus.versions[KEY.at(unit=unit)] == newest


def cell(numerator: int, parent: str = "51", **fields: Any) -> dict[str, Any]:
    """A cell as `to_jsonb` writes it."""
    empty = dict.fromkeys(("value", "value_high", "as_of", "reason"))
    found = {**KEY._asdict(), **empty, "level": "commune", "parent": parent, "op": "report", "status": "A"}
    found |= {"numerator": numerator, "denominator": 10, "qualifier": "eq", "revision": 0}
    found |= {"submission_id": "00000000-0000-0000-0000-000000000001", "agency": "H48"}
    return {**found, "accepted_at": "2026-01-01T00:00:00+00:00", **fields}


def test_a_replaced_cell_moves_by_the_difference() -> None:
    [change] = replaced(cell(9), cell(3), planner())
    assert (change.delta_numerator, change.delta_denominator, change.causes) == (Decimal(-6), 0, ["correct"])
    assert read_changes(write_changes([change])) == [change]


def test_an_invented_cell_goes_and_a_lost_one_comes_back() -> None:
    [gone] = replaced(cell(9), {}, planner())
    assert (gone.delta_numerator, gone.delta_denominator, gone.causes) == (-9, -10, ["withdraw"])
    [back] = replaced({}, cell(9), planner())
    assert (back.delta_numerator, back.delta_denominator, back.causes) == (9, 10, ["correct"])


def test_a_cell_under_another_unit_moves_both() -> None:
    changes = replaced(cell(9, parent="44"), cell(9), planner())
    assert [change.parent for change in changes] == ["44", "51"]


def test_only_what_nothing_but_a_rebuild_moved_is_marked() -> None:
    touched: dict[Any, Touched] = {}
    rebuilt = replaced(cell(9), cell(3), planner())
    touched_by(rebuilt, planner(), touched)
    mark_rebuilt(rebuilt, planner(), touched)
    province = KEY.at(unit="51")
    assert touched[province].mode == "rebuild"
    touched_by(rebuilt, planner(), touched)  # the same cells again, as a report moves them
    assert touched[province].mode == "live" and Touched().mode == "live"
