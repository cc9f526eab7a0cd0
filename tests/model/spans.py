"""Periods as the model sees them: days and instants out of `calendars.csv`. No service code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache, cached_property

HANOI = timezone(timedelta(hours=7))


def day_of(month_number: int, day: str) -> date:
    """A day of a month counted from year 0; `last` is its last day."""
    year, month = divmod(month_number, 12)
    if day != "last":
        return date(year, month + 1, int(day))
    following = month_number + 1
    return date(following // 12, following % 12 + 1, 1) - timedelta(days=1)


def after(day: date) -> datetime:
    """The first instant after a day in Viet Nam."""
    return datetime(day.year, day.month, day.day, tzinfo=HANOI) + timedelta(days=1)


@cache
def months_of(code: str) -> range:
    """The months a code stands for, counted from year 0."""
    january, part = int(code[:4]) * 12, code[5:]
    if not part:
        return range(january, january + 12)
    if part == "9M":
        return range(january, january + 9)
    if part[0] in "QH":
        length = {"Q": 3, "H": 6}[part[0]]
        first = january + length * (int(part[1]) - 1)
        return range(first, first + length)
    return range(january + int(part) - 1, january + int(part))


@cache
def frequency_of(code: str) -> str:
    """month, quarter, half, nine_months or year."""
    return {1: "month", 3: "quarter", 6: "half", 9: "nine_months", 12: "year"}[len(months_of(code))]


@cache
def codes_of(year: int) -> list[str]:
    """All codes of a year, finest first."""
    parts = [f"-{month:02d}" for month in range(1, 13)] + [f"-Q{n}" for n in range(1, 5)]
    return [f"{year}{part}" for part in (*parts, "-H1", "-H2", "-9M", "")]


@cache
def inside(code: str) -> list[str]:
    """The finer codes that a longer period is made of. Halves make a year; nine months do not tile it."""
    whole = months_of(code)
    return [
        other
        for other in codes_of(int(code[:4]))
        if len(months_of(other)) < len(whole)
        and set(months_of(other)) <= set(whole)
        and frequency_of(other) != "nine_months"
    ]


@cache
def before(code: str) -> str | None:
    """The code one period earlier in the same year."""
    here, first = frequency_of(code), months_of(code)[0]
    earlier = [
        other
        for other in codes_of(int(code[:4]))
        if frequency_of(other) == here and months_of(other)[-1] == first - 1
    ]
    return earlier[0] if earlier else None


@dataclass(frozen=True)
class Span:
    """One period of one calendar."""

    code: str
    rule: Mapping[str, str]

    @cached_property
    def start(self) -> date:
        """First day."""
        first = months_of(self.code)[0] + int(self.rule["start_month_offset"])
        return day_of(first, self.rule["start_day"])

    @cached_property
    def end(self) -> date:
        """Last day."""
        last = months_of(self.code)[-1] + int(self.rule["end_month_offset"])
        return day_of(last, self.rule["end_day"])

    @cached_property
    def end_at(self) -> datetime:
        """The instant the period is over."""
        return after(self.end)

    def due_at(self, level: str) -> datetime:
        """The end of the due day of communes and departments, or of provinces and the nation."""
        prefix = "commune_" if level in ("commune", "department") else ""
        last = months_of(self.code)[-1] + int(self.rule[f"{prefix}due_month_offset"])
        return after(day_of(last, self.rule[f"{prefix}due_day"]))

    @cached_property
    def close_at(self) -> datetime:
        """The end of the closing day."""
        return self.due_at("province") + timedelta(days=int(self.rule["close_days_after_due"]))
