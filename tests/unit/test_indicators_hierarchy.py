"""Laws of units that move: nothing moves by itself, and a move touches what it must from its first day on."""

from __future__ import annotations

from datetime import date, timedelta

from chiso_indicators.core.hierarchy import Scope, Span, moves, read_scope, scopes_of, write_scope
from hypothesis import given
from hypothesis import strategies as st

START, END = date(2025, 7, 1), date.max
DAYS = st.integers(1, 400).map(lambda days: START + timedelta(days=days))


def stands(*parts: tuple[date, str]) -> list[Span]:
    """Spans of a commune that begin on these days below these provinces."""
    ends = [*(day - timedelta(days=1) for day, _ in parts[1:]), END]
    return [Span(day, end, "commune", parent) for (day, parent), end in zip(parts, ends, strict=True)]


@given(DAYS, st.sampled_from(["44", "48"]))
def test_a_move_begins_on_the_first_day_that_differs(day: date, target: str) -> None:
    before = {"21028": stands((START, "51")), "21034": stands((START, "51"))}
    after = {**before, "21028": stands((START, "51"), (day, target))}
    [move] = moves(before, after)
    assert (move.unit, move.since, move.parents) == ("21028", day, frozenset({"51", target}))
    assert moves(before, before) == [] == moves(after, after)
    [back] = moves(after, before)
    assert (back.since, back.parents) == (move.since, move.parents)


@given(DAYS, DAYS)
def test_cutting_a_span_in_two_moves_nothing(first: date, second: date) -> None:
    whole = {"21028": stands((START, "51"))}
    days = sorted({first, second})
    cut = {"21028": stands((START, "51"), *((day, "51") for day in days))}
    assert moves(whole, cut) == []


@given(DAYS, DAYS)
def test_rows_are_touched_from_the_first_day_that_concerns_them(first: date, second: date) -> None:
    before = {"21028": stands((START, "51")), "21034": stands((START, "51"))}
    after = {"21028": stands((START, "51"), (first, "44")), "21034": stands((START, "51"), (second, "48"))}
    since = {unit: scope.since for scope in scopes_of(moves(before, after)) for unit in scope.units or ()}
    early = min(first, second)
    assert since == {"21028": first, "21034": second, "44": first, "48": second, "51": early, "VN": early}
    assert all(scope.cause == "hierarchy" and scope.closed for scope in scopes_of(moves(before, after)))


def test_units_that_begin_or_end_move_too() -> None:
    old, new = {"21028": stands((START, "51"))}, {"21028": [Span(START, date(2026, 6, 30), "commune", "51")]}
    [ended] = moves(old, new)
    assert (ended.since, ended.parents) == (date(2026, 7, 1), frozenset({"51"}))
    [begun] = moves({}, old)
    assert begun.since == START
    for scope in (
        Scope("reference"),
        Scope("hierarchy", ("51",), "administrative", ("2026-09",), START, True),
    ):
        assert read_scope(write_scope(scope)) == scope
