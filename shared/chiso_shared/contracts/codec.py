"""JSON in and out with exact decimals, and the canonical form that payload hashes are made of.

Floats never touch an indicator number: `decode_json` reads them as `Decimal`, `encode_json` writes them as
JSON numbers with their exact text.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from decimal import Context, Decimal
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
import rfc8785
from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)

_MOST_DIGITS: Final = 10_000
# Wide enough for every digit that a number of a payload may have: the usual context rounds at 28.
EXACT: Final = Context(prec=2 * _MOST_DIGITS + 10)
_ZERO: Final = Decimal(0)
_ONE: Final = Decimal(1)
_LARGEST_EXACT_INTEGER: Final = 2**53 - 1


def _countable(text: str) -> Decimal:
    """A number of a payload. To make a whole number of 1e99999999 takes minutes; nobody counts that far."""
    number = Decimal(text)
    if abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError("not a number that can be counted with")
    return number


_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_PAYLOAD_DECODER: Final = msgspec.json.Decoder(float_hook=_countable)


class MalformedJSON(ValueError):
    """The bytes are not one JSON document in UTF-8."""


def plain(number: Decimal) -> Decimal:
    """The same number without exponent and without trailing zeros: `1E+3` → `1000`, `1.50` → `1.5`."""
    if number.same_quantum(_ONE):
        return number or _ZERO  # a zero may be -0
    if not number:
        return _ZERO
    normal = number.normalize(EXACT)
    return normal.quantize(_ONE, context=EXACT) if normal == normal.to_integral_value() else normal


def _hook(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return vars(value)  # its fields in their order; a model among them comes here too
    raise TypeError(f"{type(value).__name__} has no JSON form")


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=_hook)


def decode_json(raw: bytes) -> Any:
    """One JSON document. Numbers with a fraction or exponent become `Decimal`, whole ones stay `int`.

    Raises MalformedJSON for anything that is not one JSON document in UTF-8, too deep nesting included.
    """
    return _decode(_DECODER, raw)


def _decode(decoder: msgspec.json.Decoder[Any], raw: bytes) -> Any:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, ArithmeticError) as error:
        raise MalformedJSON(str(error)) from error


def encode_json(value: Any) -> bytes:
    """JSON bytes; `Decimal` as an exact number, `datetime` as RFC 3339, pydantic models as objects."""
    return _ENCODER.encode(value)


def decode_model(model: type[Model], raw: bytes) -> Model:
    """The payload as a model. Raises MalformedJSON (also for numbers beyond counting) or ValidationError."""
    return model.model_validate(_decode(_PAYLOAD_DECODER, raw))


def _canonical_value(value: Any) -> Any:
    """The value in the types RFC 8785 knows. Whole numbers become integers, so 1004 and 1004.0 agree."""
    match value:
        case Decimal():
            if value == value.to_integral_value() and abs(value) <= _LARGEST_EXACT_INTEGER:
                return int(value)
            return float(value)
        case dict():
            return {key: _canonical_value(item) for key, item in value.items()}
        case list() | tuple():
            return [_canonical_value(item) for item in value]
        case datetime():
            raise TypeError("a canonical document carries no instants")
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case BaseModel():
            return _canonical_value(value.model_dump())
    return value


def canonical_json(value: Any) -> bytes:
    """RFC 8785 canonical JSON.

    Exact for numbers of at most 15 significant digits, which is what the door lets in: a double carries them
    and its shortest form gives them back.
    """
    return rfc8785.dumps(_canonical_value(value))


def payload_sha256(value: Any) -> str:
    """SHA-256, in lower-case hexadecimal, of the canonical form (docs/semantics.md §3)."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
