"""From a rollup and what is remembered to the new memories, events and states, ready to be stored. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chiso_shared.catalogue.rules import Rule
from chiso_shared.contracts.alert import AlertEvent, AlertState, RuleReference
from chiso_shared.contracts.rollup import Rollup, RollupEvent

from chiso_alerts.core.explain import explanation
from chiso_alerts.core.identity import AlertKey, key_of
from chiso_alerts.core.limits import limits_of
from chiso_alerts.core.machine import RetirementReason, retire, step
from chiso_alerts.core.measure import measured
from chiso_alerts.core.messages import message
from chiso_alerts.core.missing import Receipts, step_missing
from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.core.state import NEVER_SEEN, AlertMemory, Change
from chiso_alerts.core.suppression import NOTHING_QUIET, Quiet
from chiso_alerts.core.tasks import TaskView, step_task, task_key, task_rollup


@dataclass(frozen=True, slots=True)
class Arrival:
    """A rollup event and the trace it belongs to; for rules of falls also the rollup one period earlier.

    `moved_by_previous`: the rollup is an old one, it is the earlier period that has changed.
    """

    rollup: RollupEvent
    traceparent: str | None = None
    previous: RollupEvent | None = None
    moved_by_previous: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """One event to append: its payload, its id, and what `explain` adds to it."""

    id: str
    event: AlertEvent
    explanation: Mapping[str, Any]
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What became of one alert: its memory, whether the state topic must learn of it, and its events.

    `owns_input`: its input is no rollup of `chiso.rollups.v1` and must be kept with the alert.
    """

    key: AlertKey
    rollup: RollupEvent
    province: str
    memory: AlertMemory
    was_visible: bool
    facts: tuple[Fact, ...]
    suppressed: bool = False
    owns_input: bool = False

    @property
    def state(self) -> AlertState:
        """The alert as `/v1/alerts` and the state topic show it."""
        return state_of(self.key, self.rollup, self.memory, suppressed=self.suppressed)

    @property
    def published(self) -> bool:
        """Whether the state topic shows the alert, or did and must forget it."""
        return self.memory.visible or self.was_visible


class Ledger:
    """Memories of the alerts that one batch touches, each carried on from input to input."""

    def __init__(
        self,
        book: RuleBook,
        memories: Mapping[UUID, AlertMemory],
        now: datetime,
        quiet: Quiet = NOTHING_QUIET,
    ) -> None:
        self._book = book
        self._before = dict(memories)
        self._after: dict[UUID, Evaluated] = {}
        self._now = now
        self._quiet = quiet

    def memory(self, key: AlertKey) -> AlertMemory:
        """What is remembered of an alert at this point of the batch."""
        known = self._after.get(key.alert_id)
        return known.memory if known is not None else self._before.get(key.alert_id, NEVER_SEEN)

    def apply(self, arrival: Arrival) -> None:
        """Lets every rule that covers the rollup see it, or the clock if it was seen before."""
        for rule in self._book.covering(arrival.rollup):
            self.apply_rule(arrival, rule)

    def apply_rule(self, arrival: Arrival, rule: Rule, *, new_rule: bool = False) -> None:
        """One rule and one rollup. `new_rule`: the rollup is old, it is the rule that has just come."""
        rollup, key = arrival.rollup, key_of(rule.id, arrival.rollup)
        memory = self.memory(key)
        if memory.reading is None and limits_of(rule, rollup.target) is None:
            return
        reading = measured(
            rollup,
            self._book.indicator(rollup),
            rule,
            arrival.previous,
            moved_by_previous=arrival.moved_by_previous,
        )
        if new_rule and memory.reading is None:
            if reading.closed:
                return  # closed periods only on request
            memory = memory.model_copy(update={"reading": reading.shown, "phase": reading.phase})
        after, changes = step(memory, reading, rule, rollup.target, self._now)
        self._note(key, arrival, rule, memory, after, changes)

    def apply_receipts(self, found: Receipts, rule: Rule, units: Iterable[str]) -> None:
        """Lets a missing rule see who has reported. `units`: those with an alert already."""
        for code in sorted(found.missing.union(units)):
            is_missing = code in found.missing
            period = self._book.period(found.key.calendar, found.key.period)
            unit = None if period is None else self._book.catalogue.units.get(code, period.end)
            if unit is None:
                continue
            key = found.key.alert_key(rule.id, unit.code)
            memory = self.memory(key)
            if not is_missing and memory.reading is None:
                continue
            after, changes = step_missing(memory, is_missing, found, rule, self._now)
            arrival = Arrival(found.rollup(unit, is_missing))
            self._note(key, arrival, rule, memory, after, changes, owns_input=True)

    def apply_task(self, view: TaskView, rule: Rule) -> None:
        """Lets a task rule see how a task stands today."""
        unit = self._book.catalogue.units.get(view.task.unit, self._now.date())
        if view.task.due_date is None or unit is None:
            return
        key = task_key(view.task, rule)
        memory = self.memory(key)
        after, changes = step_task(memory, view, rule, self._now)
        version = self._book.catalogue.version
        arrival = Arrival(task_rollup(view, key, unit, self._now, version))
        self._note(key, arrival, rule, memory, after, changes, owns_input=True)

    def retire(self, key: AlertKey, arrival: Arrival, rule: Rule | None, reason: RetirementReason) -> None:
        """The rule or the unit of an alert is gone."""
        memory = self.memory(key)
        after, changes = retire(memory, reason, self._now)
        owns = arrival.rollup.indicator not in self._book.catalogue.indicators
        self._note(key, arrival, rule, memory, after, changes, owns_input=owns)

    def results(self) -> tuple[Evaluated, ...]:
        """Every alert that changed, by alert id."""
        return tuple(self._after[alert_id] for alert_id in sorted(self._after))

    def _note(
        self,
        key: AlertKey,
        arrival: Arrival,
        rule: Rule | None,
        before: AlertMemory,
        after: AlertMemory,
        changes: Iterable[Change],
        *,
        owns_input: bool = False,
    ) -> None:
        if after is before:
            return
        known = self._after.get(key.alert_id)
        province = self._book.province(arrival.rollup)
        quiet = self._quiet.suppresses(key, province, after.severity, after.episode, self._now)
        facts = tuple(_fact(key, arrival, rule, change, self._book, quiet) for change in changes)
        self._after[key.alert_id] = Evaluated(
            key=key,
            rollup=arrival.rollup,
            province=province,
            memory=after,
            was_visible=known.was_visible if known is not None else before.visible,
            facts=(*(known.facts if known is not None else ()), *facts),
            suppressed=quiet,
            owns_input=owns_input,
        )


def state_of(key: AlertKey, rollup: Rollup, memory: AlertMemory, *, suppressed: bool = False) -> AlertState:
    """The payload of the state topic, and an item of `/v1/alerts`. Raises ValueError before any reading."""
    if memory.updated_at is None:
        raise ValueError("an alert that was never evaluated has no state to show")
    return AlertState(
        **_body(key, rollup, memory, suppressed),
        reading=memory.reading,
        transition=memory.last_transition,
        reason=memory.last_reason,
        opened_at=memory.opened_at,
        resolved_at=memory.resolved_at,
        updated_at=memory.updated_at,
    )


def _fact(
    key: AlertKey, arrival: Arrival, rule: Rule | None, change: Change, book: RuleBook, suppressed: bool
) -> Fact:
    rollup = arrival.rollup
    cause = arrival.previous if arrival.moved_by_previous and arrival.previous is not None else rollup
    subject, unit = book.subject(rollup), book.unit(rollup)
    event = AlertEvent(
        **_body(key, rollup, change.memory, suppressed),
        transition=change.transition,
        reason=change.reason,
        before=change.before,
        after=change.after,
        causes=cause.causes,
        evidence=cause.changed_cells,
        mode=cause.mode,
        at=change.at,
        message=message(change, rule, rollup, subject, unit, "en"),
        message_vi=message(change, rule, rollup, subject, unit, "vi"),
    )
    identity = key.event_id(
        event.rule.version, change.after.rollup_version, change.transition, change.reason, event.sequence
    )
    return Fact(
        identity, event, explanation(arrival.rollup, rule, book, arrival.previous), arrival.traceparent
    )


def _body(key: AlertKey, rollup: Rollup, memory: AlertMemory, suppressed: bool) -> dict[str, Any]:
    return {
        "alert_id": key.alert_id,
        "episode": memory.episode,
        "sequence": memory.sequence,
        "state": memory.name,
        "severity": memory.severity,
        "rule": RuleReference(id=key.rule, version=memory.rule_version or ""),
        "target": memory.target,
        "unit": key.unit,
        "level": rollup.level,
        "indicator": key.indicator,
        "calendar": key.calendar,
        "period": key.period,
        "basis": key.basis,
        "phase": rollup.phase,
        "finality": memory.finality,
        "suppressed": suppressed,
        "explain_url": f"/v1/alerts/{key.alert_id}/explain",
    }
