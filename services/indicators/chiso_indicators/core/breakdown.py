"""A rollup by the level of the units below it: communes apart from departments (semantics §4). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from chiso_shared.catalogue.indicators import Indicator

from chiso_indicators.core import value as values
from chiso_indicators.core.row import Sums

LEVELS: Final = ("commune", "department")


def added(parts: Sequence[Sums]) -> Sums:
    """Several sums as one: the provinces of a nation."""
    days = [day for part in parts for day in (part.oldest_on, part.newest_on) if day is not None]
    return Sums(
        numerator=_sum([part.numerator for part in parts]),
        denominator=_sum([part.denominator for part in parts]),
        n_cells=sum(part.n_cells for part in parts),
        n_reported=sum(part.n_reported for part in parts),
        n_contributing=sum(part.n_contributing for part in parts),
        n_on_time=sum(part.n_on_time for part in parts),
        n_percent_only=sum(part.n_percent_only for part in parts),
        n_unexpected=sum(part.n_unexpected for part in parts),
        n_withdrawn=sum(part.n_withdrawn for part in parts),
        oldest_on=min(days, default=None),
        newest_on=max(days, default=None),
    )


def breakdown(
    indicator: Indicator, sums: Mapping[str, Sums], expected: Mapping[str, int]
) -> list[dict[str, Any]]:
    """One object per level that reports or should; they add up to the rollup."""
    shown = [level for level in LEVELS if sums.get(level, Sums()).n_cells or expected.get(level)]
    return [_level(indicator, level, sums.get(level, Sums()), expected.get(level, 0)) for level in shown]


def _level(indicator: Indicator, level: str, sums: Sums, expected: int) -> dict[str, Any]:
    return {
        "level": level,
        "numerator": sums.numerator if indicator.is_ratio else None,
        "denominator": sums.denominator,
        "value": values.shown_value(indicator, sums.numerator, sums.denominator),
        "n_expected": expected,
        "n_reported": sums.n_reported,
        "n_contributing": sums.n_contributing,
        "n_on_time": sums.n_on_time,
        "n_percent_only": sums.n_percent_only,
        "n_unexpected": sums.n_unexpected,
        "completeness": values.share(sums.n_reported, expected),
    }


def _sum(numbers: Sequence[Decimal | None]) -> Decimal | None:
    known = [number for number in numbers if number is not None]
    return sum(known, Decimal(0)) if known else None
