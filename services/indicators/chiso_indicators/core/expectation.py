"""Who must report what (semantics §5): how many reports a rollup expects, and from whom. Pure, remembered."""

from __future__ import annotations

from datetime import date
from typing import Final

from chiso_shared.catalogue import Catalogue
from chiso_shared.catalogue.obligations import Obligation
from chiso_shared.catalogue.periods import Period
from chiso_shared.catalogue.words import Level

from chiso_indicators.core.keys import Key
from chiso_indicators.core.plan import parts_inside

_NOBODY: Final[frozenset[str]] = frozenset()


class Expectations:
    """Obligations of one catalogue, counted. Expected reports of longer periods are those of their parts."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._by_indicator: dict[str, list[Obligation]] = {}
        for obligation in catalogue.obligations:
            for indicator in obligation.indicators:
                self._by_indicator.setdefault(indicator, []).append(obligation)
        self._units: dict[tuple[str, str, Level, date], frozenset[str]] = {}
        self._counts: dict[tuple[Key, str], int] = {}

    def count(self, key: Key, level: str, period: Period) -> int:
        """`n_expected`: obliged units under the unit or the unit itself, summed over the period's parts."""
        obligations = self._by_indicator.get(key.indicator)
        if not obligations:
            return 0
        if level not in ("province", "nation"):  # too many to remember, and quick to find
            return self._count(key, level, period)
        memory = (key, level)
        if memory not in self._counts:
            self._counts[memory] = self._count(key, level, period)
        return self._counts[memory]

    def _count(self, key: Key, level: str, period: Period) -> int:
        return sum(len(self.obliged(key, level, part)) for part in self._parts(key, period))

    def count_of(self, key: Key, level: str, period: Period, wanted: str) -> int:
        """As `count`, for the obliged units of one level only."""
        return sum(
            found is not None and found.level == wanted
            for part in self._parts(key, period)
            for found in (
                self._catalogue.units.get(unit, part.end) for unit in self.obliged(key, level, part)
            )
        )

    def _parts(self, key: Key, period: Period) -> list[Period]:
        """The period and the finer ones inside; those of before the unit belong to another of its code."""
        if period.frequency == "month":
            return [period]
        tenure = self._catalogue.units.tenure(key.unit, period.end)
        first = tenure.first if tenure is not None else date.min
        return [period, *(part for part in parts_inside(period, self._catalogue) if first <= part.end)]

    def obliged(self, key: Key, level: str, period: Period) -> frozenset[str]:
        """The units that owe a report for exactly this period, under the unit or the unit itself."""
        levels = {
            obligation.level
            for obligation in self._by_indicator.get(key.indicator, ())
            if obligation.obliges(
                obligation.level, key.indicator, key.calendar, period.frequency, key.basis, period.end
            )
        }
        if not levels:
            return _NOBODY
        if len(levels) == 1:
            return self._units_of(key.unit, level, levels.pop(), period.end)
        return frozenset().union(*(self._units_of(key.unit, level, wanted, period.end) for wanted in levels))

    def _units_of(self, unit: str, level: str, wanted: Level, on: date) -> frozenset[str]:
        if level == wanted:
            return self._find_units(unit, level, wanted, on)
        memory = (unit, level, wanted, on)
        if memory not in self._units:
            self._units[memory] = self._find_units(unit, level, wanted, on)
        return self._units[memory]

    def _find_units(self, unit: str, level: str, wanted: Level, on: date) -> frozenset[str]:
        units = self._catalogue.units
        if level == wanted:
            found = units.get(unit, on)
            return frozenset({unit}) if found is not None and found.level == wanted else _NOBODY
        if level == "nation":
            return frozenset(below.code for below in units.of_level(wanted, on))
        if level == "province" and wanted in ("commune", "department"):
            return frozenset(below.code for below in units.children(unit, on) if below.level == wanted)
        return _NOBODY
