"""Laws of the alert machine that hold for every history (docs/semantics.md §7), by Hypothesis."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from chiso_alerts.core.identity import key_of
from chiso_alerts.core.limits import limits_of
from chiso_alerts.core.machine import step
from chiso_alerts.core.observe import observe
from chiso_alerts.core.state import NEVER_SEEN, AlertMemory, Change
from chiso_shared.catalogue import Rule
from chiso_shared.contracts.rollup import RollupEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.alerts_examples import HIGHER_IS_BAD, START, TARGET, reading, reported, rollup, rule

BEFORE_CLOSE = ("report", "correct", "withdraw", "reference", "hierarchy", "backfill")
VALUES = (None, 40, 55, 62, 65, 72, 78, 79.6, 80, 81, 82, 90)
RULES = st.builds(
    rule,
    severities=st.sampled_from([(), HIGHER_IS_BAD, HIGHER_IS_BAD[:2]]),
    hold_seconds=st.sampled_from([0, 0, 600]),
    keep_firing_seconds=st.sampled_from([0, 0, 900]),
    update_interval_seconds=st.sampled_from([0, 1200]),
    min_completeness=st.sampled_from([Decimal(0), Decimal("0.5")]),
    phases=st.sampled_from([("collecting", "closed"), ("open", "collecting", "closed", "reopened")]),
)


@dataclass(frozen=True)
class Input:
    """One thing that happens: a rollup changes, the period closes or reopens, time passes, a redelivery."""

    kind: str
    value: float | None
    qualifier: str
    contributing: int
    causes: tuple[str, ...]
    seconds: int


INPUTS = st.builds(
    Input,
    kind=st.sampled_from(["change", "change", "change", "close", "reopen", "wait", "redeliver", "stale"]),
    value=st.sampled_from(VALUES),
    qualifier=st.sampled_from(["eq", "eq", "eq", "gt", "lt"]),
    contributing=st.sampled_from([90, 90, 10]),
    causes=st.lists(st.sampled_from(BEFORE_CLOSE), min_size=1, max_size=3, unique=True).map(tuple),
    seconds=st.sampled_from([1, 300, 700, 2000]),
)


class History:
    """Feeds inputs to the machine the way the service does, and keeps everything that came of it."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.memory = NEVER_SEEN
        self.now: datetime = START
        self.phase = "collecting"
        self.vintage = 0
        self.seen: list[RollupEvent] = []
        self.changes: list[Change] = []
        self.after_close: list[AlertMemory] = []

    def run(self, inputs: list[Input]) -> None:
        for one in inputs:
            self.now += timedelta(seconds=one.seconds)
            match one.kind:
                case "change":
                    self._change(one, one.causes if self.phase != "closed" else ("correct",))
                case "close" if self.phase != "closed":
                    self.phase = "closed"
                    self._change(one, ("close",))
                case "reopen" if self.phase == "closed":
                    self.phase = "reopened"
                    self._change(one, ("reference",))
                case "wait" if self.seen:
                    self._step(self.seen[-1])
                case "redeliver" | "stale" if self.seen:
                    self._redeliver(one.kind)

    def _change(self, one: Input, causes: tuple[str, ...]) -> None:
        if self.phase == "closed" or self.vintage:
            self.vintage += 1
        fields = {
            "n_contributing": one.contributing,
            "phase": self.phase,
            "vintage": self.vintage,
            "causes": causes,
        }
        version = len(self.seen) + 1
        if one.value is None or one.qualifier == "eq":
            event = rollup(one.value, version, **fields)
        else:
            event = reported(one.qualifier, one.value, version, basis="in_period", **fields)
        self.seen.append(event)
        self._step(event)
        if self.phase == "closed":
            self.after_close.append(self.memory)

    def _redeliver(self, kind: str) -> None:
        """The consumer's own redelivery, at the same instant: the ticker has looked before."""
        self._step(self.seen[-1])
        before = self.memory
        self._step(self.seen[-1] if kind == "redeliver" else self.seen[0])
        assert self.memory is before

    def _step(self, event: RollupEvent) -> None:
        before = self.memory
        self.memory, changes = step(before, reading(event), self.rule, event.target, self.now)
        self.changes.extend(changes)
        assert self.memory.sequence == before.sequence + len(changes)
        assert len(changes) <= 1


HISTORIES = st.tuples(RULES, st.lists(INPUTS, max_size=30))


def history(drawn: tuple[Rule, list[Input]]) -> History:
    found = History(drawn[0])
    found.run(drawn[1])
    return found


@given(HISTORIES)
@settings(max_examples=300, deadline=None)
def test_sequences_are_contiguous_and_openings_and_endings_alternate(drawn: tuple[Rule, list[Input]]) -> None:
    found = history(drawn)
    assert [change.memory.sequence for change in found.changes] == list(range(1, len(found.changes) + 1))
    standing = False
    episode = 0
    for change in found.changes:
        opening = change.transition in ("opened", "reopened")
        ending = change.transition in ("resolved", "retracted")
        assert opening != standing if opening else standing
        assert (change.transition == "opened") == (opening and episode == 0)
        episode += opening
        assert change.memory.episode == episode
        standing = not ending
    assert found.memory.standing == standing


@given(HISTORIES)
@settings(max_examples=300, deadline=None)
def test_event_ids_are_unique(drawn: tuple[Rule, list[Input]]) -> None:
    found = history(drawn)
    key = key_of(found.rule.id, rollup(1))
    ids = [
        key.event_id(
            change.memory.rule_version or "",
            change.after.rollup_version,
            change.transition,
            change.reason,
            change.memory.sequence,
        )
        for change in found.changes
    ]
    assert len(ids) == len(set(ids))


@given(HISTORIES)
@settings(max_examples=300, deadline=None)
def test_nothing_undecided_survives_a_close(drawn: tuple[Rule, list[Input]]) -> None:
    for memory in history(drawn).after_close:
        assert memory.name in ("INACTIVE", "FIRING", "RESOLVED")
        assert memory.finality in ("final", "restated")


@given(HISTORIES, st.sampled_from(VALUES), st.sampled_from([90, 10]))
@settings(max_examples=300, deadline=None)
def test_after_the_close_the_state_is_a_function_of_the_final_data(
    drawn: tuple[Rule, list[Input]], value: float | None, contributing: int
) -> None:
    found = history(drawn)
    last = Input("change", value, "eq", contributing, ("report",), 1)
    found.run([Input("close", value, "eq", contributing, ("close",), 1), last])
    fresh = History(found.rule)
    fresh.run([Input("close", value, "eq", contributing, ("close",), 1)])
    assert found.memory.standing == fresh.memory.standing
    if found.memory.standing:
        assert found.memory.severity == fresh.memory.severity
    limits = limits_of(found.rule, TARGET)
    assert limits is not None
    kind = observe(reading(found.seen[-1]), found.rule, limits).kind
    assert found.memory.standing == (kind == "BREACH")


@given(HISTORIES)
@settings(max_examples=200, deadline=None)
def test_what_stands_before_the_close_was_a_breach_that_nothing_ended(
    drawn: tuple[Rule, list[Input]],
) -> None:
    found = history(drawn)
    if found.memory.name == "FIRING" and found.memory.observed == "OK":
        raise AssertionError("an alert fires on a reading that is fine")
    if found.memory.name in ("INACTIVE", "RESOLVED"):
        assert found.memory.due_at is None
        assert found.memory.observed != "BREACH"


@given(HISTORIES)
@settings(max_examples=100, deadline=None)
def test_the_memory_survives_its_stored_form(drawn: tuple[Rule, list[Input]]) -> None:
    from chiso_shared.contracts.codec import decode_model, encode_json

    memory = history(drawn).memory
    assert decode_model(AlertMemory, encode_json(memory)) == memory
