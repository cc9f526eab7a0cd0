"""What is shown of an alert: its state, and an event with its words and its explanation. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from chiso_shared.catalogue.rules import Rule
from chiso_shared.contracts.alert import AlertEvent, RuleReference
from chiso_shared.contracts.rollup import Rollup

from chiso_alerts.core.arrival import Arrival
from chiso_alerts.core.explain import explanation
from chiso_alerts.core.identity import AlertKey
from chiso_alerts.core.messages import message
from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.core.state import AlertMemory, Change


@dataclass(frozen=True, slots=True)
class Fact:
    """One event to append: its payload, its id, and what `explain` adds to it."""

    id: str
    event: AlertEvent
    explanation: Mapping[str, Any]
    traceparent: str | None


def state_document(key: AlertKey, rollup: Rollup, memory: AlertMemory, suppressed: bool) -> dict[str, Any]:
    """The payload of the state topic, and an item of `/v1/alerts`. Raises ValueError before any reading."""
    if memory.updated_at is None:
        raise ValueError("an alert that was never evaluated has no state to show")
    return _body(key, rollup, memory, suppressed) | {
        "reading": memory.reading,
        "transition": memory.last_transition,
        "reason": memory.last_reason,
        "opened_at": memory.opened_at,
        "resolved_at": memory.resolved_at,
        "updated_at": memory.updated_at,
    }


def fact_of(
    key: AlertKey, arrival: Arrival, rule: Rule | None, change: Change, book: RuleBook, suppressed: bool
) -> Fact:
    """The event of a change, worded in the catalogue's languages. Rule None: the catalogue has it no more."""
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
        event.rule.version,
        change.after.rollup_version,
        change.transition,
        change.reason,
        event.sequence,
        by_catalogue=change.by_catalogue,
    )
    return Fact(
        identity, event, explanation(arrival.rollup, rule, book, arrival.previous), arrival.traceparent
    )


@lru_cache(maxsize=1_000)
def _reference(rule_id: str, version: str) -> RuleReference:
    return RuleReference(id=rule_id, version=version)


def _body(key: AlertKey, rollup: Rollup, memory: AlertMemory, suppressed: bool) -> dict[str, Any]:
    alert_id = key.alert_id
    return {
        "alert_id": alert_id,
        "episode": memory.episode,
        "sequence": memory.sequence,
        "state": memory.name,
        "severity": memory.severity,
        "rule": _reference(key.rule, memory.rule_version or ""),
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
        "explain_url": f"/v1/alerts/{alert_id}/explain",
    }
