"""When too many bad records stop a partition (docs/delivery.md, Traps)."""

from collections.abc import Sequence

from chiso_shared.runtime.breaker import MOST_IN_A_ROW, WINDOW, Breaker, Breakers
from hypothesis import given
from hypothesis import strategies as st


def tripped(*batches: Sequence[bool]) -> str | None:
    breaker = Breaker()
    for batch in batches:
        breaker = breaker.after(batch)
    return breaker.tripped


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.integers(0, 300))
def test_it_trips_exactly_at_its_limits_however_the_records_are_batched(bad: list[bool], cut: int) -> None:
    longest = in_a_row = 0
    for is_bad in bad:
        in_a_row = in_a_row + 1 if is_bad else 0
        longest = max(longest, in_a_row)
    expected = longest >= MOST_IN_A_ROW or sum(bad) > WINDOW // 100
    assert (tripped(bad) is not None) == (tripped(bad[:cut], bad[cut:]) is not None) == expected


def test_single_bad_records_are_the_senders_fault() -> None:
    assert tripped([True]) is None
    assert tripped([False] * WINDOW, [True] * 10) is None


def test_twenty_in_a_row_trip_it_also_across_batches() -> None:
    assert tripped([False], [True] * 9) is None
    assert tripped([False] * WINDOW, [True] * 9, [True] * 2) == "11 bad records among the last 1000"
    rare = [*[False] * WINDOW, *[True] * 5]
    assert Breaker(seen=5, in_a_row=19).after([True]).tripped == "20 bad records in a row"
    assert tripped(rare, [False], [True] * 5) is None


def test_more_than_one_percent_of_the_last_thousand_trips_it() -> None:
    spread = [number % 90 == 0 for number in range(WINDOW)]
    assert sum(spread) == 12
    assert tripped(spread[:900], spread[900:]) == "11 bad records among the last 901"
    assert tripped(spread[:900], [False] * 100) is None


def test_old_mistakes_are_forgotten() -> None:
    assert tripped([True] * 10, [False] * WINDOW, [True]) is None
    assert tripped([True] * 10, [False] * (WINDOW - 10), [True]) is None
    assert tripped([True] * 10, [False] * (WINDOW - 11), [True]) is not None


def test_a_batch_that_is_tried_again_is_noted_once() -> None:
    before = Breaker().after([True] * 6)
    assert before.after([True] * 4) == before.after([True] * 4)
    assert before.after([True] * 4).tripped is None


def test_each_partition_has_its_own_and_only_those_asked_for_are_told() -> None:
    before = Breakers().after([(3, True)] * 10 + [(5, False)])
    after = before.after([(3, True), (5, True)])
    assert after.stopped([3, 5, 7]) == {3: "partition 3 stopped: 11 bad records among the last 11"}
    assert after.stopped([5]) == {}
    assert before.stopped([3]) == {}, "a batch that failed has not come"
    assert after.after([(3, False)]).stopped([3]) == after.stopped([3])
