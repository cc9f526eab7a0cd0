"""Periods of both calendars: vector 7, due and closing instants, and the laws every period obeys."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import get_args

import pytest
from chiso_shared.catalogue import HO_CHI_MINH, Period, parse_code
from chiso_shared.catalogue.words import CALENDARS, FREQUENCIES, Frequency, Level
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.catalogue_seeds import seeds

DAYS = st.dates(date(2001, 1, 1), date(2198, 12, 31))
YEARS = st.integers(2000, 2199)
CALENDAR = st.sampled_from(CALENDARS)
PERIODS = st.builds(
    lambda calendar, year, place: seeds().calendars.periods_of_year(calendar, year)[place],
    CALENDAR,
    YEARS,
    st.integers(0, 19),
)


def period(calendar: str, code: str) -> Period:
    found = seeds().calendars.parse(calendar, code)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("calendar", "code", "start", "end"),
    [
        ("administrative", "2025-10", date(2025, 9, 15), date(2025, 10, 14)),
        ("administrative", "2026-01", date(2025, 12, 15), date(2026, 1, 14)),
        ("administrative", "2025-Q4", date(2025, 9, 15), date(2025, 12, 14)),
        ("administrative", "2025-H2", date(2025, 6, 15), date(2025, 12, 14)),
        ("administrative", "2025-9M", date(2024, 12, 15), date(2025, 9, 14)),
        ("administrative", "2025", date(2024, 12, 15), date(2025, 12, 14)),
        ("statistical", "2025-10", date(2025, 10, 1), date(2025, 10, 31)),
        ("statistical", "2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("statistical", "2025-H1", date(2025, 1, 1), date(2025, 6, 30)),
        ("statistical", "2025", date(2025, 1, 1), date(2025, 12, 31)),
    ],
)
def test_vector_7_days_of_periods(calendar: str, code: str, start: date, end: date) -> None:
    found = period(calendar, code)
    assert (found.start, found.end) == (start, end)


def test_vector_7_24_december_2025_lies_in_administrative_2026() -> None:
    day = date(2025, 12, 24)
    assert seeds().calendars.of_date("administrative", "year", day).code == "2026"
    assert seeds().calendars.of_date("administrative", "month", day).code == "2026-01"
    assert seeds().calendars.of_date("statistical", "year", day).code == "2025"


def test_administrative_month_communes_the_20th_province_the_25th_closed_ten_days_later() -> None:
    october = period("administrative", "2025-10")
    assert october.due_on("commune") == october.due_on("department") == date(2025, 10, 20)
    assert october.due_on("province") == october.due_on("nation") == date(2025, 10, 25)
    assert october.close_on == date(2025, 11, 4)
    assert october.end_at == datetime(2025, 10, 14, 17, tzinfo=UTC)
    assert october.due_at("commune") == datetime(2025, 10, 20, 17, tzinfo=UTC)
    assert october.close_at == datetime(2025, 11, 4, 17, tzinfo=UTC)


def test_every_calendar_closes_ten_days_after_the_provinces_due_day() -> None:
    for calendar in CALENDARS:
        for one in seeds().calendars.periods_of_year(calendar, 2025):
            assert one.close_on - one.due_on("province") == timedelta(days=10)
            assert one.due_on("province").day == (25 if calendar == "administrative" else 10)
    assert period("statistical", "2025-10").due_on("commune") == date(2025, 11, 10)


def test_phases_by_the_clock_change_at_midnight_in_viet_nam() -> None:
    october = period("administrative", "2025-10")
    instants = [october.end_at, october.close_at]
    moment = timedelta(microseconds=1)
    assert [october.phase(at - moment) for at in instants] == ["open", "collecting"]
    assert [october.phase(at) for at in instants] == ["collecting", "closed"]
    assert october.phase(datetime(2025, 10, 14, 16, 59, 59, tzinfo=UTC)) == "open"


def test_coarser_periods_of_the_same_calendar() -> None:
    assert period("administrative", "2025-05").coarser == ("2025-Q2", "2025-H1", "2025-9M", "2025")
    assert period("statistical", "2025-10").coarser == ("2025-Q4", "2025-H2", "2025")
    assert period("statistical", "2025-Q3").coarser == ("2025-H2", "2025-9M", "2025")
    assert period("statistical", "2025-H1").coarser == ("2025-9M", "2025")
    assert period("statistical", "2025").coarser == ()


def test_months_of_a_period_are_in_order() -> None:
    assert period("administrative", "2025-Q4").months == ("2025-10", "2025-11", "2025-12")
    assert period("administrative", "2025-10").months == ("2025-10",)
    assert len(period("administrative", "2025-9M").months) == 9


def test_sdmx_marks_a_year_that_is_no_calendar_year() -> None:
    assert period("administrative", "2025").sdmx_code == "2025-A1"
    assert period("statistical", "2025").sdmx_code == "2025"
    assert period("administrative", "2025-10").sdmx_code == "2025-10"


NO_CODES = ["", "25", "2025-", "2025-13", "2025-00", "2025-Q5", "2025-H3", "2025-9m", "2025-1", "2025-A1"]
NO_CODES += ["0000", "99999", "2025-10-01", " 2025", "2025\n", "２０２５", "1999", "2200", "2025-q4"]


@pytest.mark.parametrize("code", NO_CODES)
def test_other_texts_are_no_period(code: str) -> None:
    assert parse_code(code) is None
    assert all(seeds().calendars.parse(calendar, code) is None for calendar in CALENDARS)


def test_an_unknown_calendar_has_no_periods() -> None:
    assert seeds().calendars.parse("lunar", "2025-10") is None
    with pytest.raises(ValueError, match="lunar"):
        seeds().calendars.of_date("lunar", "month", date(2025, 10, 1))


def test_nine_months_do_not_contain_the_last_quarter() -> None:
    with pytest.raises(ValueError, match="nine_months"):
        seeds().calendars.of_date("statistical", "nine_months", date(2025, 10, 1))


@given(CALENDAR, YEARS, st.sampled_from(["month", "quarter", "half"]))
def test_parts_partition_the_year(calendar: str, year: int, frequency: Frequency) -> None:
    parts = seeds().calendars.periods_of_year(calendar, year, frequency)
    whole = period(calendar, f"{year:04d}")
    assert (parts[0].start, parts[-1].end) == (whole.start, whole.end)
    for one, other in pairwise(parts):
        assert other.start - one.end == timedelta(days=1)


@given(CALENDAR, DAYS, st.sampled_from([name for name in FREQUENCIES if name != "nine_months"]))
def test_a_day_lies_in_exactly_one_period_of_a_frequency(
    calendar: str, day: date, frequency: Frequency
) -> None:
    found = seeds().calendars.of_date(calendar, frequency, day)
    assert found.contains(day) and found.start <= day <= found.end
    around = [
        one
        for year in (day.year - 1, day.year, day.year + 1)
        for one in seeds().calendars.periods_of_year(calendar, year, frequency)
    ]
    assert [one.code for one in around if one.contains(day)] == [found.code]


@given(PERIODS)
def test_codes_round_trip(one: Period) -> None:
    assert seeds().calendars.parse(one.calendar, one.code) == one
    if one.frequency != "nine_months":
        assert seeds().calendars.of_date(one.calendar, one.frequency, one.start) == one
        assert seeds().calendars.of_date(one.calendar, one.frequency, one.end) == one


@given(PERIODS)
def test_a_period_is_its_months_and_lies_within_the_coarser_ones(one: Period) -> None:
    months = [period(one.calendar, code) for code in one.months]
    assert (months[0].start, months[-1].end) == (one.start, one.end)
    for code in one.coarser:
        coarser = period(one.calendar, code)
        assert coarser.start <= one.start and one.end <= coarser.end and len(coarser.months) > len(one.months)
        assert set(one.months) < set(coarser.months)


@given(PERIODS)
def test_start_end_due_and_close_follow_each_other(one: Period) -> None:
    for level in get_args(Level):
        assert one.start_at < one.end_at < one.due_at(level) < one.close_at
    assert one.due_at("commune") <= one.due_at("province")
    assert one.end_at.tzinfo is HO_CHI_MINH and one.end_at.hour == 0


@given(PERIODS, st.integers(-3, 3))
def test_following_goes_back_and_forth(one: Period, steps: int) -> None:
    other = seeds().calendars.following(one, steps)
    if other is not None:
        assert other.frequency == one.frequency and seeds().calendars.following(other, -steps) == one
    if other is not None and steps == 1 and one.frequency != "nine_months":
        assert other.start - one.end == timedelta(days=1)
