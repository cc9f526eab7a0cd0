"""From a rollup and what is remembered to the new memories, events and states, ready to be stored. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from chiso_shared.catalogue.rules import Rule
from chiso_shared.contracts.alert import AlertState
from chiso_shared.contracts.rollup import Rollup, RollupEvent

from chiso_alerts.core.arrival import Arrival
from chiso_alerts.core.identity import AlertKey, key_of
from chiso_alerts.core.limits import limits_of
from chiso_alerts.core.machine import RetirementReason, retire, step
from chiso_alerts.core.measure import measured
from chiso_alerts.core.missing import Receipts, step_missing
from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.core.state import NEVER_SEEN, AlertMemory, Change
from chiso_alerts.core.suppression import NOTHING_QUIET, Quiet
from chiso_alerts.core.tasks import TaskView, step_task, task_key, task_rollup
from chiso_alerts.core.told import Fact, fact_of, state_document


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
        return AlertState(**self.document)

    @property
    def document(self) -> dict[str, Any]:
        """The fields of `state`, not checked again: they come from values that were."""
        return state_document(self.key, self.rollup, self.memory, self.suppressed)

    @property
    def published(self) -> bool:
        """Whether the state topic shows the alert, or did and must forget it."""
        return self.memory.visible or self.was_visible


_BY_NUMBER: Final = attrgetter("int")  # the order of UUIDs, without a call for every comparison


def _has_nothing_to_compare(rule: Rule, rollup: Rollup) -> bool:
    """Few units say something about themselves; of the others a rule of discrepancies remembers nothing.

    A reopened period is remembered, so that its second close is known for one.
    """
    return rule.kind == "discrepancy" and rollup.discrepancy is None and rollup.phase != "reopened"


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
        alert_id = key.alert_id
        known = self._after.get(alert_id)
        return known.memory if known is not None else self._before.get(alert_id, NEVER_SEEN)

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
        if memory.reading is None and _has_nothing_to_compare(rule, rollup):
            return
        if memory.retired and self._book.unit(rollup) is None:
            return  # row 17: it is gone still
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
            if unit is None or found.key.province not in (unit.code, unit.parent):
                continue  # of one that has moved, the province it is in now knows
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
        return tuple(self._after[alert_id] for alert_id in sorted(self._after, key=_BY_NUMBER))

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
        alert_id = key.alert_id
        known = self._after.get(alert_id)
        province = self._book.province(arrival.rollup)
        quiet = self._quiet.suppresses(key, province, after.severity, after.episode, self._now)
        facts = tuple(fact_of(key, arrival, rule, change, self._book, quiet) for change in changes)
        self._after[alert_id] = Evaluated(
            key=key,
            rollup=arrival.rollup,
            province=province,
            memory=after,
            was_visible=known.was_visible if known is not None else before.visible,
            facts=(*(known.facts if known is not None else ()), *facts),
            suppressed=quiet,
            owns_input=owns_input,
        )
