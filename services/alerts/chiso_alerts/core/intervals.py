"""Figures with a qualifier read as intervals (docs/semantics.md §4). Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Interval:
    """Every number the figure may stand for. None is no bound; `*_open` excludes the bound itself."""

    low: Decimal | None
    high: Decimal | None
    low_open: bool = False
    high_open: bool = False

    def wholly_below(self, limit: Decimal) -> bool:
        """Whether every number of the interval is < `limit`."""
        if self.high is None:
            return False
        return self.high < limit or (self.high == limit and self.high_open)

    def wholly_at_least(self, limit: Decimal) -> bool:
        """Whether every number of the interval is ≥ `limit`."""
        return self.low is not None and self.low >= limit

    def mirrored(self) -> Interval:
        """The interval of the negated numbers: turns "lower is better" into "higher is better"."""
        return Interval(
            low=-self.high if self.high is not None else None,
            high=-self.low if self.low is not None else None,
            low_open=self.high_open,
            high_open=self.low_open,
        )


def interval_of(
    value: Decimal,
    qualifier: str = "eq",
    value_high: Decimal | None = None,
    *,
    minimum: Decimal | None = None,
    maximum: Decimal | None = None,
    approx_half_width: Decimal = Decimal(0),
) -> Interval:
    """The interval of a figure: `gt 74` is (74, maximum], `approx` a band, `range` [value, value_high].

    `minimum` and `maximum` are the kind's own bounds, None for none; a figure on or beyond a bound is not cut
    by it. `approx_half_width` is in the unit of the value. Raises ValueError for an unknown qualifier.
    """
    above = maximum if maximum is not None and maximum > value else None
    below = minimum if minimum is not None and minimum < value else None
    match qualifier:
        case "eq":
            return Interval(value, value)
        case "gt":
            return Interval(value, above, low_open=True)
        case "ge":
            return Interval(value, above if maximum != value else value)
        case "lt":
            return Interval(below, value, high_open=True)
        case "le":
            return Interval(below if minimum != value else value, value)
        case "range":
            return Interval(value, max(value, value_high) if value_high is not None else value)
        case "approx":
            return _band(value, approx_half_width, minimum, maximum)
    raise ValueError(f"unknown qualifier {qualifier!r}")


def _band(value: Decimal, half_width: Decimal, minimum: Decimal | None, maximum: Decimal | None) -> Interval:
    low, high = value - half_width, value + half_width
    if minimum is not None and minimum <= value:
        low = max(low, minimum)
    if maximum is not None and maximum >= value:
        high = min(high, maximum)
    return Interval(low, high)
