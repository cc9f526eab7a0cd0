"""Laws of late reports: what is set aside follows from instants and decisions, not arrival (semantics §5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
from chiso_indicators.core.changes import Judged
from chiso_indicators.core.figure import Figure
from chiso_indicators.core.fold import Outcome, Revision, order_of
from chiso_indicators.core.late import (
    Reopening,
    is_subject_to_policy,
    late_outcome,
    read_reopenings,
    write_reopenings,
)
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.plan import Planner
from chiso_indicators.core.setting_aside import Gate, Ruling, id_of, settled
from chiso_shared.catalogue import Catalogue
from chiso_shared.catalogue.authorities import Authorities, Authority
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.indicators_examples import KEY, catalogue, planner, ratio

PERIOD = planner().period(KEY.calendar, KEY.period)
assert PERIOD is not None
CLOSE = PERIOD.close_at
LONG_BEFORE = CLOSE - timedelta(days=400)
MINUTES = st.integers(-50, 50)


def minute(number: int) -> datetime:
    return CLOSE + timedelta(minutes=number)


def with_policy(policy: str) -> Planner:
    known = catalogue()
    indicator = _replaced(known.indicators[KEY.indicator], late_policy=policy)
    return Planner(_replaced(known, indicators={**known.indicators, KEY.indicator: indicator}))


def _replaced(frozen: Any, **fields: Any) -> Any:
    return type(frozen)(
        **{name: fields.get(name, getattr(frozen, name)) for name in frozen.__dataclass_fields__}
    )


HOLDING, REJECTING, RESTATING = (with_policy(policy) for policy in ("hold", "reject", "restate"))


def report(at: int, agency: str = "H48", figure: Figure | None = None) -> Revision:
    order = order_of(KEY.basis, None, 0, minute(at), UUID(int=at + 100), agency)
    return Revision(KEY, 0, order, figure or ratio(1, 2), "actual", None)


def reopening(start: int, end: int | None, unit: str = "51") -> Reopening:
    lineage = {"51": ("51", "VN"), "VN": ("VN",), "44": ("44", "VN"), "21028": ("21028", "51", "VN")}[unit]
    assert PERIOD is not None
    periods = (PERIOD.code, *PERIOD.coarser)
    closes_at = None if end is None else minute(end)
    return Reopening(unit, KEY.calendar, KEY.period, lineage, periods, minute(start), closes_at)


def outcome(
    known: Planner, revision: Revision, ruling: Ruling, started: datetime = LONG_BEFORE
) -> str | None:
    found = Gate(known, started).aside(revision, ruling)
    return None if found is None else found.outcome


@given(MINUTES)
def test_the_close_divides_and_the_policy_decides(at: int) -> None:
    late = at > 0
    for known, wanted in ((HOLDING, "held"), (REJECTING, "rejected"), (RESTATING, None)):
        assert outcome(known, report(at), Ruling()) == (wanted if late else None)


@given(MINUTES, st.integers(-50, 0))
def test_loading_the_past_is_subject_to_no_policy(at: int, later: int) -> None:
    started = CLOSE - timedelta(minutes=later)
    assert outcome(REJECTING, report(at), Ruling(), started) is None
    assert not is_subject_to_policy("hold", minute(at), CLOSE, started)


@given(MINUTES, st.integers(1, 20), st.integers(0, 20), st.sampled_from(["51", "VN", "21028"]))
def test_a_reopening_lets_in_what_is_accepted_while_it_lasts(
    at: int, start: int, length: int, unit: str
) -> None:
    ruling = Ruling([reopening(start, start + length, unit)])
    while_open = at <= 0 or start <= at <= start + length
    assert outcome(HOLDING, report(at), ruling) == (None if while_open else "held")
    assert outcome(REJECTING, report(at), ruling) == (None if while_open else "rejected")
    elsewhere = Ruling([reopening(start, start + length, "44")])
    assert outcome(HOLDING, report(at), elsewhere) == (None if at <= 0 else "held")


@given(st.integers(1, 50), st.sampled_from(["approved", "refused"]))
def test_a_decision_holds_whether_it_or_the_report_came_first(at: int, decision: Any) -> None:
    revision = report(at)
    ruling = Ruling(decisions={id_of(revision): decision})
    assert outcome(HOLDING, revision, ruling) == (None if decision == "approved" else "rejected")
    assert outcome(HOLDING, report(at - 1 or 51), ruling) == "held"
    assert late_outcome("reject", False, decision) == "rejected", "nobody is asked about what is rejected"


@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(0, 9), st.sampled_from(["51", "VN", "44"])), max_size=5
    )
)
def test_reopenings_survive_being_written(spans: list[tuple[int, int, str]]) -> None:
    found = tuple(reopening(start, start + length, unit) for start, length, unit in spans)
    assert read_reopenings(write_reopenings(found)) == found


@given(st.integers(1, 50), st.sampled_from(["applied", "unchanged", "superseded"]))
def test_what_was_approved_is_applied_even_where_it_loses(at: int, found: str) -> None:
    revision = report(at)
    judged = [Judged(revision, Outcome(found, None, found == "applied"), 2026, True)]
    [after] = settled(judged, Ruling(decisions={id_of(revision): "approved"}))
    assert (after.outcome.outcome, after.outcome.effective) == ("applied", found == "applied")
    assert (
        settled(judged, Ruling()) == judged == settled(judged, Ruling(decisions={id_of(revision): "refused"}))
    )


def test_a_rollup_is_reopened_with_what_it_is_made_of() -> None:
    marks = Marks(CLOSE, CLOSE, CLOSE, (reopening(1, None, "51"),))
    assert PERIOD is not None
    lineages = {"21028": ("21028", "51", "VN"), "51": ("51", "VN"), "VN": ("VN",), "44": ("44", "VN")}
    phases = {unit: marks.phase(PERIOD, units) for unit, units in lineages.items()}
    assert phases == {"21028": "reopened", "51": "reopened", "VN": "reopened", "44": "closed"}
    quarter, other = planner().period(KEY.calendar, "2026-Q3"), planner().period(KEY.calendar, "2026-08")
    year = planner().period(KEY.calendar, "2026")
    assert quarter is not None and other is not None and year is not None
    assert marks.phase(year, lineages["51"]) == "open", "what never closed is not reopened"
    later = CLOSE + timedelta(days=400)
    far = Marks(later, later, later, (reopening(1, None, "51"),))
    assert far.phase(quarter, lineages["51"]) == "reopened"
    assert far.phase(quarter, lineages["44"]) == far.phase(other, lineages["51"]) == "closed"


@given(st.integers(-50, 50), st.sampled_from(["H48", "H48.12", "DEMO"]))
def test_only_the_authoritative_source_counts_where_one_is_named(at: int, agency: str) -> None:
    known: Catalogue = catalogue()
    assert PERIOD is not None
    for indicator in (KEY.indicator, "DVC.*"):
        entry = Authority(KEY.unit, indicator, "H48.12", PERIOD.end, None)
        named = Planner(_replaced(known, authorities=Authorities((entry,))))
        assert outcome(named, report(at, agency), Ruling()) == (None if agency == "H48.12" else "shadow")
    before = Authority(KEY.unit, "DVC.*", "H48.12", PERIOD.start, PERIOD.end - timedelta(days=1))
    over = Planner(_replaced(known, authorities=Authorities((before,))))
    assert outcome(over, report(at, agency), Ruling()) is None
    assert outcome(planner(), report(at, agency), Ruling()) is None


def test_marks_grow_only_by_time() -> None:
    one = reopening(1, 5)
    closing = [msgspec.structs.replace(one, closes_at=minute(end)) for end in (5, 6, 7)]
    spans = [
        [at for at in range(-5, 10) if one.admits(KEY.calendar, KEY.period, ("51",), minute(at))]
        for one in closing
    ]
    assert all(set(short) < set(long) for short, long in pairwise(spans))
