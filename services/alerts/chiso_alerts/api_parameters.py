"""The query parameters of the alerts' lists, checked one by one. Every mistake is named, none is guessed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args
from uuid import UUID

from chiso_shared.contracts.alert import AlertStateName
from chiso_shared.contracts.fields import Basis, CalendarName, Level, Severity
from chiso_shared.contracts.problem import ProblemItem
from chiso_shared.runtime.questions import BadParameters, problem, unknown_parameters
from starlette.datastructures import QueryParams

DEFAULT_LIMIT: Final = 100
LARGEST_LIMIT: Final = 10_000
_MOST_VALUES: Final = 1_000
_LONGEST_VALUE: Final = 200

# In the order of the statement's parameters. An empty set: any text.
FILTERS: Final[Mapping[str, frozenset[str]]] = {
    "state": frozenset(get_args(AlertStateName)),
    "rule": frozenset(),
    "unit": frozenset(),
    "indicator": frozenset(),
    "period": frozenset(),
    "severity": frozenset(get_args(Severity)),
    "calendar": frozenset(get_args(CalendarName)),
    "basis": frozenset(get_args(Basis)),
    "level": frozenset(get_args(Level)),
}


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """What a list request asks for: `filters` in the order of FILTERS, None where nothing is asked."""

    filters: tuple[list[str] | None, ...]
    after: tuple[str, UUID] | None
    limit: int


def alert_filter(query: QueryParams) -> AlertFilter:
    """The request's filters, `limit` (1 to 10,000) and `cursor`. Raises BadParameters with every offender."""
    items = unknown_parameters(query, (*FILTERS, "limit", "cursor"))
    filters = tuple(_filter(query, name, allowed, items) for name, allowed in FILTERS.items())
    limit = _limit(query, items)
    after = _cursor(query, items)
    if items:
        raise BadParameters(items)
    return AlertFilter(filters, after, limit)


def positive_integer(query: QueryParams, name: str, largest: int, items: list[ProblemItem]) -> int | None:
    """A whole number from 1 to `largest`, None if absent; otherwise a problem is added."""
    text = query.get(name)
    if text is None:
        return None
    plain = text.isascii() and text.isdigit() and len(text) <= 18
    if plain and 1 <= int(text) <= largest:
        return int(text)
    hint = [f"1 to {largest}"]
    items.append(problem(name, "out_of_range", "not a number in range", "không phải số hợp lệ", text, hint))
    return None


def alert_id(text: str) -> UUID:
    """The id in a path. Raises BadParameters for anything that is no UUID."""
    try:
        return UUID(text)
    except ValueError:
        raise BadParameters(
            [problem("alert_id", "wrong_type", "not a UUID", "không phải UUID", text, ["a UUID"])]
        ) from None


def cursor(period: str, last: UUID) -> str:
    """Where the next page begins."""
    return base64.urlsafe_b64encode(f"{period}|{last}".encode()).decode().rstrip("=")


def _filter(
    query: QueryParams, name: str, allowed: frozenset[str], items: list[ProblemItem]
) -> list[str] | None:
    values = [value for value in query.getlist(name) if value != ""]
    for value in values:
        readable = len(value) <= _LONGEST_VALUE and value.isprintable()
        if not readable or (allowed and value not in allowed):
            items.append(
                problem(
                    name, "out_of_range", "no such value", "giá trị không tồn tại", value, sorted(allowed)
                )
            )
    if len(values) > _MOST_VALUES:
        hint = [f"at most {_MOST_VALUES}"]
        items.append(problem(name, "out_of_range", "too many values", "quá nhiều giá trị", len(values), hint))
    return values or None


def _limit(query: QueryParams, items: list[ProblemItem]) -> int:
    return positive_integer(query, "limit", LARGEST_LIMIT, items) or DEFAULT_LIMIT


def _cursor(query: QueryParams, items: list[ProblemItem]) -> tuple[str, UUID] | None:
    text = query.get("cursor")
    if not text:
        return None
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)).decode("ascii")
        period, last = raw.split("|")
        if not period.isprintable():
            raise ValueError("the period is no code")
        return period, UUID(last)
    except (ValueError, binascii.Error):
        items.append(
            problem("cursor", "malformed", "not a cursor of this list", "con trỏ không hợp lệ", text, [])
        )
        return None
