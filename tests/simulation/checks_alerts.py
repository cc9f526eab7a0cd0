"""Invariant I7 held against a run: events without holes, states that follow from data, no timer left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from chiso_shared.catalogue import Rule

from tests.simulation.judging import Figure, Gates, Limit, final_severity, observation
from tests.simulation.life import Input, Life
from tests.simulation.model import LIMITS, Country, RollupKey, Row
from tests.simulation.run import Simulation


def check_timers(run: Simulation) -> None:
    """What holds long enough fires; what is over long enough ends."""
    for alert_id, memory in run.alerts.memories.items():
        rule, key = run.alerts.rule_of[alert_id]
        if memory.updated_at is not None:
            _check_timer(run, run.alerts.book.rules[rule], key, memory)


def _check_timer(run: Simulation, rule: Rule, key: str, memory: Any) -> None:
    """I7: what holds long enough fires; what is over long enough ends."""
    limits, gates = limits_of(rule), gates_of(rule)
    figure = figure_of(run.alerts.evaluated[key][-1])
    if memory.name not in ("PENDING", "RECOVERING"):
        return
    waits = {"PENDING": ("BREACH", rule.hold_seconds), "RECOVERING": ("OK", rule.keep_firing_seconds)}
    kind, seconds = waits[memory.name]
    if observation(figure, limits, gates) == kind:
        over = memory.updated_at + timedelta(seconds=seconds)
        assert over > run.now, f"{memory.name} beyond its time (I7)"


def check_alert_events(run: Simulation) -> None:
    """I7: a subscriber sees each alert's sequence without a hole, the same id when it comes again."""
    seen: dict[str, dict[int, str]] = defaultdict(dict)
    is_open: dict[str, bool] = defaultdict(bool)
    ids = set[str]()
    for event in run.events:
        known = seen[event.alert_id]
        if event.sequence in known:
            assert known[event.sequence] == event.ce_id, "another event under the same sequence (I7)"
            continue
        assert event.sequence == len(known) + 1, "a sequence was skipped (I7)"
        assert event.ce_id not in ids, "one id for two events (I7)"
        opens = event.transition in ("opened", "reopened")
        assert opens != is_open[event.alert_id], "openings and endings do not alternate (I7)"
        is_open[event.alert_id] = event.transition not in ("resolved", "retracted")
        known[event.sequence] = event.ce_id
        ids.add(event.ce_id)
    for alert_id, memory in run.alerts.memories.items():
        shown: Any = run.states.get(str(alert_id))
        assert len(seen[str(alert_id)]) == memory.sequence, "an event was never published (I7)"
        assert is_open[str(alert_id)] == memory.standing, "the last event is not the state (I7)"
        if memory.visible:
            assert shown is not None and (shown.state, shown.sequence) == (memory.name, memory.sequence)
        else:
            assert shown is None, "a state that is none (I7)"


def check_alert_states(run: Simulation, country: Country) -> None:
    """I7: f(final data) after the close, and f(inputs evaluated) all the way for rules without timers."""
    by_key = {rule_and_key(run, alert_id): memory for alert_id, memory in run.alerts.memories.items()}
    for rule in run.world.rules:
        indicator = rule.indicators[0]
        for key in run.indicators.rows:
            if key.indicator != indicator or key.unit == "VN" or key.basis != "in_period":
                continue
            name = (key.unit, key.indicator, key.period, key.basis)
            figure = figure_of(country.row(name))
            memory = by_key.get((rule.id, key.text))
            _check_state(run, rule, name, figure, memory)
            _check_inputs(run, rule, key.text, memory)


def rule_and_key(run: Simulation, alert_id: Any) -> tuple[str, str]:
    """What an alert is about."""
    return run.alerts.rule_of[alert_id]


def _check_state(run: Simulation, rule: Rule, key: RollupKey, figure: Figure, memory: Any) -> None:
    if figure.phase != "closed":
        return
    severity = final_severity(figure, limits_of(rule), gates_of(rule))
    standing = memory is not None and memory.name == "FIRING"
    assert standing == (severity is not None), f"{rule.id} {key}: {figure} (I7)"
    assert memory is None or memory.name in ("FIRING", "RESOLVED", "INACTIVE"), "undecided after a close (I7)"
    assert not standing or memory.severity == severity, f"{key}: {memory.severity} (I7)"


def _check_inputs(run: Simulation, rule: Rule, key: str, memory: Any) -> None:
    if rule.hold_seconds or rule.keep_firing_seconds or rule.update_interval_seconds:
        return
    life = Life(limits_of(rule), gates_of(rule), rule.update_epsilon)
    for body in run.alerts.evaluated.get(key, ()):
        life.see(input_of(body))
    told = [
        (fact.event.transition, fact.event.reason) for fact in run.alerts.facts if is_about(fact, rule, key)
    ]
    assert told == life.events, f"{rule.id} {key}: {told}, not {life.events} (I7)"
    assert (memory.name if memory is not None else "INACTIVE") in (life.name, "PENDING"), f"{key} (I7)"


def is_about(fact: Any, rule: Rule, key: str) -> bool:
    """Whether an event is of that rule's alert about that rollup."""
    event = fact.event
    parts = (event.unit, event.indicator, event.calendar, event.period, event.basis)
    return bool(event.rule.id == rule.id and "|".join(parts) == key)


def input_of(body: Mapping[str, Any]) -> Input:
    """A rollup event as the second reading of the table wants it."""
    return Input(figure_of(body), body["causes"], body["vintage"], body["completeness"])


def figure_of(row: Row | Mapping[str, Any]) -> Figure:
    """A rollup as the judge wants it."""
    fields: Mapping[str, Any] = row if isinstance(row, Mapping) else vars(row)
    names = ("value", "phase", "denominator", "n_contributing", "n_expected")
    return Figure(**{name: fields[name] for name in names})


def limits_of(rule: Rule) -> list[Limit]:
    """The targets of 2025 for provinces, written down by hand."""
    enter, end = LIMITS[rule.indicators[0]]
    return [Limit("warning", Decimal(enter), Decimal(end))]


def gates_of(rule: Rule) -> Gates:
    """The gates of a rule, read from its data."""
    return Gates(
        rule.phases,
        rule.min_completeness,
        rule.min_denominator,
        rule.parameters.get("gated_at_close") == "insufficient",
    )
