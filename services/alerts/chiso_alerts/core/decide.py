"""What happens next in the life of an alert: the table of docs/semantics.md §7, row by row.

Every function names its rows. Nothing is changed here; `machine` carries the decision out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from chiso_shared.catalogue.rules import Rule
from chiso_shared.contracts.alert import AlertReading, AlertStateName, Transition
from chiso_shared.contracts.fields import Severity

from chiso_alerts.core.limits import Limits
from chiso_alerts.core.observe import Observation, ObservationKind
from chiso_alerts.core.reading import Reading
from chiso_alerts.core.state import AlertMemory, completeness_class

Trigger = Literal["rollup", "clock", "rule_changed", "target_changed"]

# In the order in which they name a change that has several causes.
CORRECTIONS: Final = {
    "correct": "restated",
    "withdraw": "withdrawn",
    "reference": "reference",
    "hierarchy": "hierarchy",
}
INCOMPLETE: Final[dict[ObservationKind, str]] = {
    "GATED": "incomplete",
    "UNDETERMINED": "undetermined",
    "NODATA": "stale",
}
_RETRACTED: Final = {"NODATA": "withdrawn", "UNDETERMINED": "undetermined", "GATED": "insufficient"}


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a decision may look at. `severity` is the one a breach would have now."""

    memory: AlertMemory
    reading: Reading
    rule: Rule
    limits: Limits
    observation: Observation
    severity: Severity | None
    trigger: Trigger
    now: datetime

    @property
    def closing(self) -> bool:
        """Whether this is the close itself and not a change after it. A skipped version does no harm: the
        vintage tells, which the close raises by one and every later change again."""
        if self.memory.phase == "closed":
            return False
        seen = self.memory.reading.vintage if self.memory.reading is not None else 0
        return self.reading.closed and self.reading.shown.vintage <= seen + 1

    @property
    def corrected(self) -> bool:
        """Whether nothing but corrections changed the reading: what was shown before was not real."""
        if self.trigger in ("rule_changed", "target_changed"):
            return True
        causes = self.reading.causes
        return bool(causes) and all(cause in CORRECTIONS for cause in causes)

    @property
    def reason(self) -> str:
        """Why the reading is what it is (docs/semantics.md §7, below the table, and row 18)."""
        if self.trigger in ("rule_changed", "target_changed"):
            return self.trigger
        causes = set(self.reading.causes)
        if self.reading.closed:
            if self.closing:
                return "backfill" if "backfill" in causes else "close"
            return "backfill" if causes and causes <= {"backfill", "close"} else "restated"
        if causes == {"reference"} and self._target_replaced:
            return "target_changed"
        corrections = (reason for cause, reason in CORRECTIONS.items() if cause in causes)
        return next(corrections, "backfill" if "backfill" in causes else "report")

    @property
    def _target_replaced(self) -> bool:
        old = self.memory.target
        return old is not None and old.version != self.limits.version


@dataclass(frozen=True, slots=True)
class Decision:
    """The next state and, if there is an event, its name and reason. `starts_timer`: hold or keep-firing."""

    name: AlertStateName
    transition: Transition | None = None
    reason: str = ""
    starts_timer: bool = False
    update_due: datetime | None = None


def decide(given: Situation) -> Decision:
    """The row of the table that applies."""
    if given.reading.closed:
        return _breach_closed(given) if given.observation.kind == "BREACH" else _no_breach_closed(given)
    match given.memory.name:
        case "INACTIVE":
            return _from_inactive(given)
        case "PENDING":
            return _from_pending(given)
        case "FIRING":
            return _from_firing(given)
        case "RECOVERING":
            return _from_recovering(given)
        case "RESOLVED":
            return _from_resolved(given)


def _breach_closed(given: Situation) -> Decision:
    """Rows 13 and 16; an alert that was confirmed before is only kept up to date (rows 5 and 6)."""
    memory = given.memory
    if not memory.standing:
        return Decision("FIRING", "reopened" if memory.episode else "opened", given.reason)
    if memory.phase == "closed":
        return _still_firing(given)
    return Decision("FIRING", "confirmed", "close")


def _no_breach_closed(given: Situation) -> Decision:
    """Rows 10, 12 and 14. Nothing undecided survives a close."""
    memory, kind = given.memory, given.observation.kind
    if not memory.standing:
        return Decision("INACTIVE" if memory.name == "PENDING" else memory.name)
    if kind in _RETRACTED:
        return Decision("RESOLVED", "retracted", _RETRACTED[kind])
    if given.closing:
        return Decision("RESOLVED", "resolved", "recovered")
    return Decision("RESOLVED", "retracted", given.reason)


def _from_inactive(given: Situation) -> Decision:
    """Rows 1 and 2; row 16 where a correction shows the breach and no hold time damps it."""
    kind = given.observation.kind
    if kind == "BREACH" and given.rule.hold_seconds <= 0:
        return Decision("FIRING", "opened", given.reason)
    if kind == "BREACH" or (kind == "GATED" and given.observation.judged == "BREACH"):
        return Decision("PENDING", starts_timer=True)
    return Decision("INACTIVE")


def _from_pending(given: Situation) -> Decision:
    """Rows 3 and 4. While it cannot be judged it stays pending, and its timer does not fire."""
    kind, memory = given.observation.kind, given.memory
    if kind == "BREACH" and (memory.hold_until is None or given.now >= memory.hold_until):
        stored = memory.pending_reason if given.trigger == "clock" else None
        return Decision("FIRING", "opened", stored or given.reason)
    over = kind == "NODATA" or given.observation.judged in ("OK", "BAND")
    return Decision("INACTIVE" if over else "PENDING")


def _from_firing(given: Situation) -> Decision:
    """Rows 5 to 7 and 9 to 11. Keep-firing damps recoveries, not retractions."""
    kind = given.observation.kind
    if kind == "BREACH":
        return _still_firing(given)
    if kind == "BAND":
        return Decision("RECOVERING", starts_timer=True)
    if kind == "OK":
        if given.corrected or given.rule.keep_firing_seconds <= 0:
            return _recovered(given)
        return Decision("RECOVERING", starts_timer=True)
    if given.memory.observed != kind:
        return Decision("FIRING", "updated", INCOMPLETE[kind])
    return Decision("FIRING")


def _from_recovering(given: Situation) -> Decision:
    """Row 8 (with row 5 if it comes back graver or milder), rows 9 and 10."""
    kind, memory = given.observation.kind, given.memory
    if kind == "BREACH":
        if given.severity != memory.severity:
            return Decision("FIRING", "updated", "severity")
        return Decision("FIRING")
    kept = memory.keep_until is None or given.now >= memory.keep_until
    if kind == "OK" and (given.corrected or kept):
        return _recovered(given)
    return Decision("RECOVERING")


def _from_resolved(given: Situation) -> Decision:
    """Rows 15 and 16."""
    if given.observation.kind != "BREACH":
        return Decision("RESOLVED")
    recurred = given.reason in ("report", "backfill")
    return Decision("FIRING", "reopened", "recurred" if recurred else given.reason)


def _recovered(given: Situation) -> Decision:
    """Row 9: reporting moved the number back. Row 10: the breach was not real."""
    if given.corrected and given.trigger != "clock":
        return Decision("RESOLVED", "retracted", given.reason)
    return Decision("RESOLVED", "resolved", "recovered")


def _still_firing(given: Situation) -> Decision:
    """Rows 5 and 6."""
    if given.severity != given.memory.severity:
        return Decision("FIRING", "updated", "severity")
    reason = _moved(given)
    if reason is None:
        return Decision("FIRING")
    last = given.memory.last_event_at or given.now
    due = last + timedelta(seconds=given.rule.update_interval_seconds)
    if given.now < due:
        return Decision("FIRING", update_due=due)
    return Decision("FIRING", "updated", reason)


def _moved(given: Situation) -> str | None:
    """What differs from the last event enough to say so: value, completeness class or target version."""
    old, new = given.memory.announced, given.reading.shown
    if old is None or _value_moved(old, new, given.rule):
        return "value"
    if completeness_class(old.completeness) != completeness_class(new.completeness):
        return "completeness"
    return "target" if given.memory.announced_target != given.limits.version else None


def _value_moved(old: AlertReading, new: AlertReading, rule: Rule) -> bool:
    if (old.qualifier, old.value_high) != (new.qualifier, new.value_high) or old.value is None:
        return True
    if new.value is None or new.value == old.value:
        return False
    return abs(new.value - old.value) >= rule.update_epsilon
