"""Numbers at the door: bounds of contract §2, canonical form, and how locales write. Exact, no floats."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Literal

from chiso_shared.contracts.codec import plain

from chiso_ingest.core import texts
from chiso_ingest.core.findings import UnreadableNumber
from chiso_ingest.core.limits import DECIMALS, SIGNIFICANT_DIGITS
from chiso_ingest.core.texts import Text

Locale = Literal["vi", "en"]
Figure = int | Decimal

_UPPER: Final = 10**SIGNIFICANT_DIGITS
_LONGEST_NUMBER: Final = 64
_PLAIN: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_ENGLISH: Final = re.compile(r"-?(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
_VIETNAMESE: Final = re.compile(r"-?(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]+)(?:,[0-9]+)?")
_THREE_AFTER_DOT: Final = re.compile(r".*\.[0-9]{3}")

_SAY_LOCALE: Final = "say how numbers are written: ?locale=vi (4.318 is four thousand) or ?locale=en"
_LIKE_PLAIN: Final = "digits, and a dot before the decimals: 1180 or 69.13"
_LIKE_ENGLISH: Final = "as in English: 1,180.5 or 1180.5"
_LIKE_VIETNAMESE: Final = "as in Vietnamese: 1.180,5 or 1180,5"


def canonical_figure(number: int | Decimal) -> Figure | Text:
    """The number in its one form (whole ones as `int`), or the rule it breaks.

    In range: 0 to less than 10^15, at most 15 significant digits and 6 decimals.
    """
    if type(number) is int:
        if 0 <= number < _UPPER:
            return number
        return texts.NEGATIVE if number < 0 else texts.TOO_LARGE
    return _canonical_decimal(Decimal(number))


def _canonical_decimal(number: Decimal) -> Figure | Text:
    if not number.is_finite() or number >= _UPPER:
        return texts.TOO_LARGE
    if number < 0:
        return texts.NEGATIVE
    if not number:
        return 0
    if _is_too_precise(number):
        return texts.TOO_PRECISE
    exact = plain(number)
    return int(exact) if exact == exact.to_integral_value() else exact


def _is_too_precise(number: Decimal) -> bool:
    _, digits, exponent = number.as_tuple()
    if len(digits) > _LONGEST_NUMBER:
        return True
    # Trailing zeros are no precision.
    significant = "".join(map(str, digits)).rstrip("0")
    decimals = -(int(exponent) + len(digits) - len(significant))
    return len(significant) > SIGNIFICANT_DIGITS or decimals > DECIMALS


def read_figure(text: str, locale: Locale | None) -> Figure | UnreadableNumber:
    """A number as a cell of a CSV shows it. Without a locale whatever could be read two ways is unreadable.

    A comma, or exactly three digits after a single dot, may be a thousands or a decimal sign (contract §2).
    """
    if len(text) > _LONGEST_NUMBER:
        return UnreadableNumber(text, _LIKE_PLAIN)
    return _READERS[locale](text)


def _read_plain(text: str) -> Figure | UnreadableNumber:
    if "," in text or text.count(".") > 1 or _THREE_AFTER_DOT.fullmatch(text):
        return UnreadableNumber(text, _SAY_LOCALE)
    return _figure(text) if _PLAIN.fullmatch(text) else UnreadableNumber(text, _LIKE_PLAIN)


def _read_english(text: str) -> Figure | UnreadableNumber:
    if _ENGLISH.fullmatch(text):
        return _figure(text.replace(",", ""))
    return UnreadableNumber(text, _LIKE_ENGLISH)


def _read_vietnamese(text: str) -> Figure | UnreadableNumber:
    if _VIETNAMESE.fullmatch(text):
        return _figure(text.replace(".", "").replace(",", "."))
    return UnreadableNumber(text, _LIKE_VIETNAMESE)


def _figure(text: str) -> Figure:
    return Decimal(text) if "." in text else int(text)


_READERS: Final[dict[Locale | None, Callable[[str], Figure | UnreadableNumber]]] = {
    None: _read_plain,
    "en": _read_english,
    "vi": _read_vietnamese,
}


def faithful(value: Any) -> Any:
    """A refused value as it was sent, in a form that any JSON writer takes: for the payload's hash only."""
    match value:
        case None | bool() | str():
            return value
        case int() | Decimal():
            exact = canonical_figure(value)
            return str(value) if isinstance(exact, Text) else exact
        case UnreadableNumber():
            return value.text
        case dict():
            return {key: faithful(item) for key, item in value.items()}
        case list():
            return [faithful(item) for item in value]
    return str(value)
