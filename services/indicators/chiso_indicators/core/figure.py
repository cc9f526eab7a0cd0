"""What one observation says about its cell, and what of it may be added up (semantics §4). Pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from chiso_shared.contracts.codec import EXACT, plain

_ZERO: Final = Decimal(0)


class Figure(NamedTuple):
    """The values of one revision. Two equal figures say the same, whoever sent them."""

    op: str
    status: str
    numerator: Decimal | None
    denominator: Decimal | None
    value: Decimal | None
    value_high: Decimal | None
    qualifier: str
    as_of: date | None

    @property
    def reported(self) -> bool:
        """Counts as reported: not withdrawn; "not applicable" is a report too."""
        return self.op == "report"

    @property
    def stated(self) -> bool:
        """Carries a figure that can be shown."""
        return self.op == "report" and self.status != "NA"


class Addends(NamedTuple):
    """What a figure adds to a sum; for additive kinds the value stands as `numerator`."""

    numerator: Decimal
    denominator: Decimal | None


def addends(figure: Figure | None, is_ratio: bool) -> Addends | None:
    """The part of a figure that may be added: exact numbers only.

    None for what is withdrawn, not applicable, percent-only, or has a qualifier other than `eq`.
    """
    if figure is None or not figure.stated or figure.qualifier != "eq":
        return None
    if not is_ratio:
        return None if figure.value is None else Addends(figure.value, None)
    if figure.numerator is None or figure.denominator is None:
        return None
    return Addends(figure.numerator, figure.denominator)


def difference(before: Figure | None, after: Figure, is_ratio: bool) -> tuple[Decimal | None, Decimal | None]:
    """By how much the sums above move when `after` replaces `before`; None where nothing is added."""
    old, new = addends(before, is_ratio), addends(after, is_ratio)
    if old is None and new is None:
        return None, None
    if old is None and new is not None:
        return new.numerator, new.denominator
    numerator = _less(new.numerator if new else _ZERO, old.numerator if old else _ZERO)
    if not is_ratio:
        return numerator, None
    above = (new.denominator if new else None) or _ZERO
    below = (old.denominator if old else None) or _ZERO
    return numerator, _less(above, below)


def _less(above: Decimal, below: Decimal) -> Decimal:
    return plain(EXACT.subtract(above, below))
