"""Which rules look at what, and what messages need to name it: a view of the catalogue. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from chiso_shared.catalogue.catalogue import Catalogue
from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.periods import Period
from chiso_shared.catalogue.registers import Task
from chiso_shared.catalogue.rules import Rule
from chiso_shared.catalogue.units import Unit
from chiso_shared.contracts.rollup import Rollup

from chiso_alerts.core.measure import needs_previous
from chiso_alerts.core.missing import DatasetKey, obliged_indicators

NATION: Final = "VN"
RollupKey = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about, in words: an indicator, a dataset or a task."""

    name_vi: str
    name_en: str
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules in force by id, and what they look at."""

    catalogue: Catalogue
    rules: Mapping[str, Rule]
    tasks: Mapping[str, Task]
    _by_indicator: Mapping[str, tuple[Rule, ...]]
    _missing_by_indicator: Mapping[str, tuple[tuple[Rule, str], ...]]
    _covering: dict[tuple[str, str, str, str], tuple[Rule, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )

    @classmethod
    def of(cls, catalogue: Catalogue) -> RuleBook:
        """The book of a catalogue, which has been checked."""
        judging: dict[str, list[Rule]] = {}
        missing: dict[str, list[tuple[Rule, str]]] = {}
        for rule in catalogue.rules:
            if rule.kind == "missing":
                for dataset in rule.indicators:
                    for code in catalogue.datasets[dataset].indicators:
                        missing.setdefault(code, []).append((rule, dataset))
                continue
            for code in rule.indicators:
                judging.setdefault(code, []).append(rule)
        return cls(
            catalogue,
            {rule.id: rule for rule in catalogue.rules},
            {task.id: task for task in catalogue.tasks},
            {code: tuple(found) for code, found in judging.items()},
            {code: tuple(found) for code, found in missing.items()},
        )

    def covering(self, rollup: Rollup) -> tuple[Rule, ...]:
        """The rules that judge that rollup, in the catalogue's order."""
        kind = rollup.indicator, rollup.level, rollup.calendar, rollup.basis
        known = self._covering.get(kind)
        if known is None:
            judging = self._by_indicator.get(rollup.indicator, ())
            known = tuple(rule for rule in judging if self.covers(rule, rollup))
            if judging:  # as many kinds as there are combinations of words of the catalogue
                self._covering[kind] = known
        return known

    def covers(self, rule: Rule, rollup: Rollup) -> bool:
        """Whether a rule judges a rollup."""
        return rule.covers(rollup.indicator, rollup.level, rollup.calendar, rollup.basis)

    def of_kind(self, kind: str) -> tuple[Rule, ...]:
        """The rules of a kind."""
        return tuple(rule for rule in self.rules.values() if rule.kind == kind)

    def still_covers(self, rule: Rule, rollup: Rollup) -> bool:
        """Whether an alert of the rule about this input may go on; tasks are looked at by themselves."""
        match rule.kind:
            case "task":
                return True
            case "missing":
                named = rollup.indicator in rule.indicators
                key = DatasetKey(rollup.unit, rollup.indicator, rollup.calendar, rollup.period, rollup.basis)
                watched = named and rollup.calendar in rule.calendars and rollup.basis in rule.bases
                return watched and bool(self.obliged(key))
        return rollup.indicator in self.catalogue.indicators and self.covers(rule, rollup)

    # Missing reports

    def watched_datasets(self, rollup: Rollup) -> tuple[tuple[Rule, DatasetKey], ...]:
        """The missing rules, with the dataset, that a province's rollup can say something about."""
        return tuple(
            (rule, DatasetKey(rollup.unit, dataset, rollup.calendar, rollup.period, rollup.basis))
            for rule, dataset in self._missing_by_indicator.get(rollup.indicator, ())
            if rollup.level in rule.levels
            and rollup.calendar in rule.calendars
            and rollup.basis in rule.bases
        )

    def obliged(self, key: DatasetKey) -> frozenset[str]:
        """The indicators of the dataset that are owed for that period."""
        period = self.period(key.calendar, key.period)
        if period is None:
            return frozenset()
        return obliged_indicators(self.catalogue, key.dataset, key.calendar, key.basis, period)

    # Falls

    def period(self, calendar: str, code: str) -> Period | None:
        """The period of a code."""
        return self.catalogue.calendars.parse(calendar, code)

    def neighbour(self, rollup: Rollup, steps: int) -> RollupKey | None:
        """The key of the same rollup some periods later (negative: earlier), if a fall rule compares them."""
        if not any(needs_previous(rule, rollup.basis) for rule in self.covering(rollup)):
            return None
        period = self.period(rollup.calendar, rollup.period)
        other = None if period is None else self.catalogue.calendars.following(period, steps)
        if other is None:
            return None
        return rollup.unit, rollup.indicator, rollup.calendar, other.code, rollup.basis

    # Names

    def indicator(self, rollup: Rollup) -> Indicator:
        """The definition of a covered rollup's indicator."""
        return self.catalogue.indicators[rollup.indicator]

    def subject(self, rollup: Rollup) -> Subject:
        """What stands as the indicator, in words; its code where the catalogue has it no more."""
        code = rollup.indicator
        indicator = self.catalogue.indicators.get(code)
        if indicator is not None:
            return Subject(indicator.name_vi, indicator.name_en, indicator.decimals)
        dataset = self.catalogue.datasets.get(code)
        if dataset is not None:
            return Subject(dataset.name_vi, dataset.name_en)
        task = self.tasks.get(code)
        return Subject(code, code) if task is None else Subject(task.text_vi, task.text_en, 0)

    def unit(self, rollup: Rollup) -> Unit | None:
        """The unit as it is at the end of the rollup's period; None when it is none then."""
        period = self.period(rollup.calendar, rollup.period)
        return self.catalogue.units.get(rollup.unit, period.end) if period is not None else None

    def unit_names(self, rollup: Rollup, codes: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Vietnamese and English names of units at the end of the rollup's period."""
        period = self.period(rollup.calendar, rollup.period)
        if period is None:
            return {}
        units = (self.catalogue.units.get(code, period.end) for code in codes)
        return {unit.code: (unit.name_vi_full, unit.name_en) for unit in units if unit is not None}

    def province(self, rollup: Rollup) -> str:
        """The province a unit is in at the end of the period, a label of metrics; `VN` for the nation."""
        if rollup.level in ("nation", "province"):
            return rollup.unit
        unit = self.unit(rollup)
        return unit.parent if unit is not None and unit.parent is not None else NATION
