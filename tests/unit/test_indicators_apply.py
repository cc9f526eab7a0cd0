"""Apply without a database: what a batch is judged to do, and submissions that others stored first."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace as replaced
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import pytest
from chiso_indicators.consumer import Apply
from chiso_indicators.core.changes import COUNTS, Judge
from chiso_indicators.core.figure import Figure, addends, difference
from chiso_indicators.core.fold import Outcome, Revision
from chiso_indicators.core.keys import Key
from chiso_indicators.core.plan import Planner
from chiso_indicators.core.setting_aside import Gate, Ruling
from chiso_indicators.core.submissions import Batch
from chiso_indicators.metrics import Metrics
from chiso_indicators.store.apply import Applied, ApplyStore, Decoded
from chiso_indicators.store.apply_rows import SubmissionAppeared
from chiso_shared.contracts.events import SOURCE_INGEST, Event
from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.breaker import MOST_IN_A_ROW
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.consumer import PartitionsStopped, Record
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from tests.unit.indicators_examples import (
    EPOCH,
    KEY,
    NOT_APPLICABLE,
    WITHDRAWN,
    catalogue,
    planner,
    ratio,
    revision,
    value,
)

FIGURES = st.one_of(
    st.builds(ratio, st.integers(0, 50), st.integers(50, 100)),
    st.builds(value, st.integers(0, 100), st.sampled_from(["eq", "gt"])),
    st.sampled_from([WITHDRAWN, NOT_APPLICABLE]),
)
KEYS = st.sampled_from([KEY, KEY.at(unit="21025"), KEY.at(period="2026-10")])
REVISIONS = st.lists(
    st.builds(revision, FIGURES, st.integers(0, 3), st.integers(0, 10**8), st.integers(1, 10_000), KEYS),
    max_size=8,
    unique_by=lambda one: one.order.submission_id,
)


@given(REVISIONS)
def test_what_is_open_is_all_but_the_outcome_of_what_counts(revisions: list[Revision]) -> None:
    judge = Judge(planner(), EPOCH)
    unknown = revision(WITHDRAWN, key=KEY.at(unit="99999"))
    held = (revision(WITHDRAWN, identity=20_000), Outcome("held", "after_close", False))
    batch = Batch(revisions, [(unknown, "unknown_unit")], [held])
    judged, changes = judge.judge(batch, {one.key: None for one in revisions})
    assert {change.key for change in changes} == {one.key for one in revisions}
    counting = {"applied", "unchanged", "superseded"}
    wanted = [
        replace(item, outcome=Outcome(COUNTS, None, False)) if item.outcome.outcome in counting else item
        for item in judged
    ]
    assert sorted(map(repr, judge.counted(batch))) == sorted(map(repr, wanted))


@given(FIGURES, KEYS, st.integers(-9 * 3600, 9 * 3600), st.booleans())
def test_instants_in_utc_are_the_planners(figure: Figure, key: Key, seconds: int, closes: bool) -> None:
    period = planner().period(key.calendar, key.period)
    assert period is not None
    due_at, close_at = period.due_at("commune"), period.close_at
    since = (close_at if closes else due_at) - EPOCH
    one = revision(figure, 0, round(since.total_seconds()) + seconds, 1, key)
    [judged], _ = Judge(planner(), EPOCH).judge(Batch([one]), {key: None})
    assert judged.late == (one.order.accepted_at > due_at) and judged.year == period.year
    assert Judge(planner(), EPOCH).is_after_close(one) == (one.order.accepted_at > close_at)


@given(st.none() | FIGURES, FIGURES, st.booleans())
def test_differences_add_up(before: Figure | None, after: Figure, is_ratio: bool) -> None:
    old, new = addends(before, is_ratio), addends(after, is_ratio)
    numerator, denominator = difference(before, after, is_ratio)
    if old is None and new is None:
        assert numerator is None and denominator is None
        return
    zero = Decimal(0)
    assert numerator == (new.numerator if new else zero) - (old.numerator if old else zero)
    below, above = (old and old.denominator) or zero, (new and new.denominator) or zero
    assert denominator == (above - below if is_ratio else None)


@given(REVISIONS, st.booleans())
def test_nobody_is_asked_about_only_where_all_count(revisions: list[Revision], holds: bool) -> None:
    known = catalogue()
    indicator = replaced(known.indicators[KEY.indicator], late_policy="hold" if holds else "restate")
    gate = Gate(Planner(replaced(known, indicators={**known.indicators, KEY.indicator: indicator})), EPOCH)
    aside = [one for one in revisions if gate.aside(one, Ruling()) is not None]
    assert gate.lets_all_pass(revisions) == (not holds or not revisions)
    assert not (gate.lets_all_pass(revisions) and aside)


class Contested:
    """A store where others are quicker, so many times."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.stored: list[Sequence[Decoded]] = []

    async def apply(self, batch: Sequence[Decoded], applied_at: datetime) -> Applied:
        if self.left:
            self.left -= 1
            raise SubmissionAppeared("stored meanwhile")
        self.stored.append(batch)
        return Applied()


@pytest.mark.parametrize("times", [0, 1, 3])
async def test_what_others_stored_first_is_looked_at_again(times: int) -> None:
    store = Contested(times)
    metrics = Metrics(CollectorRegistry(), "test")
    apply = Apply(lambda: cast(ApplyStore, store), Clock(), metrics, lambda: None)
    event = Event(
        SUBMISSIONS.event_types[0], str(UUID(int=1)), SOURCE_INGEST, "51", datetime.now(UTC), b"", "51"
    )
    headers: dict[str, Any] = {name: raw.decode() for name, raw in event.headers()}
    await apply.handle([Record(SUBMISSIONS.name, 0, 0, 0, b"51", headers, b"not json")])
    assert [len(batch) for batch in store.stored] == [1]


async def test_a_rebuild_stops_at_no_number_of_bad_records() -> None:
    store, metrics = Contested(0), Metrics(CollectorRegistry(), "test")
    bad = [Record(SUBMISSIONS.name, 0, number, 0, b"51", {}, b"not json") for number in range(MOST_IN_A_ROW)]
    for stops in (False, True):
        apply = Apply(lambda: cast(ApplyStore, store), Clock(), metrics, lambda: None, stops=stops)
        with pytest.raises(PartitionsStopped) if stops else nullcontext():
            await apply.handle(bad)
    assert [len(batch) for batch in store.stored] == [MOST_IN_A_ROW]


@given(st.integers(1, 10**30), st.integers(1, 10**30))
def test_differences_of_long_numbers_are_exact(above: int, below: int) -> None:
    before, after = (
        Figure("report", "A", None, None, Decimal(one), None, "eq", None) for one in (below, above)
    )
    assert difference(before, after, is_ratio=False) == (Decimal(above - below), None)
