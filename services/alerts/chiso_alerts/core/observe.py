"""What a reading is under a rule: the observation, before any memory of the alert comes in. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from chiso_shared.catalogue.rules import Rule
from chiso_shared.contracts.fields import Severity

from chiso_alerts.core.intervals import Interval
from chiso_alerts.core.limits import GRAVITY, Limits
from chiso_alerts.core.reading import Reading

ObservationKind = Literal["NODATA", "GATED", "UNDETERMINED", "BREACH", "BAND", "OK"]

# A rule's parameter: what becomes of a gated reading at the close. Absent: it is judged by `enter` alone.
GATED_AT_CLOSE: Final = "gated_at_close"


@dataclass(frozen=True, slots=True)
class Observation:
    """`judged` is the kind as if no gate existed; `severity` the gravest level entered, gates aside."""

    kind: ObservationKind
    judged: ObservationKind
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """The inputs of the rule's gates, and whether each is open. Shares are 0 to 1; None: does not apply."""

    phase: bool
    completeness: bool | None
    denominator: bool | None
    share_contributing: Decimal | None

    @property
    def is_open(self) -> bool:
        """Whether the reading may be judged before the close."""
        return self.phase and self.completeness is not False and self.denominator is not False


def gate(reading: Reading, rule: Rule) -> Gate:
    """The gates of docs/semantics.md §5 and §7: phase, n_contributing / n_expected and denominator.

    Without an obligation, and for the basis `unstated`, completeness does not apply; a figure without a
    denominator has none to be too small. A reopened period counts as collecting.
    """
    share: Decimal | None = None
    complete: bool | None = None
    if reading.n_expected > 0 and reading.basis != "unstated":
        share = Decimal(reading.n_contributing) / Decimal(reading.n_expected)
        complete = Decimal(reading.n_contributing) >= rule.min_completeness * reading.n_expected
    denominator = reading.shown.denominator
    phase = "collecting" if reading.phase == "reopened" and "reopened" not in rule.phases else reading.phase
    return Gate(
        phase=phase in rule.phases,
        completeness=complete,
        denominator=None if denominator is None else denominator >= rule.min_denominator,
        share_contributing=share,
    )


def observe(reading: Reading, rule: Rule, limits: Limits) -> Observation:
    """The table of observations of docs/semantics.md §7, the rules for closed periods included."""
    if reading.interval is None:
        return Observation("NODATA", "NODATA")
    judged = judge(reading.interval, limits)
    severity = limits.entered(reading.interval)
    kind = judged
    gated = not gate(reading, rule).is_open
    if not reading.closed:
        kind = "GATED" if gated else judged
    elif gated and rule.parameters.get(GATED_AT_CLOSE) == "insufficient":
        kind = "GATED"
    elif judged == "BAND":
        kind = "OK"
    return Observation(kind, judged, severity)


def judge(interval: Interval, limits: Limits) -> ObservationKind:
    """BREACH, OK, BAND or, when the interval straddles a limit, UNDETERMINED."""
    if limits.entered(interval) is not None:
        return "BREACH"
    if limits.recovered(interval):
        return "OK"
    return "BAND" if limits.not_entered(interval) else "UNDETERMINED"


def severity_after(
    current: Severity | None, observation: Observation, reading: Reading, limits: Limits
) -> Severity | None:
    """The severity of a breach: raised at once to the gravest whose enter holds; lowered only when the exit
    of the current one holds. At the close, and after it, by `enter` alone, so that no past is remembered.
    """
    entered = observation.severity
    if entered is None or current is None or reading.closed or reading.interval is None:
        return entered
    if GRAVITY[entered] >= GRAVITY[current] or limits.left(reading.interval, current):
        return entered
    return current
