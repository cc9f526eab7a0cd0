"""The seeds as plain tables, read a second time: units with parents, kinds, cut-offs, obligations."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path

from tests.model.spans import Span, frequency_of, inside

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
MERGER = date(2025, 7, 1)


@dataclass(frozen=True)
class Kind:
    """How one indicator behaves."""

    code: str
    kind: str
    over_time: str
    over_units: str
    factor: Decimal
    decimals: int
    level: str
    bases: tuple[str, ...]

    @property
    def ratio(self) -> bool:
        """Two numbers instead of one."""
        return self.kind.startswith("ratio")

    @property
    def single(self) -> bool:
        """A figure nothing is ever computed from."""
        return self.kind in ("rank", "score", "milestone", "status")


@dataclass(frozen=True)
class Place:
    """A unit on a day."""

    level: str
    parent: str


@dataclass(frozen=True)
class Duty:
    """Who must report which indicators, how often, since when."""

    level: str
    indicators: frozenset[str]
    calendar: str
    frequency: str
    basis: str
    since: date
    until: date


def rows(name: str) -> list[dict[str, str]]:
    """A table of the seeds."""
    with (SEEDS / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@cache
def kinds() -> dict[str, Kind]:
    """All indicators."""
    return {
        row["code"]: Kind(
            row["code"],
            row["kind"],
            row["time_aggregation"],
            row["space_aggregation"],
            Decimal(row["factor"]),
            int(row["decimals"]),
            row["source_level"],
            tuple(row["allowed_bases"].split(";")),
        )
        for row in rows("indicators")
    }


@cache
def spans() -> dict[tuple[str, str], dict[str, str]]:
    """Cut-offs by calendar and frequency."""
    return {(row["calendar"], row["frequency"]): row for row in rows("calendars")}


@lru_cache(maxsize=100_000)
def span(calendar: str, code: str) -> Span:
    """A period."""
    return Span(code, spans()[(calendar, frequency_of(code))])


@cache
def _present() -> dict[str, Place]:
    found = {row["code"]: Place(row["level"], row["parent"]) for row in rows("units")}
    found |= {row["code"]: Place("department", row["parent"]) for row in rows("departments")}
    return found


@cache
def _past() -> dict[str, Place]:
    former = {row["old_nso_code"]: Place("province", "VN") for row in rows("predecessors")}
    return {"VN": Place("nation", "")} | former


def places(day: date) -> dict[str, Place]:
    """All units valid on a day."""
    return _present() if day >= MERGER else _past()


@cache
def _merged() -> frozenset[str]:
    return frozenset(row["old_nso_code"] for row in rows("predecessors") if row["kind"] == "merged")


def identity(unit: str, code_ends: date) -> tuple[str, bool]:
    """Which unit a code means on a day: the one that was merged away, or the one that has the code since.

    A province that stayed as it was is one unit throughout.
    """
    return unit, code_ends < MERGER and unit in _merged()


@cache
def below(unit: str, is_present: bool) -> tuple[str, ...]:
    """The units whose parent this is, in either world."""
    known = _present() if is_present else _past()
    return tuple(code for code, place in known.items() if place.parent == unit)


@cache
def duties() -> tuple[Duty, ...]:
    """All obligations."""
    contents = {row["dataset"]: frozenset(row["indicators"].split(";")) for row in rows("datasets")}
    return tuple(
        Duty(
            row["level"],
            contents[row["dataset"]],
            row["calendar"],
            row["frequency"],
            row["basis"],
            date.fromisoformat(row["valid_from"]),
            date.fromisoformat(row["valid_to"]) if row["valid_to"] else date.max - timedelta(days=1),
        )
        for row in rows("obligations")
    )


@lru_cache(maxsize=100_000)
def obliged_levels(indicator: str, calendar: str, basis: str, code: str) -> frozenset[str]:
    """Levels whose units owe this indicator for exactly this period."""
    here = span(calendar, code)
    return frozenset(
        duty.level
        for duty in duties()
        if indicator in duty.indicators
        and (duty.calendar, duty.basis, duty.frequency) == (calendar, basis, frequency_of(code))
        and duty.since <= here.end <= duty.until
    )


@lru_cache(maxsize=100_000)
def obliged(unit: str, indicator: str, calendar: str, basis: str, code: str) -> frozenset[str]:
    """The units at or below a unit that owe a report for exactly this period."""
    levels = obliged_levels(indicator, calendar, basis, code)
    if not levels:
        return frozenset()
    known = places(span(calendar, code).end)
    return frozenset(
        other
        for other, place in known.items()
        if place.level in levels and (unit in (other, place.parent) or unit == "VN")
    )


@lru_cache(maxsize=100_000)
def expected(unit: str, indicator: str, calendar: str, basis: str, code: str) -> int:
    """`n_expected`: that of the period and of the periods inside it at whose end the unit was there."""
    who = identity(unit, span(calendar, code).end)
    return sum(
        len(obliged(unit, indicator, calendar, basis, part))
        for part in (code, *inside(code))
        if identity(unit, span(calendar, part).end) == who
    )


def known_counts() -> dict[str, int]:
    """Communes of each province today."""
    counts: dict[str, int] = defaultdict(int)
    for place in _present().values():
        if place.level == "commune":
            counts[place.parent] += 1
    return dict(counts)
