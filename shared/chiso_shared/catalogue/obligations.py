"""Datasets, and who must report them in which periods from when. Pure."""

from dataclasses import dataclass
from datetime import date

from chiso_shared.catalogue.words import Authority, Basis, CalendarName, Frequency, Level


@dataclass(frozen=True, slots=True)
class Dataset:
    """Indicators that are reported together."""

    code: str
    name_vi: str
    name_en: str
    indicators: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Obligation:
    """Units of a level must report a dataset for each period that ends within the validity."""

    dataset: str
    indicators: frozenset[str]
    level: Level
    calendar: CalendarName
    frequency: Frequency
    basis: Basis
    valid_from: date
    valid_to: date | None
    kind: Authority
    source: str

    def obliges(
        self, unit_level: str, indicator: str, calendar: str, frequency: str, basis: str, period_end: date
    ) -> bool:
        """Whether a unit of that level owes that report; the unit's own validity is not looked at."""
        return (
            unit_level == self.level
            and indicator in self.indicators
            and (calendar, frequency, basis) == (self.calendar, self.frequency, self.basis)
            and self.valid_from <= period_end
            and (self.valid_to is None or period_end <= self.valid_to)
        )
