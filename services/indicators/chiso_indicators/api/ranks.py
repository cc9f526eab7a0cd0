"""`/v1/ranks`: places among the units of a level, worked out when asked, with the cohort they hold for."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from chiso_shared.contracts.fields import Basis, CalendarName, Level
from chiso_shared.runtime.questions import wants_csv
from fastapi import APIRouter, HTTPException, Query, Request, Response

from chiso_indicators.api import columns
from chiso_indicators.api.paging import MOST, listing, single
from chiso_indicators.api.parameters import Code, Instant, instant
from chiso_indicators.api.vocabulary import refuse_unknown_codes
from chiso_indicators.core.plan import Planner
from chiso_indicators.core.ranking import Ranked, rank
from chiso_indicators.core.row import Row
from chiso_indicators.store.read import Filters, Reader


def router(reader: Callable[[], Reader]) -> APIRouter:
    """The endpoint."""
    routes = APIRouter(prefix="/v1", tags=["rollups"])

    @routes.get("/ranks")
    async def ranks(
        request: Request,
        indicator: Code,
        calendar: CalendarName,
        period: Code,
        basis: Basis,
        level: Level = "province",
        parent: Code | None = None,
        minimum_completeness: Annotated[Decimal, Query(ge=0, le=1)] = Decimal("0.5"),
        as_of: Instant = None,
    ) -> Response:
        read, at = reader(), instant("as_of", as_of)
        planner = (await read.assembler_at(at)).planner
        refuse_unknown_codes(planner.catalogue, [calendar], indicator=indicator, period=period, parent=parent)
        found = planner.catalogue.indicators[indicator]
        if found.direction == "none":
            raise HTTPException(422, f"neither more nor less of {indicator} is better")
        wanted = Filters(
            levels=[level],
            indicators=[indicator],
            calendars=[calendar],
            periods=[period],
            bases=[basis],
        )
        rows = await read.every_rollup(wanted, MOST, at)
        below = [row for row in rows if parent is None or _parent(planner, row) == parent]
        ranking = rank(below, found.direction, minimum_completeness)
        items = [_place(one, len(ranking.places)) for one in ranking.places]
        if wants_csv(request):
            return listing(request, items, None, columns.RANKS)
        return single(
            {
                "items": items,
                "next_cursor": None,
                "cohort": len(items),
                "excluded": [{"unit": row.unit, "reason": reason} for row, reason in ranking.excluded],
                "minimum_completeness": minimum_completeness,
                "direction": found.direction,
                "indicator_version": found.version,
                "at": at or read.clock.now(),
            }
        )

    return routes


def _parent(planner: Planner, row: Row) -> str | None:
    place = planner.place(row.unit, row.calendar, row.period)
    return place.parent if place is not None else None


def _place(one: Ranked, cohort: int) -> dict[str, Any]:
    row = one.row
    return {
        "unit": row.unit,
        "rank": one.rank,
        "cohort": cohort,
        "tied": one.tied,
        "value": row.value,
        "completeness": row.completeness,
        "status_colour": row.status_colour,
        "phase": row.phase,
        "vintage": row.vintage,
        "version": row.version,
    }
