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
from chiso_alerts.core.messages import message
from chiso_alerts.core.reading import reading_of
from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.core.state import NEVER_SEEN, AlertMemory, Change


@dataclass(frozen=True, slots=True)
class Arrival:
    """A rollup event and the trace it belongs to."""

    rollup: RollupEvent
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One event to append: its payload, its id, and what `explain` adds to it."""

    id: str
    event: AlertEvent
    explanation: Mapping[str, Any]
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What became of one alert: its memory, whether the state topic must learn of it, and its events."""

    key: AlertKey
    rollup: RollupEvent
    province: str
    memory: AlertMemory
    was_visible: bool
    facts: tuple[Fact, ...]

    @property
    def state(self) -> AlertState:
        """The alert as `/v1/alerts` and the state topic show it."""
        return state_of(self.key, self.rollup, self.memory)

    @property
    def published(self) -> bool:
        """Whether the state topic shows the alert, or did and must forget it."""
        return self.memory.visible or self.was_visible


class Ledger:
    """Memories of the alerts that one batch touches, each carried on from input to input."""

    def __init__(self, book: RuleBook, memories: Mapping[UUID, AlertMemory], now: datetime) -> None:
        self._book = book
        self._before = dict(memories)
        self._after: dict[UUID, Evaluated] = {}
        self._now = now

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
        if memory is NEVER_SEEN and limits_of(rule, rollup.target) is None:
            return
        reading = reading_of(rollup, self._book.indicator(rollup))
        if new_rule and memory is NEVER_SEEN:
            if reading.closed:
                return  # closed periods only on request
            memory = NEVER_SEEN.model_copy(update={"reading": reading.shown, "phase": reading.phase})
        after, changes = step(memory, reading, rule, rollup.target, self._now)
        self._note(key, arrival, rule, memory, after, changes)

    def retire(self, key: AlertKey, arrival: Arrival, rule: Rule | None, reason: RetirementReason) -> None:
        """The rule or the unit of an alert is gone."""
        memory = self.memory(key)
        after, changes = retire(memory, reason, self._now)
        self._note(key, arrival, rule, memory, after, changes)

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
    ) -> None:
        if after is before:
            return
        known = self._after.get(key.alert_id)
        facts = tuple(_fact(key, arrival, rule, change, self._book) for change in changes)
        self._after[key.alert_id] = Evaluated(
            key=key,
            rollup=arrival.rollup,
            province=self._book.province(arrival.rollup),
            memory=after,
            was_visible=known.was_visible if known is not None else before.visible,
            facts=(*(known.facts if known is not None else ()), *facts),
        )


def state_of(key: AlertKey, rollup: Rollup, memory: AlertMemory) -> AlertState:
    """The payload of the state topic, and an item of `/v1/alerts`. Raises ValueError before any reading."""
    if memory.updated_at is None:
        raise ValueError("an alert that was never evaluated has no state to show")
    return AlertState(
        **_body(key, rollup, memory),
        reading=memory.reading,
        transition=memory.last_transition,
        reason=memory.last_reason,
        opened_at=memory.opened_at,
        resolved_at=memory.resolved_at,
        updated_at=memory.updated_at,
    )


def _fact(key: AlertKey, arrival: Arrival, rule: Rule | None, change: Change, book: RuleBook) -> Fact:
    rollup = arrival.rollup
    indicator, unit = book.catalogue.indicators.get(rollup.indicator), book.unit(rollup)
    event = AlertEvent(
        **_body(key, rollup, change.memory),
        transition=change.transition,
        reason=change.reason,
        before=change.before,
        after=change.after,
        causes=rollup.causes,
        evidence=rollup.changed_cells,
        mode=rollup.mode,
        at=change.at,
        message=message(change, rule, rollup, indicator, unit, "en"),
        message_vi=message(change, rule, rollup, indicator, unit, "vi"),
    )
    identity = key.event_id(event.rule.version, change.after.rollup_version, change.transition, change.reason)
    return Fact(identity, event, explanation(rollup, rule, indicator), arrival.traceparent)


def _body(key: AlertKey, rollup: Rollup, memory: AlertMemory) -> dict[str, Any]:
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
        "explain_url": f"/v1/alerts/{key.alert_id}/explain",
    }
