"""What one version of a rollup says, as far as a threshold rule looks at it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.contracts.alert import AlertReading
from chiso_shared.contracts.fields import Basis, Cause, Phase
from chiso_shared.contracts.rollup import Rollup

from chiso_alerts.core.intervals import Interval, interval_of


@dataclass(frozen=True, slots=True)
class Reading:
    """One rollup version. `interval` is None when there is no value; `shown` is what events carry of it."""

    interval: Interval | None
    shown: AlertReading
    phase: Phase
    causes: tuple[Cause, ...]
    basis: Basis
    n_expected: int
    n_contributing: int

    @property
    def version(self) -> int:
        """The rollup's version; grows by one per effective change."""
        return self.shown.rollup_version

    @property
    def closed(self) -> bool:
        """For alerts, closed is what the rollup says, never the clock (docs/delivery.md, Close)."""
        return self.phase == "closed"


def reading_of(rollup: Rollup, indicator: Indicator) -> Reading:
    """The reading of a rollup. A value of source `reported` keeps the qualifier it was reported with."""
    qualifier, value_high = "eq", None
    if rollup.value_source == "reported" and rollup.reported is not None:
        qualifier, value_high = rollup.reported.qualifier, rollup.reported.value_high
    value = rollup.value if rollup.value_source != "none" else None
    return Reading(
        interval=_interval(value, qualifier, value_high, indicator),
        shown=AlertReading(
            value=value,
            qualifier=qualifier,
            value_high=value_high,
            numerator=rollup.numerator,
            denominator=rollup.denominator,
            completeness=rollup.completeness,
            rollup_version=rollup.version,
            vintage=rollup.vintage,
        ),
        phase=rollup.phase,
        causes=rollup.causes,
        basis=rollup.basis,
        n_expected=rollup.n_expected,
        n_contributing=rollup.n_contributing,
    )


def _interval(
    value: Decimal | None, qualifier: str, value_high: Decimal | None, indicator: Indicator
) -> Interval | None:
    if value is None:
        return None
    return interval_of(
        value,
        qualifier,
        value_high,
        minimum=indicator.value_minimum,
        maximum=None if indicator.unbounded else indicator.value_maximum,
        approx_half_width=indicator.approx_half_width(value),
    )
