"""Places among units of one level (who is first), with the cohort they hold for. Pure; never stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from chiso_indicators.core.row import Row


@dataclass(frozen=True, slots=True)
class Ranked:
    """A unit's place: 1 is best, equal values share it, and the next place is skipped (1, 2, 2, 4)."""

    row: Row
    rank: int
    tied: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """The cohort by place, and who is not in it: `no_value`, `inexact_value` or `low_coverage`."""

    places: list[Ranked]
    excluded: list[tuple[Row, str]]


def rank(rows: Iterable[Row], direction: str, minimum_completeness: Decimal) -> Ranking:
    """Places of rows of one key but for the unit; `direction` is the indicator's, `up` or `down`.

    Coverage counts where an obligation says what is expected; values are compared as they are shown.
    """
    cohort: list[tuple[Decimal, Row]] = []
    excluded: list[tuple[Row, str]] = []
    for row in rows:
        reason = _exclusion(row, minimum_completeness)
        if reason is not None or row.value is None:
            excluded.append((row, reason or "no_value"))
        else:
            cohort.append((row.value, row))
    cohort.sort(key=lambda pair: (-pair[0] if direction == "up" else pair[0], pair[1].unit))
    tied: dict[Decimal, int] = {}
    for value, _ in cohort:
        tied[value] = tied.get(value, 0) + 1
    first: dict[Decimal, int] = {}
    for place, (value, _) in enumerate(cohort, start=1):
        first.setdefault(value, place)
    places = [Ranked(row, first[value], tied[value]) for value, row in cohort]
    return Ranking(places, sorted(excluded, key=lambda pair: pair[0].unit))


def _exclusion(row: Row, minimum_completeness: Decimal) -> str | None:
    if row.value is None:
        return "no_value"
    if row.value_source == "reported" and (row.reported or {}).get("qualifier") != "eq":
        return "inexact_value"
    if row.completeness is not None and row.completeness < minimum_completeness:
        return "low_coverage"
    return None
