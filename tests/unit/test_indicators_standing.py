"""How reopenings stand after all decisions: the last word counts, whatever the order in which it is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chiso_indicators.core.late import Reopening
from chiso_indicators.core.standing import Said, standing
from hypothesis import given
from hypothesis import strategies as st

START = datetime(2026, 10, 6, tzinfo=UTC)


def hour(number: int) -> datetime:
    return START + timedelta(hours=number)


def reopening(unit: str, begins: int, ends: int | None) -> Reopening:
    closes_at = None if ends is None else hour(ends)
    return Reopening(unit, "administrative", "2026-09", (unit, "VN"), ("2026-09",), hour(begins), closes_at)


@st.composite
def lives(draw: st.DrawFn) -> list[Said]:
    """What people say of a few units' periods: opened, perhaps closed, perhaps opened again."""
    said: list[Said] = []
    for unit in draw(st.sets(st.sampled_from(("51", "44", "08")), min_size=1)):
        hours = sorted(draw(st.sets(st.integers(0, 50), min_size=1, max_size=6)))
        for begins, ends in zip(hours[::2], [*hours[1::2], None], strict=False):
            said.append(Said(hour(begins), reopening(unit, begins, None)))
            if ends is not None:
                said.append(Said(hour(ends), reopening(unit, begins, ends)))
    return said


@given(lives(), st.integers(0, 60), st.randoms(use_true_random=False))
def test_order_and_repetition_make_no_difference(said: list[Said], now: int, chance: object) -> None:
    wanted = standing(said, hour(now))
    shuffled = [*said, *said]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert standing(shuffled, hour(now)) == wanted


@given(lives())
def test_of_each_reopening_the_last_word_counts_and_of_a_unit_only_the_last_runs(said: list[Said]) -> None:
    found = standing(said, hour(100))
    last: dict[tuple[str, datetime], Said] = {}
    for one in sorted(said, key=lambda one: one.at):
        last[one.reopening.subject, one.reopening.reopened_at] = one
    assert sorted([*found.over, *found.running], key=lambda one: (one.subject, one.reopened_at)) == [
        last[place].reopening for place in sorted(last)
    ]
    assert {one.subject for one in found.running} == {
        one.reopening.subject for one in last.values() if one.reopening.closes_at is None
    }
    assert len({one.subject for one in found.running}) == len(found.running)


def test_an_end_that_lies_ahead_is_still_running() -> None:
    said = [Said(hour(0), reopening("51", 0, 5))]
    assert [len(part) for part in standing(said, hour(4))] == [0, 1]
    assert [len(part) for part in standing(said, hour(5))] == [1, 0]
