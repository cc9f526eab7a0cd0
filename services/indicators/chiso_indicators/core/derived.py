"""A single period out of a cumulative series (semantics §4): differences of sums, never of percentages."""

from __future__ import annotations

from typing import Any

from chiso_shared.catalogue.indicators import Indicator

from chiso_indicators.core import value as values
from chiso_indicators.core.row import Row


def derive(indicator: Indicator, row: Row, has_previous: bool, before: Row | None) -> dict[str, Any] | None:
    """`derived` of a year-to-date row. `has_previous`: its year has a period before, whose row is `before`.

    None where the row has no sums of its own or the indicator is not aggregated over time.
    """
    if row.numerator is None or indicator.time_aggregation == "none":
        return None
    if not has_previous:
        return _answer(row.numerator, row.denominator, row.value, None)
    if before is None or before.numerator is None:
        withdrawn = before is not None and before.n_withdrawn > 0
        return _answer(None, None, None, "previous_withdrawn" if withdrawn else "previous_missing")
    numerator = row.numerator - before.numerator
    denominator = None
    if row.denominator is not None and before.denominator is not None:
        denominator = row.denominator - before.denominator
    if numerator < 0 or (denominator is not None and denominator < 0):
        return _answer(numerator, denominator, None, "decreased")
    return _answer(numerator, denominator, values.shown_value(indicator, numerator, denominator), None)


def _answer(numerator: Any, denominator: Any, value: Any, reason: str | None) -> dict[str, Any]:
    return {"numerator": numerator, "denominator": denominator, "value": value, "reason": reason}
