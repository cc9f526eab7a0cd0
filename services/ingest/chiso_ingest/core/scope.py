"""What a key may do: units, indicators, actions. Pure matching; keys themselves are none of its business."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from chiso_shared.catalogue.units import Units

EVERYTHING = "*"
BELOW = "/*"


@dataclass(frozen=True, slots=True)
class Scope:
    """The rights of one agency. `agency` None (only offline) takes whatever agency the document names.

    Units: exact codes, `51/*` for a unit and all below it, `*`. Indicators: exact codes, `DVC.*`, `*`.
    """

    agency: str | None
    every_unit: bool
    units: frozenset[str]
    units_and_below: frozenset[str]
    every_indicator: bool
    indicators: frozenset[str]
    indicator_prefixes: tuple[str, ...]
    actions: frozenset[str]

    @classmethod
    def of(
        cls, agency: str | None, units: Iterable[str], indicators: Iterable[str], actions: Iterable[str]
    ) -> Scope:
        """The scope that the patterns of a key describe."""
        units, indicators = frozenset(units), frozenset(indicators)
        wildcards = {pattern for pattern in indicators if pattern.endswith(".*")}
        return cls(
            agency=agency,
            every_unit=EVERYTHING in units,
            units=frozenset(pattern for pattern in units if not pattern.endswith(BELOW)),
            units_and_below=frozenset(p.removesuffix(BELOW) for p in units if p.endswith(BELOW)),
            every_indicator=EVERYTHING in indicators,
            indicators=indicators - wildcards,
            indicator_prefixes=tuple(sorted(pattern[:-1] for pattern in wildcards)),
            actions=frozenset(actions),
        )

    @classmethod
    def unlimited(cls, agency: str | None = None) -> Scope:
        """Every unit, indicator and action: what an offline check assumes."""
        return cls.of(agency, (EVERYTHING,), (EVERYTHING,), ("report", "withdraw"))

    def allows_unit(self, code: str, units: Units, on: date) -> bool:
        """Whether the key may speak for a unit (canonical code) as it stands on that day."""
        if self.every_unit or code in self.units or code in self.units_and_below:
            return True
        return bool(self.units_and_below) and not self.units_and_below.isdisjoint(units.ancestors(code, on))

    def allows_indicator(self, code: str) -> bool:
        """Whether the key may report an indicator."""
        return self.every_indicator or code in self.indicators or code.startswith(self.indicator_prefixes)
