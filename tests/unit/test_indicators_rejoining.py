"""Revisions that come back beside kept ones: the cell is read to say what its winner says."""

from __future__ import annotations

from chiso_indicators.core.fold import Revision, outcomes
from chiso_indicators.core.rebuilt import replaced
from chiso_indicators.core.rejoining import Counting, rejoin
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.indicators_examples import planner, ratio, revision

FIGURES = st.sampled_from([ratio(1, 2), ratio(3, 4), ratio(5, 6)])


@st.composite
def cells(draw: st.DrawFn) -> list[Counting]:
    """Revisions applied in any order, of which the store has lost some."""
    figures = draw(st.lists(FIGURES, min_size=1, max_size=6))
    numbers = draw(st.lists(st.integers(0, 2), min_size=len(figures), max_size=len(figures)))
    alike: list[Revision] = [
        revision(figure, number=number, second=draw(st.integers(0, 3)), identity=place)
        for place, (figure, number) in enumerate(zip(figures, numbers, strict=True))
    ]
    arrived = draw(st.permutations(alike))
    became = {one.order: outcome for one, outcome in zip(arrived, outcomes(None, arrived), strict=True)}
    lost = draw(st.sets(st.sampled_from(range(len(alike))), min_size=1))
    accepted = sorted(range(len(alike)), key=lambda place: alike[place].order.accepted_at)
    return [
        Counting(alike[place])
        if place in lost
        else Counting(alike[place], became[alike[place].order].outcome, became[alike[place].order].reason)
        for place in accepted
    ]


@given(cells())
def test_the_cell_is_read_to_say_what_its_winner_says(cell: list[Counting]) -> None:
    found = {one.order: outcome for one, outcome in rejoin(cell)}
    lacking = {one.revision.order for one in cell if one.outcome is None}
    winner = max((one.revision for one in cell), key=lambda one: one.order)
    assert lacking <= set(found) <= lacking | {winner.order}, "who was kept keeps its outcome"
    told = [
        one.revision
        for one in cell
        if (found[one.revision.order].effective if one.revision.order in found else one.was_told)
    ]
    assert max(told, key=lambda one: one.order).figure == winner.figure


@given(cells())
def test_a_cell_lost_whole_is_as_if_applied_in_the_order_of_acceptance(cell: list[Counting]) -> None:
    revisions = [one.revision for one in cell]
    found = rejoin([Counting(one) for one in revisions])
    assert found == list(zip(revisions, outcomes(None, revisions), strict=True))


def test_an_approval_that_moved_nothing_was_not_told() -> None:
    kept = Counting(revision(ratio(1, 2), identity=1), "applied", "approved, unchanged")
    lacking = Counting(revision(ratio(1, 2), identity=0))
    found = {one.order: outcome.outcome for one, outcome in rejoin([kept, lacking])}
    assert found == {kept.revision.order: "applied", lacking.revision.order: "superseded"}


def test_a_cell_of_an_indicator_that_is_no_more_moves_nothing() -> None:
    assert replaced({"indicator": "NONE"}, {}, planner()) == []
