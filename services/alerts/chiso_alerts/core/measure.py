"""What a rule of each kind measures on a rollup: its value, its discrepancy, or its fall. Pure."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.rules import Rule
from chiso_shared.contracts.codec import plain
from chiso_shared.contracts.rollup import Rollup

from chiso_alerts.core.intervals import Interval
from chiso_alerts.core.reading import Reading, reading_of

_ZERO: Final = Decimal(0)
_NOT_COMPARABLE: Final = ("previous_missing", "previous_withdrawn")


def measured(
    rollup: Rollup,
    indicator: Indicator,
    rule: Rule,
    previous: Rollup | None = None,
    *,
    moved_by_previous: bool = False,
) -> Reading:
    """The reading that a threshold, discrepancy or fall rule judges.

    `previous` is the rollup one period earlier, which a fall is measured from; its version counts in the
    reading's, so that the reading grows newer with either. `moved_by_previous`: it is the earlier period that
    has changed, and its causes are the reason.
    """
    reading = reading_of(rollup, indicator)
    match rule.kind:
        case "discrepancy":
            return _with(reading, _point(None if rollup.discrepancy is None else abs(rollup.discrepancy)))
        case "fall" if rollup.basis == "ytd":
            return _with(reading, _point(_fall_of_series(rollup)))
        case "fall":
            return _against(reading, previous, indicator, moved_by_previous)
    return reading


def needs_previous(rule: Rule, basis: str) -> bool:
    """Whether the rule looks at the period before; year-to-date rollups carry their difference themselves."""
    return rule.kind == "fall" and basis != "ytd"


def _fall_of_series(rollup: Rollup) -> Decimal | None:
    """By how much a cumulative series went down within its year; None where there is nothing to compare."""
    derived = rollup.derived
    if derived is None or derived.reason in _NOT_COMPARABLE:
        return None
    differences = [part for part in (derived.numerator, derived.denominator) if part is not None]
    return max((-part for part in differences), default=_ZERO).max(_ZERO)


def _against(
    reading: Reading, previous: Rollup | None, indicator: Indicator, moved_by_previous: bool
) -> Reading:
    if previous is None:
        return _with(reading, None)
    before = reading_of(previous, indicator)
    shown = reading.shown.model_copy(
        update={"rollup_version": reading.version + before.version, "value": None}
    )
    causes = before.causes if moved_by_previous else reading.causes
    return _with(replace(reading, shown=shown, causes=causes), _fall(before.interval, reading.interval))


def _fall(before: Interval | None, now: Interval | None) -> Interval | None:
    """Every fall that the two figures may stand for; a rise is no fall."""
    if before is None or now is None:
        return None
    least = None if before.low is None or now.high is None else before.low - now.high
    most = None if before.high is None or now.low is None else before.high - now.low
    rising = most is not None and most <= 0
    return Interval(
        low=_ZERO if least is None else max(least, _ZERO),
        high=_ZERO if rising else most,
        low_open=least is not None and least > 0 and (before.low_open or now.high_open),
        high_open=most is not None and most > 0 and (before.high_open or now.low_open),
    )


def _point(value: Decimal | None) -> Interval | None:
    return None if value is None else Interval(value, value)


def _with(reading: Reading, interval: Interval | None) -> Reading:
    """The reading of that interval; shown is its value, or its bounds as a range."""
    bounds = (interval.low, interval.high) if interval is not None else (None, None)
    low, high = (None if bound is None else plain(bound) for bound in bounds)
    exact = low == high
    qualifier = "eq" if interval is None or exact else "ge" if high is None else "range"
    shown = reading.shown.model_copy(
        update={"value": low, "qualifier": qualifier, "value_high": None if exact else high}
    )
    return replace(reading, interval=interval, shown=shown)
