"""Laws of winning a cell: content decides, never the order of arrival (semantics §3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from chiso_indicators.core.figure import Figure
from chiso_indicators.core.fold import Contender, Revision, Standing, contender, fold, outcomes
from chiso_indicators.core.keys import Key
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.indicators_examples import KEY, WITHDRAWN, ratio, revision, value

FIGURES = st.one_of(
    st.builds(ratio, st.integers(0, 50), st.integers(50, 100)),
    st.builds(value, st.integers(0, 100)),
    st.just(WITHDRAWN),
)
REVISIONS = st.lists(
    st.builds(revision, FIGURES, st.integers(0, 3), st.integers(0, 5), st.integers(1, 10_000)),
    min_size=1,
    max_size=12,
    unique_by=lambda one: one.order.submission_id,
)


def winner_of(revisions: Sequence[Revision]) -> Contender:
    return fold(revisions)[KEY]


@given(REVISIONS, st.randoms(use_true_random=False))
def test_the_winner_does_not_depend_on_arrival(revisions: list[Revision], chance: object) -> None:
    shuffled = list(revisions)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert winner_of(shuffled) == winner_of(revisions)
    greatest = max(revisions, key=lambda one: one.order)
    assert winner_of(revisions).winner == greatest


@given(REVISIONS, st.integers(0, 12), st.integers(0, 12))
def test_folding_is_associative_and_idempotent(revisions: list[Revision], one: int, other: int) -> None:
    low, high = sorted((min(one, len(revisions)), min(other, len(revisions))))
    parts = [part for part in (revisions[:low], revisions[low:high], revisions[high:]) if part]
    whole = winner_of(revisions)
    joined = winner_of(parts[0])
    for part in parts[1:]:
        joined = joined.join(winner_of(part))
    assert joined == whole
    assert whole.join(contender(revisions[0])) == whole


@given(REVISIONS)
def test_one_by_one_ends_where_a_batch_ends(revisions: list[Revision]) -> None:
    standing: Standing | None = None
    figures: list[Figure | None] = []
    for one in revisions:
        [outcome] = outcomes(standing, [one])
        if outcome.outcome != "superseded":
            first = (
                min(one.order.accepted_at, standing.first_accepted_at) if standing else one.order.accepted_at
            )
            standing = Standing(one.order, one.figure, first)
        figures.append(standing.figure if standing else None)
    assert standing is not None
    assert (standing.order, standing.figure) == (
        winner_of(revisions).winner.order,
        winner_of(revisions).winner.figure,
    )
    together = outcomes(None, revisions)
    changes = sum(before != after for before, after in zip([None, *figures], figures, strict=False))
    assert sum(outcome.effective for outcome in together) == changes


def test_vector_10_a_lower_revision_after_a_higher_one_changes_nothing() -> None:
    high, low = revision(ratio(90, 100), 2, 0, 1), revision(ratio(10, 100), 1, 9, 2)
    first, second = outcomes(None, [high, low])
    assert (first.outcome, second.outcome) == ("applied", "superseded")
    assert not second.effective and second.reason is None


def test_losing_on_the_instant_alone_is_told() -> None:
    newer, older = revision(ratio(90, 100), 1, 5, 1), revision(ratio(80, 100), 1, 4, 2)
    assert outcomes(None, [newer, older])[1].reason == "raise_revision"


def test_a_winner_that_says_the_same_is_unchanged() -> None:
    first, again = revision(ratio(90, 100), 0, 0, 1), revision(ratio("90.0", "100.00"), 1, 1, 2)
    assert outcomes(None, [first, again])[1].outcome == "unchanged"


def test_an_older_date_does_not_hide_a_newer_one() -> None:
    key = Key("51", "STI.ENTERPRISES", "statistical", "2025-12", "as_of")
    older = revision(value(15)._replace(as_of=date(2025, 12, 4)), 3, 9, 1, key)
    newer = revision(value(16)._replace(as_of=date(2025, 12, 24)), 0, 1, 2, key)
    assert fold([newer, older])[key].winner == newer
    in_period = [
        revision(one.figure, one.order.revision, 0, 1 + place) for place, one in enumerate((newer, older))
    ]
    assert fold(in_period)[KEY].winner.figure == older.figure
