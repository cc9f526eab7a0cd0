"""The position keeper decides what may be applied; here it meets holes, repeats and logs that went back."""

from __future__ import annotations

from chiso_shared.runtime.positions import Positions, Record
from hypothesis import given
from hypothesis import strategies as st


def record(partition: int, offset: int) -> Record:
    return Record("topic", partition, offset, 0, b"key", {}, b"value")


def offsets(records: list[Record]) -> list[tuple[int, int]]:
    return [(item.partition, item.offset) for item in records]


def started(contiguous: bool, **stored: int) -> Positions:
    positions = Positions(contiguous)
    positions.assign({int(name[1:]): offset for name, offset in stored.items()})
    return positions


def test_records_in_place_are_admitted_in_order() -> None:
    positions = started(True, p0=5, p1=0)
    admission = positions.admit([record(0, 5), record(1, 0), record(0, 6)])
    assert offsets(admission.records) == [(0, 5), (1, 0), (0, 6)]
    positions.applied(admission.records)
    assert positions.next_offsets == {0: 7, 1: 1}


def test_a_hole_is_asked_for_again_and_then_stops_its_partition_only() -> None:
    positions = started(True, p0=0, p1=0)
    first = positions.admit([record(0, 0), record(0, 2), record(0, 3), record(1, 0)])
    assert offsets(first.records) == [(0, 0), (1, 0)]
    assert first.seeks == {0: 1}
    assert not first.stopped
    positions.applied(first.records)
    second = positions.admit([record(0, 2), record(1, 1)])
    assert offsets(second.records) == [(1, 1)]
    assert not second.seeks
    assert "offset 1 is due, 2 came" in second.stopped[0]
    positions.applied(second.records)
    third = positions.admit([record(0, 1), record(1, 2)])
    assert offsets(third.records) == [(1, 2)]
    assert positions.next_offsets == {0: 1, 1: 2}


def test_a_mix_up_that_a_seek_heals_stops_nothing() -> None:
    positions = started(True, p0=10)
    assert positions.admit([record(0, 40)]).seeks == {0: 10}
    healed = positions.admit([record(0, 10), record(0, 11)])
    assert offsets(healed.records) == [(0, 10), (0, 11)]
    positions.applied(healed.records)
    again = positions.admit([record(0, 40)])
    assert again.seeks == {0: 12}
    assert not again.stopped


def test_a_log_that_went_back_is_not_skipped_silently() -> None:
    for contiguous in (True, False):
        positions = started(contiguous, p0=100)
        assert positions.admit([record(0, 0)]).seeks == {0: 100}
        assert "went back" in positions.admit([record(0, 0)]).stopped[0]


def test_a_compacted_log_may_have_holes() -> None:
    positions = started(False, p0=3)
    admission = positions.admit([record(0, 7), record(0, 9)])
    assert offsets(admission.records) == [(0, 7), (0, 9)]


def test_partitions_not_assigned_are_left_out_and_never_moved() -> None:
    positions = started(True, p0=0)
    assert positions.admit([record(1, 0)]).records == []
    positions.applied([record(1, 0)])
    positions.correct({1: 50, 0: 4})
    assert positions.next_offsets == {0: 4}
    positions.revoke()
    assert positions.admit([record(0, 4)]).records == []


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12)), max_size=40), st.integers(1, 7))
def test_whatever_comes_each_offset_is_applied_at_most_once_and_none_is_skipped(
    deliveries: list[tuple[int, int]], size: int
) -> None:
    positions = started(True, p0=0, p1=3)
    applied: dict[int, list[int]] = {0: [], 1: []}
    for start in range(0, len(deliveries), size):
        admission = positions.admit([record(*delivery) for delivery in deliveries[start : start + size]])
        positions.applied(admission.records)
        for item in admission.records:
            applied[item.partition].append(item.offset)
    assert applied[0] == list(range(len(applied[0])))
    assert applied[1] == list(range(3, 3 + len(applied[1])))
