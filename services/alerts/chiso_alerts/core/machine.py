"""The life of an alert: one total function from memory and reading to memory and events.

It reads no clock and knows no store; which row of the table applies is decided in `decide`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from chiso_shared.catalogue.rules import Rule
from chiso_shared.contracts.alert import AlertReading, Finality
from chiso_shared.contracts.fields import Severity
from chiso_shared.contracts.rollup import RollupTarget

from chiso_alerts.core.decide import Decision, Situation, Trigger, decide
from chiso_alerts.core.limits import Limits, limits_of
from chiso_alerts.core.observe import observe, severity_after
from chiso_alerts.core.reading import Reading
from chiso_alerts.core.state import AlertMemory
from chiso_alerts.core.transition import Step, left, with_event

RetirementReason = Literal["rule_removed", "unit_retired"]


def step(
    memory: AlertMemory, reading: Reading, rule: Rule, target: RollupTarget | None, now: datetime
) -> Step:
    """What the alert becomes, and the events that say so (at most one).

    Total. A reading older than the one evaluated changes nothing. The same reading again only lets timers
    fire that are due at `now` (aware), or applies a new version of the rule or target while the period is
    not closed. `target` is the one the rollup was computed with; with no limit at all an alert ends.
    """
    limits = limits_of(rule, target)
    trigger = _trigger(memory, reading, rule, limits)
    if trigger is None or (trigger == "clock" and not _is_due(memory, now)):
        return memory, ()
    if trigger == "clock" and reading.closed and memory.rule_version != rule.version:
        # Row 18: the new version does not judge what is closed, so the update that waited is dropped.
        return memory.model_copy(update={"update_due": None}), ()
    if limits is None:
        return _without_limits(memory, reading, rule, now)
    observation = observe(reading, rule, limits)
    standing = memory.severity if memory.standing else None
    severity = severity_after(standing, observation, reading, limits)
    given = Situation(memory, reading, rule, limits, observation, severity, trigger, now)
    return _apply(given, decide(given))


def retire(memory: AlertMemory, reason: RetirementReason, now: datetime) -> Step:
    """Row 17: the rule or the unit is gone. Ends an open episode; otherwise forgets what was pending.

    Should it come back as it was, open periods are judged again.
    """
    if memory.name == "PENDING":
        return left(memory, "INACTIVE", now).model_copy(update={"retired": True}), ()
    if not memory.standing or memory.reading is None:
        return memory, ()
    memory = memory.model_copy(update={"retired": True})
    return with_event(left(memory, "RESOLVED", now), "resolved", reason, memory.reading, now)


def _is_due(memory: AlertMemory, now: datetime) -> bool:
    return memory.due_at is not None and memory.due_at <= now


def _trigger(memory: AlertMemory, reading: Reading, rule: Rule, limits: Limits | None) -> Trigger | None:
    if memory.reading is None:
        return "rollup"
    if reading.version != memory.reading.rollup_version:
        return "rollup" if reading.version > memory.reading.rollup_version else None
    if reading.closed:
        return "clock"  # row 18: closed periods only on request
    if memory.rule_version != rule.version or memory.retired:
        return "rule_changed"
    known = memory.target.version if memory.target is not None else None
    return "clock" if known == (limits.version if limits is not None else None) else "target_changed"


def _apply(given: Situation, decision: Decision) -> Step:
    memory = given.memory
    severity = _severity(given, decision)
    updates: dict[str, object] = {
        "name": decision.name,
        "severity": severity,
        "rule_version": given.rule.version,
        "retired": False,
        "target": given.limits.shown(severity),
        "reading": given.reading.shown,
        "phase": given.reading.phase,
        "finality": _finality(given.reading),
        "observed": given.observation.kind,
        "update_due": decision.update_due,
        "updated_at": given.now,
    }
    if decision.name != memory.name:
        updates |= _timers(given, decision)
    after = memory.model_copy(update=updates)
    if decision.transition is None:
        return after, ()
    by_catalogue = given.trigger in ("rule_changed", "target_changed")
    return with_event(
        after, decision.transition, decision.reason, _before(given), given.now, by_catalogue=by_catalogue
    )


def _severity(given: Situation, decision: Decision) -> Severity | None:
    """A breach has its own; an alert that ends or cannot be judged keeps the one it had."""
    if given.observation.kind == "BREACH" or decision.name in ("INACTIVE", "PENDING"):
        return given.severity
    return given.memory.severity


def _timers(given: Situation, decision: Decision) -> dict[str, object]:
    """The timers of the state just entered; those of the state just left end."""
    timers: dict[str, object] = dict.fromkeys(("hold_until", "keep_until", "entered_from", "pending_reason"))
    if decision.starts_timer:
        timers["entered_from"] = given.memory.reading
    if decision.starts_timer and decision.name == "PENDING":
        timers["hold_until"] = given.now + timedelta(seconds=given.rule.hold_seconds)
        timers["pending_reason"] = given.reason
    elif decision.starts_timer:
        timers["keep_until"] = given.now + timedelta(seconds=given.rule.keep_firing_seconds)
    return timers


def _before(given: Situation) -> AlertReading | None:
    """The reading to compare with: for a timer, the one before its state was entered, or last published."""
    memory = given.memory
    if given.trigger != "clock":
        return memory.reading
    return memory.announced if memory.name == "FIRING" else memory.entered_from


def _without_limits(memory: AlertMemory, reading: Reading, rule: Rule, now: datetime) -> Step:
    """There is nothing to hold the reading against (any more): no alert stands (row 18)."""
    seen = memory.model_copy(
        update={
            "reading": reading.shown,
            "phase": reading.phase,
            "finality": _finality(reading),
            "rule_version": rule.version,
            "retired": False,
            "target": None,
            "observed": None,
        }
    )
    if memory.standing:
        ended = left(seen, "RESOLVED", now)
        return with_event(ended, "retracted", "target_changed", memory.reading, now)
    return left(seen, "RESOLVED" if memory.name == "RESOLVED" else "INACTIVE", now), ()


def _finality(reading: Reading) -> Finality:
    if not reading.closed:
        return "provisional"
    return "final" if reading.shown.vintage <= 1 else "restated"
