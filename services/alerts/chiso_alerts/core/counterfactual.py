"""What the number would be without one of the revisions that moved it (contract §4, explain). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.contracts.codec import plain
from chiso_shared.contracts.rollup import ChangedCell, Rollup

from chiso_alerts.core.intervals import Interval
from chiso_alerts.core.limits import Limits
from chiso_alerts.core.wording import number

# As wide as the sums of indicators: enough to keep a quotient exact far beyond what is shown.
_PERCENT: Final = 100
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


def counterfactuals(
    rollup: Rollup,
    cells: Sequence[ChangedCell],
    indicator: Indicator,
    limits: Limits,
    names: Mapping[str, tuple[str, str]],
) -> list[dict[str, Any]]:
    """One for each revision that changed the sums. `names` are the units' names, Vietnamese and English.

    Without a revision the cell says what it said before it: its deltas are taken back from the sums. Only for
    computed values; a cell without deltas moved nothing.
    """
    if rollup.value_source != "computed":
        return []
    moved = [cell for cell in cells if cell.delta_numerator is not None]
    return [_without(rollup, cell, indicator, limits, names.get(cell.unit)) for cell in moved]


def _without(
    rollup: Rollup, cell: ChangedCell, indicator: Indicator, limits: Limits, names: tuple[str, str] | None
) -> dict[str, Any]:
    numerator, denominator = _sums(rollup, cell)
    value = _value(numerator, denominator, indicator, is_ratio=rollup.denominator is not None)
    severity = limits.entered(Interval(value, value)) if value is not None else None
    name_vi, name_en = names or (cell.unit, cell.unit)
    shown = None if value is None else round(value, indicator.decimals)
    breach_en = "no value" if value is None else f"breach ({severity})" if severity else "no breach"
    breach_vi = (
        "không có số liệu" if value is None else f"vi phạm ({severity})" if severity else "không vi phạm"
    )
    sign = " %" if indicator.factor == _PERCENT else ""
    value_en = "" if shown is None else f"{number(shown, 'en')}{sign}, "
    value_vi = "" if shown is None else f"{number(shown, 'vi')}{sign}, "
    return {
        "unit": cell.unit,
        "submission_id": cell.submission_id,
        "revision": cell.revision,
        "numerator": numerator if rollup.denominator is not None else None,
        "denominator": denominator,
        "value": value,
        "breach": severity is not None,
        "severity": severity,
        "text": f"without revision {cell.revision} of {name_en}: {value_en}{breach_en}",
        "text_vi": f"không có bản {cell.revision} của {name_vi}: {value_vi}{breach_vi}",
    }


def _sums(rollup: Rollup, cell: ChangedCell) -> tuple[Decimal | None, Decimal | None]:
    """The sums without the revision; additive kinds have theirs in `value`."""
    total = rollup.numerator if rollup.denominator is not None else rollup.value
    numerator = None if total is None else total - (cell.delta_numerator or 0)
    denominator = rollup.denominator
    return numerator, None if denominator is None else denominator - (cell.delta_denominator or 0)


def _value(
    numerator: Decimal | None, denominator: Decimal | None, indicator: Indicator, *, is_ratio: bool
) -> Decimal | None:
    if numerator is None or (is_ratio and not denominator):
        return None
    value = numerator
    if is_ratio and denominator:
        value = _EXACT.divide(_EXACT.multiply(indicator.factor, numerator), denominator)
    return plain(value.quantize(Decimal(1).scaleb(-(indicator.decimals + 2)), context=_EXACT))
