"""One alert under everything that can happen to it, in any order, held against a second reading of §7."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from chiso_alerts.core.identity import key_of
from chiso_alerts.core.machine import retire, step
from chiso_alerts.core.state import NEVER_SEEN, AlertMemory, Change
from chiso_shared.catalogue import Rule, SeverityLevel
from chiso_shared.contracts.rollup import RollupEvent, RollupTarget
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    run_state_machine_as_test,
)
from hypothesis.stateful import rule as action

from tests.simulation.judging import Figure, Gates, Limit, final_severity, observation, stands
from tests.unit.alerts_examples import HIGHER_IS_BAD, START, TARGET, reading, reported, rollup, rule

FIGURES = st.sampled_from(
    [
        None,
        *(("eq", value, None) for value in (0, 40, 49.9, 50, 55, 60, 62, 65, 70, 72, 79.99, 80, 81, 82, 90)),
        ("gt", 74, None),
        ("gt", 81, None),
        ("ge", 82, None),
        ("lt", 80, None),
        ("lt", 95, None),
        ("le", 49, None),
        ("range", 78, 83),
        ("range", 61, 64),
    ]
)
CONTRIBUTING = st.sampled_from([90, 90, 48, 47, 0])
TARGETS = [
    TARGET,
    RollupTarget(
        comparator="ge", value=Decimal(70), exit_value=Decimal(75), severity="critical", version="t2"
    ),
    RollupTarget(
        comparator="le", value=Decimal(60), exit_value=Decimal(55), severity="warning", version="t3"
    ),
    RollupTarget(comparator="ge", value=Decimal(90), exit_value=None, severity="info", version="t4"),
]
LIMITS: list[tuple[SeverityLevel, ...]] = [(), (), HIGHER_IS_BAD, HIGHER_IS_BAD[1:]]
PHASES = [("collecting", "closed"), ("open", "collecting", "closed", "reopened"), ("closed",)]


def limits_of(rule: Rule, target: RollupTarget | None) -> list[Limit]:
    """The mildest first; empty when there is nothing to hold a figure against."""
    if rule.severities:
        return [Limit(level.severity, level.enter, level.exit, True) for level in rule.severities]
    if target is None or target.severity == "info":
        return []
    end = target.value if target.exit_value is None else target.exit_value
    return [Limit(str(target.severity), target.value, end, target.comparator == "le")]


def gates_of(rule: Rule) -> Gates:
    """The gates as data."""
    insufficient = rule.parameters.get("gated_at_close") == "insufficient"
    return Gates(rule.phases, rule.min_completeness, rule.min_denominator, insufficient)


def figure_of(event: RollupEvent) -> Figure:
    """What the rollup says."""
    own = event.reported if event.value_source == "reported" else None
    return Figure(
        value=event.value,
        phase=event.phase,
        qualifier=own.qualifier if own is not None else "eq",
        value_high=own.value_high if own is not None else None,
        denominator=event.denominator,
        n_contributing=event.n_contributing,
        n_expected=event.n_expected,
        unstated=event.basis == "unstated",
    )


class AlertMachine(RuleBasedStateMachine):
    """Reports, corrections, withdrawals, gates, closes, reopenings, timers, new versions, repeats."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = START
        self.memory: AlertMemory = NEVER_SEEN
        self.rule: Rule = rule()
        self.target: RollupTarget | None = TARGET
        self.phase = "collecting"
        self.version = self.vintage = self.rule_number = 0
        self.delivered: list[RollupEvent] = []
        self.changes: list[Change] = []
        self.judged_with: tuple[RollupEvent, Rule] | None = None
        self.standing = False

    # Inputs

    @initialize(
        hold_seconds=st.sampled_from([0, 0, 600]),
        keep_firing_seconds=st.sampled_from([0, 0, 900]),
        update_interval_seconds=st.sampled_from([0, 1200]),
        phases=st.sampled_from(PHASES),
        minimum=st.sampled_from(["0", "0.5"]),
        severities=st.sampled_from(LIMITS),
        parameters=st.sampled_from([{}, {"gated_at_close": "insufficient"}]),
        phase=st.sampled_from(["open", "collecting"]),
    )
    def begin(self, minimum: str, phase: str, **fields: Any) -> None:
        self.rule = rule(min_completeness=Decimal(minimum), **fields)
        self.phase = phase

    @action(figure=FIGURES, contributing=CONTRIBUTING, seconds=st.sampled_from([0, 1, 700, 2000]))
    def report(self, figure: Any, contributing: int, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.change(figure, contributing, "correct" if self.phase == "closed" else "report")

    @action(
        figure=FIGURES,
        contributing=CONTRIBUTING,
        causes=st.lists(st.sampled_from(["correct", "hierarchy", "report"]), min_size=1, unique=True),
    )
    def correct(self, figure: Any, contributing: int, causes: list[str]) -> None:
        self.change(figure, contributing, *causes)

    @action(figure=FIGURES, contributing=st.sampled_from([0, 47, 89]))
    def withdraw(self, figure: Any, contributing: int) -> None:
        self.change(figure, contributing, "withdraw")

    @precondition(lambda self: self.phase != "closed")
    @action(figure=FIGURES, contributing=CONTRIBUTING)
    def close(self, figure: Any, contributing: int) -> None:
        self.phase = "closed"
        self.change(figure, contributing, "close")

    @precondition(lambda self: self.phase == "closed")
    @action(figure=FIGURES)
    def reopen(self, figure: Any) -> None:
        self.phase = "reopened"
        self.change(figure, 90, "reference")

    @action(skipped=st.integers(1, 3), figure=FIGURES)
    def miss_some_versions(self, skipped: int, figure: Any) -> None:
        """A compacted log: versions between are never seen, the close perhaps among them."""
        self.version += skipped
        self.vintage += skipped if self.phase == "closed" or self.vintage else 0
        self.change(figure, 90, "correct")

    @action(new=st.sampled_from([*TARGETS, None]), figure=FIGURES)
    def new_target(self, new: RollupTarget | None, figure: Any) -> None:
        self.target = new
        self.change(figure, 90, "reference")

    @action(severities=st.sampled_from(LIMITS), minimum=st.sampled_from(["0", "0.5"]))
    def new_rule(self, severities: tuple[SeverityLevel, ...], minimum: str) -> None:
        """Row 18: what is open is evaluated again, what is closed stays."""
        self.rule_number += 1
        version = f"r{self.rule_number + 1}"
        self.rule = replace(
            self.rule, version=version, severities=severities, min_completeness=Decimal(minimum)
        )
        if self.delivered:
            before = self.memory
            self.deliver(self.delivered[-1])
            assert self.phase != "closed" or (self.memory.name, self.memory.sequence) == (
                before.name,
                before.sequence,
            )

    @action(reason=st.sampled_from(["rule_removed", "unit_retired"]))
    def rule_or_unit_goes(self, reason: Any) -> None:
        self.memory, changes = retire(self.memory, reason, self.now)
        self.note(changes)
        self.standing, self.judged_with = False, None
        assert self.memory.name in ("INACTIVE", "RESOLVED")

    @precondition(lambda self: self.delivered)
    @action(seconds=st.sampled_from([1, 599, 600, 900, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.deliver(self.delivered[-1])

    @precondition(lambda self: self.delivered)
    @action(data=st.data())
    def the_same_or_an_older_version_again(self, data: st.DataObject) -> None:
        self.deliver(self.delivered[-1])  # what the clock owes
        before = self.memory
        again = data.draw(st.sampled_from(self.delivered[-6:]))
        self.memory, changes = step(before, reading(again), self.rule, again.target, self.now)
        assert self.memory is before and changes == ()

    @precondition(lambda self: self.delivered)
    @action(figure=FIGURES, seconds=st.sampled_from([0, 4000]))
    def something_out_of_date(self, figure: Any, seconds: int) -> None:
        """An older version that was never seen, with other numbers, however late it comes."""
        self.now += timedelta(seconds=seconds)
        before = self.memory
        event = self.event(figure, 90, ("correct",), self.version - 1, "collecting")
        if event.version < (before.reading.rollup_version if before.reading else 0):
            self.memory, changes = step(before, reading(event), self.rule, event.target, self.now)
            assert self.memory is before and changes == ()

    # How inputs reach the machine

    def change(self, figure: Any, contributing: int, *causes: str) -> None:
        self.version += 1
        if self.phase == "closed" or self.vintage:
            self.vintage += 1
        event = self.event(figure, contributing, causes, self.version, self.phase)
        self.delivered.append(event)
        self.deliver(event)

    def event(
        self, figure: Any, contributing: int, causes: tuple[str, ...], version: int, phase: str
    ) -> RollupEvent:
        fields: dict[str, Any] = {
            "n_contributing": contributing,
            "phase": phase,
            "vintage": self.vintage,
            "causes": causes,
            "target": self.target,
        }
        if figure is None or figure[0] == "eq":
            return rollup(None if figure is None else figure[1], version, **fields)
        qualifier, low, high = figure
        return reported(
            qualifier, low, version, None if high is None else Decimal(high), basis="in_period", **fields
        )

    def deliver(self, event: RollupEvent) -> None:
        before = self.memory
        self.memory, changes = step(before, reading(event), self.rule, event.target, self.now)
        self.note(changes)
        known = before.reading.rollup_version if before.reading is not None else -1
        is_new_rule = event.phase != "closed" and (before.retired or before.rule_version != self.rule.version)
        if event.version > known or (is_new_rule and event.version == known):
            self.judged_with = (event, self.rule)
            self.standing = stands(self.standing, *self.judged)

    @property
    def judged(self) -> tuple[Figure, list[Limit], Gates]:
        """The figure evaluated last, and what it was held against then."""
        assert self.judged_with is not None
        event, rule = self.judged_with
        return figure_of(event), limits_of(rule, event.target), gates_of(rule)

    def note(self, changes: tuple[Change, ...]) -> None:
        assert len(changes) <= 1
        self.changes.extend(changes)

    # What must hold after every input

    @invariant()
    def sequences_are_contiguous(self) -> None:
        assert [change.memory.sequence for change in self.changes] == list(range(1, len(self.changes) + 1))
        assert self.memory.sequence == len(self.changes)

    @invariant()
    def openings_and_endings_alternate(self) -> None:
        is_open, episode = False, 0
        for change in self.changes:
            opens = change.transition in ("opened", "reopened")
            assert opens != is_open, "an opening follows an ending, everything else an opening"
            episode += opens
            assert change.memory.episode == episode
            assert change.transition != "opened" or episode == 1
            is_open = change.transition not in ("resolved", "retracted")
        assert self.memory.standing == is_open

    @invariant()
    def ids_are_unique(self) -> None:
        key = key_of(self.rule.id, rollup(1))
        ids = [
            key.event_id(
                change.memory.rule_version or "",
                change.after.rollup_version,
                change.transition,
                change.reason,
                change.memory.sequence,
                by_catalogue=change.by_catalogue,
            )
            for change in self.changes
        ]
        assert len(ids) == len(set(ids))

    @invariant()
    def nothing_undecided_survives_a_close(self) -> None:
        if self.memory.phase != "closed":
            return
        assert self.memory.name in ("INACTIVE", "FIRING", "RESOLVED")
        assert self.memory.due_at is None or self.memory.name == "FIRING"
        assert self.memory.finality in ("final", "restated")

    @invariant()
    def after_a_close_the_state_is_a_function_of_the_final_data(self) -> None:
        if self.memory.phase != "closed" or self.judged_with is None:
            return
        severity = final_severity(*self.judged)
        assert (self.memory.name == "FIRING") == (severity is not None)
        assert severity is None or self.memory.severity == severity

    @invariant()
    def before_a_close_no_transition_is_missing(self) -> None:
        if self.rule.hold_seconds or self.rule.keep_firing_seconds or self.judged_with is None:
            return
        # A band that keeps the alert RECOVERING is an open episode too.
        assert self.memory.standing == self.standing, observation(*self.judged)


def test_whatever_happens_the_alert_keeps_its_promises() -> None:
    run_state_machine_as_test(
        AlertMachine, settings=settings(max_examples=250, stateful_step_count=30, deadline=None)
    )
