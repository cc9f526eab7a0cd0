"""Query and path parameters that several endpoints share, with their closed vocabularies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any

from chiso_shared.contracts.fields import Basis, CalendarName, Level
from fastapi import HTTPException, Query

from chiso_indicators.api.paging import read_cursor
from chiso_indicators.api.vocabulary import refuse_unknown_codes
from chiso_indicators.core.keys import Key
from chiso_indicators.core.plan import Planner
from chiso_indicators.store.read import Filters

Code = Annotated[str, Query(max_length=64)]
Codes = Annotated[list[Code] | None, Query()]
Levels = Annotated[list[Level] | None, Query()]
CalendarNames = Annotated[list[CalendarName] | None, Query()]
Bases = Annotated[list[Basis] | None, Query()]
Instant = Annotated[str | None, Query(max_length=64)]


def instant(name: str, text: str | None) -> datetime | None:
    """An RFC 3339 instant with an offset; a date means its first instant in UTC. 422 for anything else."""
    if text is None:
        return None
    try:
        # A plus sign that nobody encoded arrives as a space.
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise HTTPException(422, f"{name} is not an RFC 3339 instant") from error
    if found.tzinfo is None:
        if len(text) > len("2025-10-20"):
            raise HTTPException(422, f"{name} needs an offset, like Z or +07:00")
        found = found.replace(tzinfo=UTC)
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise HTTPException(422, f"{name} is out of range") from error


def canonical_units(planner: Planner, codes: Sequence[str] | None, on: date) -> list[str] | None:
    """Units by any code, as cells name them. Codes of another time stay: old rows have them."""
    if not codes:
        return None
    found = ((code, planner.catalogue.units.resolve(code, on)) for code in codes)
    return [unit.code if unit is not None else clean(code) for code, unit in found]


def clean(text: str) -> str:
    """Text that PostgreSQL takes; NUL can be in no key."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def texts(values: Sequence[Any] | None) -> list[str] | None:
    """Filter values as text; an empty filter is none."""
    return [clean(str(value)) for value in values] if values else None


def filters(
    planner: Planner,
    on: date,
    unit: Sequence[str] | None,
    level: Sequence[str] | None,
    indicator: Sequence[str] | None,
    calendar: Sequence[str] | None,
    period: Sequence[str] | None,
    basis: Sequence[str] | None,
    cursor: str | None,
) -> Filters:
    """The filters of a list by key. Raises BadParameters for codes that nothing ever matches."""
    refuse_unknown_codes(planner.catalogue, calendar, unit=unit, indicator=indicator, period=period)
    place = read_cursor(cursor, (str,) * 5)
    return Filters(
        units=canonical_units(planner, unit, on),
        levels=texts(level),
        indicators=texts(indicator),
        calendars=texts(calendar),
        periods=texts(period),
        bases=texts(basis),
        after=Key(*(clean(part) for part in place)) if place else None,
    )


def key_from_path(
    planner: Planner, unit: str, indicator: str, calendar: str, period: str, basis: str
) -> Key | None:
    """The key of a path, its unit by any code valid at the period's end; None when nothing can be there."""
    found = planner.period(calendar, period)
    if found is None or indicator not in planner.catalogue.indicators:
        return None
    known = planner.catalogue.units.resolve(unit, found.end)
    return Key(known.code, indicator, calendar, period, basis) if known is not None else None
