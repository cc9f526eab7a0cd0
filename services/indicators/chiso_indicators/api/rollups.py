"""`/v1/rollups` and `/v1/changes`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from chiso_shared.contracts.fields import Basis, CalendarName
from fastapi import APIRouter, HTTPException, Query, Request, Response

from chiso_indicators.api import columns
from chiso_indicators.api.paging import DEFAULT_LIMIT, MOST, Cursor, Limit, listing, single, write_cursor
from chiso_indicators.api.parameters import (
    Bases,
    CalendarNames,
    Codes,
    Instant,
    Levels,
    filters,
    instant,
    key_from_path,
)
from chiso_indicators.core.rollup_object import rollup_object
from chiso_indicators.core.row import Row
from chiso_indicators.store.read import Filters, Reader
from chiso_indicators.store.read_grain import by_level, series


def router(reader: Callable[[], Reader]) -> APIRouter:
    """The endpoints."""
    routes = APIRouter(prefix="/v1", tags=["rollups"])

    @routes.get("/rollups")
    async def rollups(
        request: Request,
        unit: Codes = None,
        level: Levels = None,
        indicator: Codes = None,
        calendar: CalendarNames = None,
        period: Codes = None,
        basis: Bases = None,
        as_of: Instant = None,
        recast: bool = False,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        read, at = reader(), instant("as_of", as_of)
        planner, on = (await read.assembler_at(at)).planner, (at or read.clock.now()).date()
        wanted = filters(planner, on, unit, level, indicator, calendar, period, basis, cursor)
        if recast:
            return listing(request, await _recast(read, wanted, at), None, columns.RECAST)
        page = (
            await read.rollups(wanted, limit) if at is None else await read.rollups_as_of(wanted, limit, at)
        )
        more = write_cursor(page.after) if page.after is not None else None
        return listing(request, [rollup_object(row) for row in page.rows], more, columns.ROLLUPS)

    @routes.get("/rollups/{unit}/{indicator}/{calendar}/{period}/{basis}")
    async def rollup(
        request: Request,
        unit: str,
        indicator: str,
        calendar: CalendarName,
        period: str,
        basis: Basis,
        history: bool = False,
        breakdown: bool = False,
        as_of: Instant = None,
    ) -> Response:
        read, at = reader(), instant("as_of", as_of)
        planner = (await read.assembler_at(at)).planner
        key = key_from_path(planner, unit, indicator, calendar, period, basis)
        if key is None:
            raise HTTPException(404, "there is no such unit, indicator or period")
        if at is not None:
            return single(rollup_object(_found(await read.rollup_as_of(key, at))))
        if history:
            versions = await read.versions(key) or [_found(await read.rollup(key))]
            return listing(request, _with_validity(versions), None, columns.HISTORY)
        found = _found(await read.rollup(key))
        levels = {"breakdown": await by_level(read, found)} if breakdown else {}
        return single({**rollup_object(found), **levels})

    @routes.get("/changes")
    async def changes(
        request: Request,
        after: Annotated[str | None, Query(max_length=64)] = None,
        cursor: Annotated[str | None, Query(max_length=64)] = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Response:
        if None not in (after, cursor) and after != cursor:
            raise HTTPException(422, "after and cursor name the same place of the list: send one of them")
        begin = after or cursor or "0.0"
        tick, ordinal = _place(begin)
        rows = await reader().changes(tick, ordinal, limit)
        items = [{**rollup_object(row), "cursor": f"{row.tick}.{row.ordinal}"} for row in rows]
        return listing(request, items, items[-1]["cursor"] if items else begin, columns.CHANGES)

    return routes


async def _recast(read: Reader, wanted: Filters, at: datetime | None) -> list[dict[str, Any]]:
    """Series of units as they are now; merged provinces with their predecessors before the merger."""
    if not wanted.units:
        raise HTTPException(422, "recast needs the units whose series is asked for")
    rows = await series(read, wanted, MOST, at)
    if rows is None:
        raise HTTPException(422, f"more than {MOST} rows: ask for fewer units, indicators or periods")
    return [{**rollup_object(row), "break": asdict(gap) if gap is not None else None} for row, gap in rows]


def _found(row: Row | None) -> Row:
    if row is None:
        raise HTTPException(404, "no cell below this rollup has a report")
    return row


def _with_validity(versions: Sequence[Row]) -> list[dict[str, Any]]:
    ends = [*(row.updated_at for row in versions[1:]), None]
    return [
        {**rollup_object(row), "valid_from": row.updated_at, "valid_to": end}
        for row, end in zip(versions, ends, strict=True)
    ]


def _place(after: str) -> tuple[int, int]:
    tick, _, ordinal = after.partition(".")
    ordinal = ordinal or "0"
    if not (tick.isascii() and tick.isdigit() and ordinal.isascii() and ordinal.isdigit()):
        raise HTTPException(422, "after is not a cursor of this list")
    if int(tick) >= 2**63 or int(ordinal) >= 2**31:
        raise HTTPException(422, "after is not a cursor of this list")
    return int(tick), int(ordinal)
