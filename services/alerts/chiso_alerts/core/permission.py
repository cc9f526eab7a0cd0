"""Who may acknowledge, silence and report tasks as done: a key decides for what it may report. Pure.

A key that speaks for a unit and an indicator may also take on the alerts about them; hiding nothing, it needs
no right beyond that. What reaches further than the key's own units and indicators is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

EVERYTHING: Final = "*"
_BELOW: Final = "/*"
Ancestors = Callable[[str], Collection[str]]


@dataclass(frozen=True, slots=True)
class Operator:
    """A valid key. Units: codes, `51/*` for a unit and all below it, `*`; indicators: codes, `DVC.*`, `*`."""

    key_id: str
    agency: str
    units: tuple[str, ...]
    indicators: tuple[str, ...]

    def speaks_for(self, unit: str, ancestors: Ancestors) -> bool:
        """Whether the unit is among the key's; `ancestors` gives the codes above a unit."""
        if EVERYTHING in self.units or unit in self.units:
            return True
        below = {pattern.removesuffix(_BELOW) for pattern in self.units if pattern.endswith(_BELOW)}
        return bool(below) and (unit in below or not below.isdisjoint(ancestors(unit)))

    def knows(self, indicator: str) -> bool:
        """Whether the indicator (dataset, task) is among the key's."""
        prefixes = tuple(pattern[:-1] for pattern in self.indicators if pattern.endswith(".*"))
        return EVERYTHING in self.indicators or indicator in self.indicators or indicator.startswith(prefixes)


def may_decide_on(operator: Operator, unit: str, indicator: str, ancestors: Ancestors) -> bool:
    """Whether the key may decide about one alert."""
    return operator.speaks_for(unit, ancestors) and operator.knows(indicator)


def may_silence(operator: Operator, matchers: Mapping[str, Collection[str]], ancestors: Ancestors) -> bool:
    """Whether everything the matchers can match lies within the key's units and indicators."""
    units = [*matchers.get("unit", ())]
    allowed = bool(units) and all(operator.speaks_for(unit, ancestors) for unit in units)
    provinces = matchers.get("province", ())
    whole = {pattern.removesuffix(_BELOW) for pattern in operator.units if pattern.endswith(_BELOW)}
    within = bool(provinces) and all(province in whole for province in provinces)
    indicators = matchers.get("indicator", ())
    known = bool(indicators) and all(operator.knows(code) for code in indicators)
    return (EVERYTHING in operator.units or allowed or within) and (
        EVERYTHING in operator.indicators or known
    )
