"""JSON as the door reads it: exact numbers, no repeated names, bounded nesting. Knows no meaning."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from chiso_ingest.core import texts
from chiso_ingest.core.findings import printable
from chiso_ingest.core.texts import Text

# An unterminated string matches too: looking for its end again from every quote inside it would be quadratic.
_STRING: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS: Final = re.compile(r"[^\[\]{}]+")
_LONGEST_INT: Final = 18
_BEYOND: Final = Decimal("Infinity")


class Unreadable(Exception):
    """The bytes are not what their media type says. `line` counts from 1 where lines matter."""

    def __init__(self, text: Text, line: int | None = None, **words: object) -> None:
        self.text = text
        self.line = line
        self.words = words
        super().__init__(text.en.format(**words))


def decode_text(body: bytes) -> str:
    """The body as text without a byte order mark. Raises Unreadable when it is not UTF-8."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(texts.NOT_UTF8) from None


def parse_json(text: str, nesting: int) -> Any:
    """One JSON document: `int` for whole numbers, `Decimal` for the others, plain dicts and lists.

    A number beyond any bound becomes an infinite Decimal, so that it is refused where it stands.
    Raises Unreadable for anything that is not JSON, NaN and repeated names included.
    """
    if _is_deeper(text, nesting):
        raise Unreadable(texts.TOO_DEEP, limit=nesting)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        detail = f"{error.msg} at line {error.lineno} column {error.colno}"
        raise Unreadable(texts.NOT_JSON, detail=detail) from None
    except RecursionError:
        raise Unreadable(texts.TOO_DEEP, limit=nesting) from None


def may_hold_unwritable(text: str) -> bool:
    """Whether a parsed document may hold NUL or lone surrogates: only an escape brings them in."""
    return "\\u" in text


def _is_deeper(text: str, nesting: int) -> bool:
    """Whether brackets outside strings nest deeper; measured before the recursive parser sees them."""
    if text.count("[") + text.count("{") <= nesting:
        return False
    depth = 0
    for bracket in _NOT_BRACKETS.sub("", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > nesting:
            return True
    return False


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= _LONGEST_INT else _decimal(text)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return _BEYOND


def _refuse_constant(name: str) -> NoReturn:
    raise Unreadable(texts.NOT_JSON, detail=f"{name} is no JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Unreadable(texts.REPEATED_KEY, name=printable(name))
            seen.add(name)
    return found


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_decimal,
    parse_int=_integer,
    parse_constant=_refuse_constant,
)
