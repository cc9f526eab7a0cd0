"""Which rules look at which rollups, and what messages need to name them: a view of the catalogue. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from chiso_shared.catalogue.catalogue import Catalogue
from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.rules import Rule
from chiso_shared.catalogue.units import Unit
from chiso_shared.contracts.rollup import Rollup

NATION: Final = "VN"


class UnsupportedRules(ValueError):
    """The catalogue names rules of kinds that this version does not apply; none is silently skipped."""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules in force by id, and their index by indicator."""

    catalogue: Catalogue
    rules: Mapping[str, Rule]
    _by_indicator: Mapping[str, tuple[Rule, ...]]

    @classmethod
    def of(cls, catalogue: Catalogue) -> RuleBook:
        """Raises UnsupportedRules, naming every rule that cannot be applied."""
        refused = [f"{rule.id} ({rule.kind})" for rule in catalogue.rules if rule.kind != "threshold"]
        if refused:
            raise UnsupportedRules(f"rules of a kind that is not applied yet: {', '.join(refused)}")
        index: dict[str, list[Rule]] = {}
        for rule in catalogue.rules:
            for code in rule.indicators:
                index.setdefault(code, []).append(rule)
        rules = {rule.id: rule for rule in catalogue.rules}
        return cls(catalogue, rules, {code: tuple(found) for code, found in index.items()})

    def covering(self, rollup: Rollup) -> tuple[Rule, ...]:
        """The rules that look at that rollup, in the catalogue's order."""
        found = self._by_indicator.get(rollup.indicator, ())
        return tuple(rule for rule in found if self.covers(rule, rollup))

    def covers(self, rule: Rule, rollup: Rollup) -> bool:
        """Whether a rule looks at a rollup."""
        return rule.covers(rollup.indicator, rollup.level, rollup.calendar, rollup.basis)

    def indicator(self, rollup: Rollup) -> Indicator:
        """The definition of a covered rollup's indicator."""
        return self.catalogue.indicators[rollup.indicator]

    def unit(self, rollup: Rollup) -> Unit | None:
        """The unit as it is at the end of the rollup's period; None when it is none then."""
        period = self.catalogue.calendars.parse(rollup.calendar, rollup.period)
        return self.catalogue.units.get(rollup.unit, period.end) if period is not None else None

    def province(self, rollup: Rollup) -> str:
        """The province a unit is in at the end of the period, a label of metrics; `VN` for the nation."""
        if rollup.level in ("nation", "province"):
            return rollup.unit
        unit = self.unit(rollup)
        return unit.parent if unit is not None and unit.parent is not None else NATION
