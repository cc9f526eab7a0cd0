"""Alert events and the state that a late subscriber reads (docs/contract.md §5, docs/semantics.md §7)."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from chiso_shared.contracts.fields import (
    Basis,
    CalendarName,
    Cause,
    Comparator,
    ExactNumber,
    Instant,
    Level,
    Payload,
    Phase,
    Severity,
)
from chiso_shared.contracts.rollup import ChangedCell

AlertStateName = Literal["INACTIVE", "PENDING", "FIRING", "RECOVERING", "RESOLVED"]
Transition = Literal["opened", "updated", "confirmed", "resolved", "retracted", "reopened"]
Finality = Literal["provisional", "final", "restated"]


class RuleReference(Payload):
    """The rule and the version of it that decided."""

    id: str
    version: str


class AlertTarget(Payload):
    """The limit that was tested and the level at which a breach ends."""

    comparator: Comparator
    value: ExactNumber
    exit_value: ExactNumber | None = None
    version: str


class AlertReading(Payload):
    """What the rollup said at one side of a transition."""

    value: ExactNumber | None = None
    qualifier: str = "eq"
    value_high: ExactNumber | None = None
    numerator: ExactNumber | None = None
    denominator: ExactNumber | None = None
    completeness: ExactNumber | None = None
    rollup_version: int
    vintage: int


class AlertBody(Payload):
    """What an event and a state have in common."""

    alert_id: UUID
    episode: int
    sequence: int
    state: AlertStateName
    severity: Severity | None
    rule: RuleReference
    target: AlertTarget | None
    unit: str
    level: Level
    indicator: str
    calendar: CalendarName
    period: str
    basis: Basis
    phase: Phase
    finality: Finality
    suppressed: bool = False
    explain_url: str


class AlertEvent(AlertBody):
    """Payload of `chiso.alert.{transition}.v1`."""

    transition: Transition
    reason: str
    before: AlertReading | None
    after: AlertReading
    causes: tuple[Cause, ...]
    evidence: tuple[ChangedCell, ...] = ()
    mode: Literal["live", "rebuild"] = "live"
    at: Instant
    message: str
    message_vi: str


class AlertState(AlertBody):
    """Payload of `chiso.alert.state.v1`; also an item of `GET /v1/alerts`."""

    reading: AlertReading | None
    transition: Transition | None = None
    reason: str | None = None
    opened_at: Instant | None
    resolved_at: Instant | None
    updated_at: Instant
