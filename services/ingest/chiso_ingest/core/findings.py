"""The problems found in one submission: bounded in number, complete in count. Collects, never decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from chiso_shared.contracts.problem import ErrorCode

from chiso_ingest.core.texts import Text

_SHOWN_CHARACTERS: Final = 200
_SHOWN_DIGITS: Final = 40
_WITH_COSTLY_HINTS: Final = 20

Hint = str | Callable[[], str | None] | None


@dataclass(frozen=True, slots=True)
class UnreadableNumber:
    """A cell of a CSV that should be a number and is not, with what would make it one."""

    text: str
    hint: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One offender (contract §2): RFC 6901 pointer into the submission as JSON; `line` of a CSV, from 1."""

    code: ErrorCode
    pointer: str
    message: str
    message_vi: str
    value: Any = None
    hint: str | None = None
    line: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The object of the `errors` list; `line` only where there is one."""
        item = {
            "pointer": self.pointer,
            "code": self.code,
            "message": self.message,
            "message_vi": self.message_vi,
            "value": self.value,
            "hint": self.hint,
        }
        if self.line is not None:
            item["line"] = self.line
        return item


@dataclass(slots=True)
class Findings:
    """Grows while one submission is checked. `items` stops at `limit`, `total` does not.

    `refused` are the observations (by index) with a problem; `document_refused` tells of a problem that no
    single observation carries.
    """

    limit: int
    lines: Sequence[int] = ()
    items: list[Finding] = field(default_factory=list)
    total: int = 0
    refused: set[int] = field(default_factory=set)
    document_refused: bool = False
    forbidden: bool = False

    def add(
        self,
        text: Text,
        pointer: str,
        value: Any = None,
        *,
        observation: int | None = None,
        hint: Hint = None,
        line: int | None = None,
        words: Mapping[str, object] | None = None,
    ) -> None:
        """Note one problem of the document, or of an observation (its pointer goes below `/observations/N`).

        A hint that has to be searched for is a function, and searched for the first offenders only.
        """
        self.total += 1
        self.forbidden = self.forbidden or text.code == "out_of_scope"
        if observation is None:
            self.document_refused = True
        else:
            self.refused.add(observation)
            pointer = f"/observations/{observation}{pointer}"
            line = self.lines[observation] if observation < len(self.lines) else line
        if len(self.items) < self.limit:
            message, message_vi = (
                sentence.format(**words) if words else sentence for sentence in (text.en, text.vi)
            )
            found = self._found(hint)
            self.items.append(Finding(text.code, pointer, message, message_vi, shown(value), found, line))

    def _found(self, hint: Hint) -> str | None:
        if callable(hint):
            return hint() if len(self.items) < _WITH_COSTLY_HINTS else None
        return hint


def shown(value: Any) -> Any:
    """What of an offending value is echoed: short scalars as they are, long ones cut, nothing composite."""
    match value:
        case None | bool():
            return value
        case str():
            return printable(value)
        case UnreadableNumber():
            return shown(value.text)
        case int() | Decimal():
            return value if _is_short(value) else shown(str(value))
    return None


def _is_short(number: int | Decimal) -> bool:
    if isinstance(number, int):
        return abs(number) < 10**18
    return number.is_finite() and number.adjusted() < 18 and len(number.as_tuple().digits) <= _SHOWN_DIGITS


def printable(text: str) -> str:
    """Text that can be written as UTF-8 and is not endless: halves of surrogate pairs become `?`."""
    short = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
    return short.encode("utf-8", "replace").decode()


def token(name: str) -> str:
    """One reference token of an RFC 6901 pointer, cut where a hostile name is endless."""
    return "/" + printable(name).replace("~", "~0").replace("/", "~1")


_NAMES: Final = {
    bool: ("true or false", "giá trị đúng/sai"),
    str: ("text", "chuỗi"),
    int: ("a number", "số"),
    Decimal: ("a number", "số"),
    dict: ("an object", "đối tượng"),
    list: ("a list", "danh sách"),
    type(None): ("null", "null"),
}


def wrong_type(expected: type, found: Any) -> dict[str, str]:
    """The words of a `WRONG_TYPE` finding."""
    expected_en, expected_vi = _NAMES[expected]
    found_en, found_vi = _NAMES.get(type(found), ("something else", "kiểu khác"))
    return {
        "expected_en": expected_en,
        "expected_vi": expected_vi,
        "found_en": found_en,
        "found_vi": found_vi,
    }
