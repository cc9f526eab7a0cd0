"""The life of one alert without timers, from the table of semantics §7. Shares no code with the services."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tests.simulation.judging import (
    Figure,
    Gates,
    Limit,
    final_severity,
    gate_is_open,
    observation,
    surely_bad,
    surely_good,
)

NAMES = {"correct": "restated", "withdraw": "withdrawn", "reference": "reference", "hierarchy": "hierarchy"}
INCOMPLETE = {"GATED": "incomplete", "UNDETERMINED": "undetermined", "NODATA": "stale"}
ENDED_BY_DOUBT = {"NODATA": "withdrawn", "UNDETERMINED": "undetermined", "GATED": "insufficient"}
GRAVITY = ("info", "warning", "critical")


@dataclass(frozen=True)
class Input:
    """One version of a rollup, as the log has it."""

    figure: Figure
    causes: Collection[str]
    vintage: int
    completeness: Decimal | None


@dataclass
class Life:
    """What a subscriber must have been told: (transition, reason) one after the other.

    For rules without hold, keep-firing and update intervals, and limits that stay the same.
    """

    limits: Sequence[Limit]
    gates: Gates
    epsilon: Decimal
    name: str = "INACTIVE"
    severity: str | None = None
    episode: int = 0
    seen: str = ""
    last: Input | None = None
    told: Input | None = None
    events: list[tuple[str, str]] = field(default_factory=list)

    @property
    def standing(self) -> bool:
        """Whether an episode is open."""
        return self.name in ("FIRING", "RECOVERING")

    def see(self, new: Input) -> None:
        """The next version. Versions between may have been missed."""
        before, self.last = self.last, new
        if new.figure.phase == "closed":
            self._closed(before, new)
        else:
            self._open(new)

    def _closed(self, before: Input | None, new: Input) -> None:
        was_closed = before is not None and before.figure.phase == "closed"
        vintage = before.vintage if before is not None else 0
        is_close = not was_closed and new.vintage <= vintage + 1
        backfilled = "backfill" in new.causes if is_close else set(new.causes) <= {"backfill", "close"}
        reason = "backfill" if backfilled else "close" if is_close else "restated"
        severity = final_severity(new.figure, self.limits, self.gates)
        kind = self._kind_at_close(new.figure)
        self.seen = kind
        if severity is not None:
            if not self.standing:
                self._opens(new, severity, reason)
            elif was_closed:
                self._goes_on(new, severity)
            else:
                self.name, self.severity = "FIRING", severity
                self._tell("confirmed", "close", new)
        elif not self.standing:
            self.name = "RESOLVED" if self.episode else "INACTIVE"
        elif kind in ENDED_BY_DOUBT:
            self._ends("retracted", ENDED_BY_DOUBT[kind], new)
        elif is_close:
            self._ends("resolved", "recovered", new)
        else:
            self._ends("retracted", reason, new)

    def _kind_at_close(self, figure: Figure) -> str:
        if figure.value is None:
            return "NODATA"
        if self.gates.insufficient_at_close and not gate_is_open(figure, self.gates):
            return "GATED"
        return "UNDETERMINED" if self._is_undetermined(figure) else "OK"

    def _is_undetermined(self, figure: Figure) -> bool:
        decided = any(surely_bad(figure, limit) for limit in self.limits)
        fine = all(surely_good(figure, limit._replace(exit=limit.enter)) for limit in self.limits)
        return not decided and not fine

    def _open(self, new: Input) -> None:
        kind = observation(new.figure, self.limits, self.gates)
        if kind == "UNDETERMINED OR BAND":
            kind = "UNDETERMINED" if self._is_undetermined(new.figure) else "BAND"
        before, self.seen = self.seen, kind
        named = [name for cause, name in NAMES.items() if cause in new.causes]
        reason = named[0] if named else "backfill" if "backfill" in new.causes else "report"
        if kind == "BREACH":
            severity = self._damped(new.figure)
            if not self.standing:
                recurs = self.episode > 0 and reason in ("report", "backfill")
                self._opens(new, severity, "recurred" if recurs else reason)
            elif self.name == "RECOVERING" and severity == self.severity:
                self.name = "FIRING"
            else:
                self._goes_on(new, severity)
        elif self.standing and kind == "OK":
            unreal = bool(new.causes) and set(new.causes) <= set(NAMES)
            self._ends(*(("retracted", reason) if unreal else ("resolved", "recovered")), new)
        elif self.name == "FIRING" and kind == "BAND":
            self.name = "RECOVERING"
        elif self.name == "FIRING" and kind != before:
            self._tell("updated", INCOMPLETE[kind], new)

    def _damped(self, figure: Figure) -> str:
        """Raised at once, lowered only when the exit of the one that stands holds."""
        entered = [limit.severity for limit in self.limits if surely_bad(figure, limit)][-1]
        if not self.standing or self.severity is None:
            return entered
        if GRAVITY.index(entered) >= GRAVITY.index(self.severity):
            return entered
        current = next((limit for limit in self.limits if limit.severity == self.severity), None)
        left = current is None or surely_good(figure, current)
        return entered if left else self.severity

    def _goes_on(self, new: Input, severity: str) -> None:
        changed, self.name, self.severity = severity != self.severity, "FIRING", severity
        if changed:
            self._tell("updated", "severity", new)
        elif self._moved(new):
            self._tell("updated", "value", new)
        elif self.told is not None and grade(self.told.completeness) != grade(new.completeness):
            self._tell("updated", "completeness", new)

    def _moved(self, new: Input) -> bool:
        old = self.told
        if old is None or old.figure.value is None or old.figure.qualifier != new.figure.qualifier:
            return True
        if new.figure.value is None or new.figure.value == old.figure.value:
            return False
        return abs(new.figure.value - old.figure.value) >= self.epsilon

    def _opens(self, new: Input, severity: str, reason: str) -> None:
        transition = "reopened" if self.episode else "opened"
        self.name, self.severity, self.episode = "FIRING", severity, self.episode + 1
        self._tell(transition, reason, new)

    def _ends(self, transition: str, reason: str, new: Input) -> None:
        self.name = "RESOLVED"
        self._tell(transition, reason, new)

    def _tell(self, transition: str, reason: str, new: Input) -> None:
        self.told = new
        self.events.append((transition, reason))


def grade(completeness: Decimal | None) -> int:
    """< 50 %, 50 to 80 %, ≥ 80 %, or no obligation."""
    if completeness is None:
        return -1
    return (completeness >= Decimal("0.5")) + (completeness >= Decimal("0.8"))
