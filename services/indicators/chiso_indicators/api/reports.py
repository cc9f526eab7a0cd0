"""`/v1/submissions`, `/v1/cells` and `/v1/missing`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from chiso_shared.catalogue import canonical_agency
from chiso_shared.contracts.fields import Basis, CalendarName
from fastapi import APIRouter, HTTPException, Query, Request, Response

from chiso_indicators.api import columns
from chiso_indicators.api.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    listing,
    read_cursor,
    single,
    write_cursor,
)
from chiso_indicators.api.parameters import (
    Bases,
    CalendarNames,
    Codes,
    Levels,
    canonical_units,
    clean,
    filters,
    instant,
    key_from_path,
    texts,
)
from chiso_indicators.api.vocabulary import refuse_unknown_codes
from chiso_indicators.core.keys import Key
from chiso_indicators.core.plan import Planner
from chiso_indicators.store import read_reports
from chiso_indicators.store.read import Reader

Outcome = Literal["applied", "unchanged", "superseded", "shadow", "held", "rejected", "quarantined"]


def router(reader: Callable[[], Reader]) -> APIRouter:
    """The endpoints."""
    routes = APIRouter(prefix="/v1", tags=["reports"])

    @routes.get("/submissions/{agency}/{submission_id}")
    async def submission(agency: str, submission_id: UUID) -> Response:
        read = reader()
        found = await read_reports.submission(
            read.pool, read.assembler.planner, clean(canonical_agency(agency) or agency), submission_id
        )
        if found is None:
            raise HTTPException(404, "no such submission has been applied")
        return single(found)

    @routes.get("/submissions")
    async def submissions(
        request: Request,
        agency: Annotated[str | None, Query(max_length=64)] = None,
        since: Annotated[str | None, Query(alias="from", max_length=64)] = None,
        until: Annotated[str | None, Query(alias="to", max_length=64)] = None,
        outcome: Outcome | None = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        place = read_cursor(cursor, (str, str, str))
        items = await read_reports.submissions(
            reader().pool,
            clean(canonical_agency(agency) or agency) if agency is not None else None,
            instant("from", since),
            instant("to", until),
            outcome,
            _submission_place(place) if place else None,
            limit,
        )
        last = items[-1] if len(items) == limit else None
        more = write_cursor([last["accepted_at"], last["submission_id"], last["agency"]]) if last else None
        return listing(request, items, more, columns.SUBMISSIONS)

    @routes.get("/cells")
    async def cells(
        request: Request,
        unit: Codes = None,
        level: Levels = None,
        indicator: Codes = None,
        calendar: CalendarNames = None,
        period: Codes = None,
        basis: Bases = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        read = reader()
        planner, on = read.assembler.planner, read.clock.now().date()
        wanted = filters(planner, on, unit, level, indicator, calendar, period, basis, cursor)
        items = await read_reports.cells(read.pool, wanted, limit)
        more = write_cursor([items[-1][name] for name in Key._fields]) if len(items) == limit else None
        return listing(request, items, more, columns.CELLS)

    @routes.get("/cells/{unit}/{indicator}/{calendar}/{period}/{basis}")
    async def cell(unit: str, indicator: str, calendar: CalendarName, period: str, basis: Basis) -> Response:
        read = reader()
        planner = read.assembler.planner
        key = key_from_path(planner, unit, indicator, calendar, period, basis)
        revisions = await read_reports.revisions(read.pool, key) if key else []
        if key is None or not revisions:
            raise HTTPException(404, "this cell has no report")
        # What is held, rejected or a shadow is shown even where nothing counts yet.
        found = (await read_reports.cells_of(read.pool, [key])).get(key)
        place = planner.place(key.unit, key.calendar, key.period)
        nothing = {**key._asdict(), **(place._asdict() if place else {}), "winner": None}
        return single({**(found or nothing), "revisions": revisions})

    @routes.get("/missing")
    async def missing(
        request: Request,
        unit: Codes = None,
        indicator: Codes = None,
        calendar: CalendarNames = None,
        period: Codes = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        read = reader()
        planner, now = read.assembler.planner, read.clock.now()
        refuse_unknown_codes(planner.catalogue, calendar, unit=unit, indicator=indicator, period=period)
        asked = _periods(planner, calendar, period, now)
        place = read_cursor(cursor, (str,) * 4)
        items = await read_reports.missing(
            read.pool,
            asked,
            canonical_units(planner, unit, now.date()),
            texts(indicator),
            tuple(clean(part) for part in place) if place else None,  # type: ignore[arg-type]
            limit,
        )
        names = ("calendar", "period", "indicator", "unit")
        more = write_cursor([items[-1][name] for name in names]) if len(items) == limit else None
        return listing(request, items, more, columns.MISSING)

    return routes


def _submission_place(place: tuple[str, str, str]) -> tuple[datetime, UUID, str]:
    accepted_at = instant("cursor", place[0])
    try:
        submission_id = UUID(place[1])
    except ValueError as error:
        raise HTTPException(422, "the cursor is not one of this list") from error
    if accepted_at is None:
        raise HTTPException(422, "the cursor is not one of this list")
    return accepted_at, submission_id, clean(place[2])


def _periods(
    planner: Planner, calendars: list[CalendarName] | None, codes: list[str] | None, now: datetime
) -> list[tuple[str, str]]:
    """The periods asked for; without any, the newest one of each calendar that has ended."""
    wanted = calendars or ["administrative", "statistical"]
    if codes:
        return [(calendar, clean(code)) for calendar in wanted for code in codes]
    found: list[tuple[str, str]] = []
    for calendar in wanted:
        running = planner.catalogue.calendars.of_date(calendar, "month", now.date())
        ended = running if running.end_at <= now else planner.catalogue.calendars.following(running, -1)
        if ended is not None:
            found.append((calendar, ended.code))
    return found
