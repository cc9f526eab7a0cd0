"""When too many bad records stop a partition (docs/delivery.md, Traps)."""

from chiso_alerts.core.breaker import WINDOW, remembered, tripped


def test_single_bad_records_are_the_senders_fault() -> None:
    assert tripped((), [True]) is None
    assert tripped([False] * WINDOW, [True] * 10) is None


def test_twenty_in_a_row_trip_it_also_across_batches() -> None:
    assert tripped((), [True] * 20) == "20 bad records in a row"
    assert tripped([True] * 9, [True] * 11) == "20 bad records in a row"
    assert tripped([*[True] * 9, False], [True] * 1) is None


def test_more_than_one_percent_of_the_last_thousand_trips_it() -> None:
    spread = [number % 90 == 0 for number in range(WINDOW)]
    assert sum(spread) == 12
    assert tripped(spread[:900], spread[900:]) == "12 bad records among the last 1000"
    assert tripped(spread[:900], [False] * 100) is None


def test_only_the_last_thousand_are_remembered() -> None:
    history = remembered([True] * 10, [False] * WINDOW)
    assert len(history) == WINDOW
    assert not any(history)
