"""The arithmetic of one row: exact decimals, rounded half-even only where a number is shown. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.registers import StatusRule
from chiso_shared.catalogue.targets import Target

from chiso_indicators.core.figure import Figure

SHARE_DECIMALS: Final = 4
ATTAINMENT_DECIMALS: Final = 2
# Sums of a country's reports have at most 25 digits; 60 keep a quotient exact far beyond what is shown.
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_HUNDRED: Final = Decimal(100)


def rounded(number: Decimal, decimals: int) -> Decimal:
    """Half-even to that many decimals, without trailing zeros: 73.79380 → 73.7938."""
    shown = number.quantize(Decimal(1).scaleb(-decimals), context=_EXACT).normalize(_EXACT)
    exponent = shown.as_tuple().exponent
    return shown.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else shown


def ratio(numerator: Decimal, denominator: Decimal, factor: Decimal) -> Decimal | None:
    """factor x numerator / denominator; None for a denominator of 0, which is a report without a value."""
    if denominator == 0:
        return None
    return _EXACT.divide(_EXACT.multiply(factor, numerator), denominator)


def shown_value(
    indicator: Indicator, numerator: Decimal | None, denominator: Decimal | None
) -> Decimal | None:
    """A rollup's value from its sums: the ratio, or for additive kinds the sum, to decimals + 2."""
    if numerator is None:
        return None
    value: Decimal | None = numerator
    if indicator.is_ratio:
        value = None if denominator is None else ratio(numerator, denominator, indicator.factor)
    return None if value is None else rounded(value, indicator.decimals + 2)


def figure_value(indicator: Indicator, figure: Figure) -> Decimal | None:
    """What a unit's own figure says: its value as it was reported, or the ratio of its two numbers."""
    if figure.value is not None:
        return figure.value
    return shown_value(indicator, figure.numerator, figure.denominator) if indicator.is_ratio else None


def share(count: int, expected: int) -> Decimal | None:
    """Completeness and timeliness: 91 of 96 → 0.9479; None without an obligation."""
    return rounded(_EXACT.divide(Decimal(count), Decimal(expected)), SHARE_DECIMALS) if expected else None


def attainment(
    value: Decimal | None, qualifier: str, direction: str, target: Target | None
) -> Decimal | None:
    """100 x value / target (semantics §6); None for a target of 0, not direction up, or an inexact value."""
    if value is None or target is None or target.value == 0 or direction != "up" or qualifier != "eq":
        return None
    return rounded(_EXACT.divide(_HUNDRED * value, target.value), ATTAINMENT_DECIMALS)


def colour(
    rule: StatusRule,
    value: Decimal | None,
    value_high: Decimal | None,
    qualifier: str,
    target: Target | None,
    completeness: Decimal | None,
) -> str:
    """The status colour. An inexact value has one only where every number it may stand for has the same."""
    if target is None or value is None:
        return "grey"
    comparator, limit = target.comparator, target.value
    low = rule.colour(value, comparator, limit, completeness)
    if qualifier == "eq":
        return low
    best = "green" if comparator == "ge" else "red"
    worst = "red" if comparator == "ge" else "green"
    match qualifier:
        case "gt" | "ge":
            return best if low == best else "grey"
        case "lt" | "le":
            return worst if low == worst else "grey"
        case "range" if value_high is not None:
            return low if rule.colour(value_high, comparator, limit, completeness) == low else "grey"
    return "grey"
