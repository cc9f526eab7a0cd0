"""The catalogue as a whole: one frozen value that every service starts from. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from chiso_shared.catalogue.authorities import Authorities
from chiso_shared.catalogue.calendars import Calendars
from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.obligations import Dataset, Obligation
from chiso_shared.catalogue.registers import PublishedFigure, SourceDocument, StatusRule, System, Task
from chiso_shared.catalogue.rules import Rule
from chiso_shared.catalogue.targets import Targets
from chiso_shared.catalogue.units import Predecessor, Units


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything people edit in `seeds/`, checked and typed. `version` is the hash of its content.

    `files` is that content, by name: `parse_catalogue` makes the same catalogue of it again.
    """

    version: str
    units: Units = field(repr=False)
    predecessors: tuple[Predecessor, ...] = field(repr=False)
    indicators: Mapping[str, Indicator] = field(repr=False)
    calendars: Calendars = field(repr=False)
    datasets: Mapping[str, Dataset] = field(repr=False)
    obligations: tuple[Obligation, ...] = field(repr=False)
    targets: Targets = field(repr=False)
    rules: tuple[Rule, ...] = field(repr=False)
    tasks: tuple[Task, ...] = field(repr=False)
    systems: Mapping[str, System] = field(repr=False)
    sources: Mapping[str, SourceDocument] = field(repr=False)
    published: tuple[PublishedFigure, ...] = field(repr=False)
    routes: Mapping[str, int] = field(repr=False)
    status_rules: tuple[StatusRule, ...] = field(repr=False)
    references: Mapping[int, str] = field(repr=False)
    authorities: Authorities = field(repr=False, default=Authorities())
    files: Mapping[str, bytes] = field(repr=False, compare=False, default_factory=dict)

    def obliged(
        self, unit_level: str, indicator: str, calendar: str, frequency: str, basis: str, period_end: date
    ) -> bool:
        """Whether any obligation makes units of that level report it (docs/semantics.md §5)."""
        return any(
            obligation.obliges(unit_level, indicator, calendar, frequency, basis, period_end)
            for obligation in self.obligations
        )

    @property
    def status_rule(self) -> StatusRule:
        """The newest version of the colour rule; see `status_rule_on` for a period."""
        return self.status_rules[-1]

    def status_rule_on(self, on: date) -> StatusRule:
        """The newest version of the colour rule in force on a day (the first one before that)."""
        in_force = [
            rule for rule in self.status_rules if rule.in_force_from is None or rule.in_force_from <= on
        ]
        return in_force[-1] if in_force else self.status_rules[0]
