"""Which rollups a cell moves and what a rollup is made of (semantics §4). Pure; asks only the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Final, Literal, NamedTuple

from chiso_shared.catalogue import Catalogue
from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.periods import Period
from chiso_shared.catalogue.units import Tenure
from chiso_shared.catalogue.words import LEVELS

from chiso_indicators.core.keys import Key

NATION: Final = "VN"
# Periods are kept as rows up to this year; what lies beyond is a typing mistake for a long time to come.
LAST_YEAR: Final = 2045
UNSTATED: Final = "unstated"
YTD: Final = "ytd"
_RANK: Final = {"commune": 0, "department": 0, "province": 1, "nation": 2}

Scope = Literal["own", "below", "provinces"]
Rule = Literal["sum", "last", "own"]


class Place(NamedTuple):
    """Where a unit stands on a day: its level and the code above it (None for the nation)."""

    level: str
    parent: str | None


def scope_of(level: str, indicator: Indicator, basis: str) -> Scope:
    """Whose cells a row is made of.

    `own`: at the indicator's source level (or below it, where only kinds that are not added may report) and
    for unstated figures; `below`: a province over communes and departments; `provinces`: the nation.
    """
    if basis == UNSTATED or _RANK[level] <= _RANK[indicator.source_level]:
        return "own"
    return "below" if level == "province" else "provinces"


def rule_of(indicator: Indicator, basis: str) -> Rule:
    """How the parts of a period come together: added, the last one, or only a cell of the period itself.

    A cumulative figure of the year is a level, so its last report stands for a longer period.
    """
    if basis == UNSTATED or indicator.time_aggregation == "none":
        return "own"
    return "last" if basis == YTD else indicator.time_aggregation


def parts_inside(period: Period, catalogue: Catalogue) -> list[Period]:
    """The finer periods that a longer one is made of. Halves make a year; nine months do not tile it."""
    year = catalogue.calendars.periods_of_year(period.calendar, period.year)
    return [one for one in year if period.code in one.coarser and one.frequency != "nine_months"]


class Instants(NamedTuple):
    """What Apply asks of a period for every observation: its year, its close, and who owes it when."""

    year: int
    close_at: datetime
    due_at: Mapping[str, datetime]


class Planner:
    """Answers about one catalogue, remembered. Bounded by the units and periods that are in use."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._places: dict[tuple[str, str, str], Place | None] = {}
        self._periods: dict[tuple[str, str], Period | None] = {}
        self._instants: dict[tuple[str, str], Instants | None] = {}
        self._keys: dict[tuple[str, ...], tuple[Key, ...]] = {}
        self._moved: dict[tuple[str, str, str], tuple[str, ...]] = {}
        self._former: dict[tuple[str, str], tuple[Tenure, ...]] = {}
        named = (level for rule in catalogue.rules for level in rule.levels)
        self.stored_levels: Final = frozenset({"province", "nation", *named})

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that the answers are about."""
        return self._catalogue

    def period(self, calendar: str, code: str) -> Period | None:
        """The period of a code, or None."""
        key = (calendar, code)
        if key not in self._periods:
            found = self._catalogue.calendars.parse(calendar, code)
            self._periods[key] = found if found is not None and found.year <= LAST_YEAR else None
        return self._periods[key]

    def instants(self, calendar: str, code: str) -> Instants | None:
        """The instants of a period, or None."""
        key = (calendar, code)
        if key not in self._instants:
            period = self.period(calendar, code)
            self._instants[key] = _instants(period) if period is not None else None
        return self._instants[key]

    def place(self, unit: str, calendar: str, code: str) -> Place | None:
        """Level and parent of a unit at the end of a period; None for an unknown unit or period."""
        key = (unit, calendar, code)
        if key not in self._places:
            self._places[key] = self._find_place(unit, calendar, code)
        return self._places[key]

    def lineage(self, key: Key) -> tuple[str, ...]:
        """The unit and what stands above it at the period's end, nearest first."""
        period = self.period(key.calendar, key.period)
        return (
            (key.unit,)
            if period is None
            else (key.unit, *self._catalogue.units.ancestors(key.unit, period.end))
        )

    def authority(self, key: Key) -> frozenset[str]:
        """The agencies that alone count for a cell; empty where every agency does."""
        period = self.period(key.calendar, key.period)
        if period is None or not self._catalogue.authorities:
            return frozenset()
        indicator = self._catalogue.indicators[key.indicator]
        return self._catalogue.authorities.of(key.unit, indicator, period.end)

    def _find_place(self, unit: str, calendar: str, code: str) -> Place | None:
        period = self.period(calendar, code)
        found = self._catalogue.units.get(unit, period.end) if period is not None else None
        return Place(found.level, found.parent) if found is not None else None

    def tenure(self, unit: str, calendar: str, code: str) -> Tenure | None:
        """How long the code means the unit that it means at a period's end; None where it means none."""
        period = self.period(calendar, code)
        return self._catalogue.units.tenure(unit, period.end) if period is not None else None

    def same_unit(self, unit: str, calendar: str, code: str, other: str) -> bool:
        """Whether a code means the same unit at the ends of two periods, whatever its type or parent."""
        tenure = self.tenure(unit, calendar, code)
        return tenure is not None and tenure == self.tenure(unit, calendar, other)

    def former(self, calendar: str, code: str) -> tuple[Tenure, ...]:
        """The provinces that were at the end of a part of the period, and are none at its own end."""
        key = (calendar, code)
        if key not in self._former:
            period = self.period(calendar, code)
            self._former[key] = self._find_former(period) if period is not None else ()
        return self._former[key]

    def _find_former(self, period: Period) -> tuple[Tenure, ...]:
        present = self._provinces(period.end)
        parts = parts_inside(period, self._catalogue)
        return tuple(sorted({one for part in parts for one in self._provinces(part.end)} - present))

    def _provinces(self, on: date) -> frozenset[Tenure]:
        units = self._catalogue.units
        found = (units.tenure(unit.code, on) for unit in units.of_level("province", on))
        return frozenset(tenure for tenure in found if tenure is not None)

    def previous(self, key: Key) -> Key | None:
        """For year-to-date figures: the same key one period before, in the same calendar year; else None."""
        period = self.period(key.calendar, key.period)
        if period is None:
            return None
        before = self._catalogue.calendars.following(period, -1)
        return key.at(period=before.code) if before is not None and before.year == period.year else None

    def periods_around(self, key: Key) -> tuple[str, ...]:
        """The key's period and the longer ones it lies in."""
        period = self.period(key.calendar, key.period)
        return (key.period,) if period is None else (key.period, *period.coarser)

    def periods_moved(self, calendar: str, code: str, basis: str) -> tuple[str, ...]:
        """Periods whose rollups a change of a cell in this period can alter."""
        key = (calendar, code, basis)
        if key not in self._moved:
            self._moved[key] = self._find_moved(calendar, code, basis)
        return self._moved[key]

    def _find_moved(self, calendar: str, code: str, basis: str) -> tuple[str, ...]:
        period = self.period(calendar, code)
        if period is None or basis == UNSTATED:
            return (code,)
        moved = (code, *period.coarser)
        if basis != YTD:
            return moved
        # A cumulative figure also changes what the period after it derives for itself.
        found = dict.fromkeys(moved)
        for part in moved:
            here = self.period(calendar, part)
            after = self._catalogue.calendars.following(here) if here is not None else None
            if after is not None and after.year == period.year:
                found.update(dict.fromkeys((after.code, *after.coarser)))
        return tuple(found)

    def units_moved(self, unit: str, place: Place, basis: str) -> Iterator[str]:
        """Units whose stored rollups a change of this unit's cell can alter, nearest first."""
        if place.level in self.stored_levels:
            yield unit
        if basis == UNSTATED or place.level == "nation":
            return
        if place.parent is not None and place.parent != NATION:
            yield place.parent
        yield NATION

    def keys_moved(self, key: Key, place: Place) -> tuple[Key, ...]:
        """Stored rollups that a change of this cell can alter; the same for all communes of a province.

        A longer period at whose end the code above is another unit, or none, holds nothing of this cell.
        """
        own = key.unit if place.level in self.stored_levels else ""
        memory = (own, place.parent or "", *key[1:])
        if memory not in self._keys:
            periods = self.periods_moved(key.calendar, key.period, key.basis)
            units = self.units_moved(key.unit, place, key.basis)
            self._keys[memory] = tuple(
                key.at(unit=unit, period=one)
                for unit in units
                for one in periods
                if one == key.period or self.same_unit(unit, key.calendar, key.period, one)
            )
        return self._keys[memory]


def _instants(period: Period) -> Instants:
    due_at: dict[str, datetime] = {level: period.due_at(level) for level in LEVELS}
    return Instants(period.year, period.close_at, due_at)
