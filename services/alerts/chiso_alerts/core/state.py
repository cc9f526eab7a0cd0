"""The memory of one alert: where it stands, since when, and which timers run. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from chiso_shared.contracts.alert import (
    AlertReading,
    AlertStateName,
    AlertTarget,
    Finality,
    Transition,
)
from chiso_shared.contracts.fields import Instant, Payload, Phase, Severity

from chiso_alerts.core.observe import ObservationKind

CompletenessClass = Literal["none", "low", "middle", "high"]

_HALF: Final = Decimal("0.5")
_MOST: Final = Decimal("0.8")


class AlertMemory(Payload):
    """All that is remembered of an alert between two inputs.

    `severity` is the one last published while the alert stood (kept when it ends); `reading` the last one
    evaluated, `announced` the one of the last event, `entered_from` the one before PENDING or RECOVERING was
    entered; `observed` what the last reading was. Timers are absolute instants: `hold_until` (PENDING),
    `keep_until` (RECOVERING), `update_due` (an `updated` that waits for the rule's interval). `retired`: its
    rule or unit went, and it has not been judged since. `obliged` and `province`: the indicators and
    the province that a missing report was judged by.
    """

    name: AlertStateName = "INACTIVE"
    severity: Severity | None = None
    episode: int = 0
    sequence: int = 0
    rule_version: str | None = None
    retired: bool = False
    obliged: str | None = None
    province: str | None = None
    target: AlertTarget | None = None
    reading: AlertReading | None = None
    phase: Phase | None = None
    finality: Finality = "provisional"
    observed: ObservationKind | None = None
    announced: AlertReading | None = None
    announced_target: str | None = None
    entered_from: AlertReading | None = None
    pending_reason: str | None = None
    hold_until: Instant | None = None
    keep_until: Instant | None = None
    update_due: Instant | None = None
    last_event_at: Instant | None = None
    opened_at: Instant | None = None
    resolved_at: Instant | None = None
    updated_at: Instant | None = None
    last_transition: Transition | None = None
    last_reason: str | None = None

    @property
    def standing(self) -> bool:
        """Whether an episode is open."""
        return self.name in ("FIRING", "RECOVERING")

    @property
    def visible(self) -> bool:
        """Whether the alert is shown and on the state topic: everything but INACTIVE."""
        return self.name != "INACTIVE"

    @property
    def due_at(self) -> datetime | None:
        """When the ticker must look at the alert again; None while only a new reading can change it."""
        match self.name:
            case "PENDING":
                return self.hold_until if self.observed == "BREACH" else None
            case "RECOVERING":
                return self.keep_until if self.observed == "OK" else None
            case "FIRING":
                return self.update_due
        return None


NEVER_SEEN: Final = AlertMemory()


@dataclass(frozen=True, slots=True)
class Change:
    """One event of an alert, before it is worded: which transition, why, and the readings on both sides.

    `by_catalogue`: a rule, a target or what is owed has changed, not the reading.
    """

    transition: Transition
    reason: str
    before: AlertReading | None
    after: AlertReading
    memory: AlertMemory
    at: datetime
    by_catalogue: bool = False


def completeness_class(completeness: Decimal | None) -> CompletenessClass:
    """< 50 %, 50 to 80 %, ≥ 80 %; `none` where there is no obligation."""
    if completeness is None:
        return "none"
    if completeness < _HALF:
        return "low"
    return "middle" if completeness < _MOST else "high"
