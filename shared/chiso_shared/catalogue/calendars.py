"""The two reporting calendars together: from a code or a day to a period. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from chiso_shared.catalogue.periods import (
    FIRST_YEAR,
    LAST_YEAR,
    CalendarRule,
    Period,
    codes_of_year,
    month_code,
    parse_code,
    period_of,
)
from chiso_shared.catalogue.words import Frequency


@dataclass(frozen=True, slots=True)
class Calendars:
    """Rules by (calendar, frequency). They never mix: a period belongs to one (docs/semantics.md §2)."""

    rules: Mapping[tuple[str, str], CalendarRule]
    # Every rollup asks for its period, more than once. Only codes that are periods: a few thousand at most.
    _known: dict[tuple[str, str], Period] = field(default_factory=dict, init=False, repr=False, compare=False)

    def parse(self, calendar: str, code: str) -> Period | None:
        """The period of a code in a calendar; None when either is unknown."""
        known = self._known.get((calendar, code))
        if known is not None:
            return known
        span = parse_code(code)
        rule = self.rules.get((calendar, span.frequency)) if span is not None else None
        period = period_of(code, rule) if rule is not None else None
        if period is not None:
            self._known[calendar, code] = period
        return period

    def periods_of_year(
        self, calendar: str, year: int, frequency: Frequency | None = None
    ) -> tuple[Period, ...]:
        """The periods of a calendar's year, finest first; only those of `frequency` if it is given."""
        found = (self.parse(calendar, code) for code in codes_of_year(year))
        return tuple(
            period for period in found if period is not None and frequency in (None, period.frequency)
        )

    def of_date(self, calendar: str, frequency: Frequency, day: date) -> Period:
        """The period of that frequency in which the day lies (24 Dec 2025 is in administrative 2026).

        Raises ValueError for an unknown calendar, a year outside 2000 to 2199, and for `nine_months` when the
        day is in the last quarter of the calendar's year.
        """
        for year in (day.year, day.year + 1, day.year - 1):
            if not FIRST_YEAR <= year <= LAST_YEAR:
                continue
            for period in self.periods_of_year(calendar, year, frequency):
                if period.contains(day):
                    return period
        raise ValueError(f"{day} lies in no {frequency} of the calendar {calendar!r}")

    def following(self, period: Period, steps: int = 1) -> Period | None:
        """The period `steps` later (negative: earlier) of the same calendar and frequency; None out of range.

        Nine months follow nine months, a year later.
        """
        if period.frequency == "nine_months":
            return self.parse(period.calendar, f"{period.year + steps:04d}-9M")
        first = period.span.first_month + steps * period.span.length_months
        if not FIRST_YEAR * 12 <= first < (LAST_YEAR + 1) * 12:
            return None
        month = self.parse(period.calendar, month_code(first))
        if month is None or period.frequency == "month":
            return month
        containing = (self.parse(period.calendar, code) for code in month.coarser)
        return next((other for other in containing if other and other.frequency == period.frequency), None)
