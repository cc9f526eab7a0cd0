"""Periods of the reporting calendars: codes, days, due and closing instants, phases. Pure: now comes in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Final, Literal

from chiso_shared.catalogue.words import CalendarName, Frequency, Level

# Viet Nam has kept UTC+7 without daylight saving time since 1975: a fixed offset needs no time zone database.
HO_CHI_MINH: Final = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2199
_CODE: Final = re.compile(r"([0-9]{4})(?:-(0[1-9]|1[0-2]|Q[1-4]|H[12]|9M))?")


@dataclass(frozen=True, slots=True)
class CodeSpan:
    """What a period's code says, whatever the calendar: frequency and months (from year 0, inclusive)."""

    frequency: Frequency
    first_month: int
    last_month: int

    def contains(self, other: "CodeSpan") -> bool:
        """Whether every month of the other code lies within this one."""
        return self.first_month <= other.first_month and other.last_month <= self.last_month

    @property
    def length_months(self) -> int:
        """1, 3, 6, 9 or 12."""
        return self.last_month - self.first_month + 1


@lru_cache(maxsize=8_192)
def parse_code(code: str) -> CodeSpan | None:
    """Read `2025-10`, `2025-Q4`, `2025-H2`, `2025-9M` or `2025`; else None (years 2000 to 2199)."""
    match = _CODE.fullmatch(code)
    if match is None or not FIRST_YEAR <= int(match[1]) <= LAST_YEAR:
        return None
    january = int(match[1]) * 12
    part = match[2]
    if part is None:
        return CodeSpan("year", january, january + 11)
    if part == "9M":
        return CodeSpan("nine_months", january, january + 8)
    if part[0] == "Q":
        first = january + 3 * (int(part[1]) - 1)
        return CodeSpan("quarter", first, first + 2)
    if part[0] == "H":
        first = january + 6 * (int(part[1]) - 1)
        return CodeSpan("half", first, first + 5)
    month = january + int(part) - 1
    return CodeSpan("month", month, month)


def month_code(month: int) -> str:
    """The code of a month counted from year 0."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


@dataclass(frozen=True, slots=True)
class CalendarRule:
    """Cut-offs of one frequency of one calendar.

    Offsets count months from the period's first (start) or last month (end, due); `end_day` None is the last
    day of the month; `due` maps a level to (day, month offset)."""

    calendar: CalendarName
    frequency: Frequency
    name_vi: str
    name_en: str
    start_day: int
    start_month_offset: int
    end_day: int | None
    end_month_offset: int
    due: Mapping[Level, tuple[int, int]]
    close_days_after_due: int
    due_status: str
    commune_due_status: str
    start_rule: str
    end_rule: str
    due_rule: str
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class Period:
    """A span of one calendar: days inclusive; `months` and `coarser` are codes of the same calendar."""

    calendar: CalendarName
    code: str
    frequency: Frequency
    start: date
    end: date
    months: tuple[str, ...]
    coarser: tuple[str, ...]
    span: CodeSpan = field(repr=False)
    rule: CalendarRule = field(repr=False, compare=False)

    @property
    def year(self) -> int:
        """The calendar's year the period belongs to (administrative 2025 runs 15 Dec 2024 to 14 Dec 2025)."""
        return self.span.first_month // 12

    @property
    def sdmx_code(self) -> str:
        """As SDMX writes it: a year that is no calendar year is `2025-A1`."""
        calendar_year = self.start == date(self.year, 1, 1)
        return self.code if self.frequency != "year" or calendar_year else f"{self.code}-A1"

    def contains(self, day: date) -> bool:
        """Whether the day lies in the period."""
        return self.start <= day <= self.end

    @property
    def start_at(self) -> datetime:
        """The first instant of the period."""
        return _midnight(self.start)

    @property
    def end_at(self) -> datetime:
        """The end of the last day: the first instant that is no longer in the period."""
        return _midnight(self.end + timedelta(days=1))

    def due_on(self, level: Level) -> date:
        """The day on which reports of units of that level are due."""
        day, offset = self.rule.due[level]
        return _day(self.span.last_month + offset, day)

    def due_at(self, level: Level) -> datetime:
        """The end of the due day; a report accepted not after it is on time."""
        return _midnight(self.due_on(level) + timedelta(days=1))

    @property
    def close_on(self) -> date:
        """The last day before the close: the province's due day and the days the calendar adds."""
        return self.due_on("province") + timedelta(days=self.rule.close_days_after_due)

    @property
    def close_at(self) -> datetime:
        """The end of the closing day; from this instant on the period is closed."""
        return _midnight(self.close_on + timedelta(days=1))

    def phase(self, now: datetime) -> Literal["open", "collecting", "closed"]:
        """The phase by the clock alone (docs/semantics.md §2). `now` is aware; reopening is an operation."""
        if now < self.end_at:
            return "open"
        return "collecting" if now < self.close_at else "closed"


def period_of(code: str, rule: CalendarRule) -> Period | None:
    """The period of a code under a calendar's rule; None when the code is of another frequency or is none."""
    span = parse_code(code)
    if span is None or span.frequency != rule.frequency:
        return None
    return Period(
        calendar=rule.calendar,
        code=code,
        frequency=span.frequency,
        start=_day(span.first_month + rule.start_month_offset, rule.start_day),
        end=_day(span.last_month + rule.end_month_offset, rule.end_day),
        months=tuple(month_code(month) for month in range(span.first_month, span.last_month + 1)),
        coarser=tuple(code for code in codes_of_year(span.first_month // 12) if _coarser(code, span)),
        span=span,
        rule=rule,
    )


def codes_of_year(year: int) -> tuple[str, ...]:
    """Every code of a year, finest first: twelve months, four quarters, two halves, nine months, the year."""
    months = tuple(f"{year:04d}-{month:02d}" for month in range(1, 13))
    quarters = tuple(f"{year:04d}-Q{quarter}" for quarter in range(1, 5))
    return (*months, *quarters, f"{year:04d}-H1", f"{year:04d}-H2", f"{year:04d}-9M", f"{year:04d}")


def _coarser(code: str, span: CodeSpan) -> bool:
    other = parse_code(code)
    return other is not None and other.length_months > span.length_months and other.contains(span)


def _day(month: int, day: int | None) -> date:
    if day is not None:
        return date(month // 12, month % 12 + 1, day)
    following = month + 1
    return date(following // 12, following % 12 + 1, 1) - timedelta(days=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, HO_CHI_MINH)
