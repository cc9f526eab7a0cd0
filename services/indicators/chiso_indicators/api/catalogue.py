"""The catalogue in force: units, indicators, targets, periods, calendars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final

from chiso_shared.catalogue import Catalogue, Period, Target, Unit
from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.periods import CalendarRule
from chiso_shared.contracts.fields import CalendarName
from chiso_shared.runtime.questions import wants_csv
from fastapi import APIRouter, Query, Request, Response

from chiso_indicators.api.paging import DEFAULT_LIMIT, Cursor, Limit, page
from chiso_indicators.api.parameters import Codes, Levels
from chiso_indicators.api.vocabulary import refuse_unknown_codes
from chiso_indicators.store.read import Reader

_LEVELS: Final = ("commune", "department", "province", "nation")
_UNIT: Final = (
    "code",
    "level",
    "parent",
    "type",
    "name_vi",
    "name_en",
    "h_code",
    "valid_from",
    "valid_to",
)
_INDICATOR: Final = (
    "code",
    "family",
    "name_vi",
    "name_en",
    "kind",
    "factor",
    "decimals",
    "direction",
    "time_aggregation",
    "space_aggregation",
    "source_level",
    "allowed_bases",
    "version",
    "unbounded",
    "late_policy",
    "value_minimum",
    "value_maximum",
    "population_unit",
    "numerator_label_en",
    "numerator_label_vi",
    "denominator_label_en",
    "denominator_label_vi",
    "system",
)
_TARGET: Final = (
    "indicator",
    "unit",
    "period",
    "comparator",
    "value",
    "exit_value",
    "severity",
    "basis",
    "version",
    "in_force_from",
    "kind",
    "source",
    "note",
)
_RULE: Final = (
    "calendar",
    "frequency",
    "name_vi",
    "name_en",
    "start_rule",
    "end_rule",
    "due_rule",
    "due_status",
    "close_days_after_due",
    "source",
)
_PERIOD: Final = (
    *("calendar", "code", "sdmx_code", "frequency", "start", "end", "end_at"),
    *(f"due_at.{level}" for level in _LEVELS),
    *("close_at", "phase", "months", "coarser"),
)
_CALENDAR: Final = (*_RULE, *(f"due.{level}.{name}" for level in _LEVELS for name in ("day", "month_offset")))
Year = Annotated[int | None, Query(ge=2000, le=2199)]


def router(reader: Callable[[], Reader]) -> APIRouter:
    """The endpoints."""
    routes = APIRouter(prefix="/v1", tags=["catalogue"])

    def catalogue() -> Catalogue:
        return reader().assembler.planner.catalogue

    def answer(
        request: Request,
        items: list[dict[str, Any]],
        limit: int,
        cursor: str | None,
        columns: Sequence[str],
        *,
        moves: bool = False,
    ) -> Response:
        """The ETag is the version and the form; where the clock moves the answer, also what it says."""
        version = catalogue().version
        headers = {"Cache-Control": "no-cache", "X-Catalogue-Version": version}
        found = page(request, items, limit, cursor, columns, **headers)
        form = "-csv" if wants_csv(request) else ""
        said = f"-{sha256(bytes(found.body)).hexdigest()[:16]}" if moves else ""
        found.headers["ETag"] = etag = f'"{version}{form}{said}"'
        known = [part.strip() for part in request.headers.get("if-none-match", "").split(",")]
        if not {etag, f"W/{etag}", "*"}.intersection(known):
            return found
        kept = {name: value for name, value in found.headers.items() if not name.startswith("content-")}
        return Response(status_code=304, headers=kept)

    @routes.get("/units")
    async def units(
        request: Request,
        level: Levels = None,
        parent: Codes = None,
        code: Codes = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        found = [
            _unit(unit)
            for unit in catalogue().units.all()
            if (not level or unit.level in level)
            and (not parent or unit.parent in parent)
            and (not code or unit.code in code or unit.h_code in code)
        ]
        return answer(request, found, limit, cursor, _UNIT)

    @routes.get("/indicators")
    async def indicators(
        request: Request,
        family: Codes = None,
        code: Codes = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        found = [
            _indicator(indicator)
            for indicator in catalogue().indicators.values()
            if (not family or indicator.family in family) and (not code or indicator.code in code)
        ]
        return answer(request, found, limit, cursor, _INDICATOR)

    @routes.get("/targets")
    async def targets(
        request: Request,
        indicator: Codes = None,
        unit: Codes = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        refuse_unknown_codes(catalogue(), unit=unit, indicator=indicator)
        found = [
            _target(target)
            for target in catalogue().targets.all()
            if (not indicator or target.indicator in indicator) and (not unit or target.unit in unit)
        ]
        return answer(request, found, limit, cursor, _TARGET)

    @routes.get("/periods")
    async def periods(
        request: Request,
        calendar: CalendarName | None = None,
        year: Year = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        now = reader().clock.now()
        names = [calendar] if calendar is not None else ["administrative", "statistical"]
        found = [
            _period(period, now)
            for name in names
            for period in catalogue().calendars.periods_of_year(name, year or now.year)
        ]
        return answer(request, found, limit, cursor, _PERIOD, moves=True)

    @routes.get("/calendars")
    async def calendars(request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
        rules = catalogue().calendars.rules
        return answer(request, [_rule(rules[key]) for key in sorted(rules)], limit, cursor, _CALENDAR)

    return routes


def _unit(unit: Unit) -> dict[str, Any]:
    return {name: getattr(unit, name) for name in _UNIT}


def _indicator(indicator: Indicator) -> dict[str, Any]:
    return {name: getattr(indicator, name) for name in _INDICATOR}


def _target(target: Target) -> dict[str, Any]:
    return {name: getattr(target, name) for name in _TARGET}


def _period(period: Period, now: datetime) -> dict[str, Any]:
    return {
        "calendar": period.calendar,
        "code": period.code,
        "sdmx_code": period.sdmx_code,
        "frequency": period.frequency,
        "start": period.start,
        "end": period.end,
        "end_at": period.end_at,
        "due_at": {level: period.due_at(level) for level in _LEVELS},
        "close_at": period.close_at,
        "phase": period.phase(now),
        "months": period.months,
        "coarser": period.coarser,
    }


def _rule(rule: CalendarRule) -> dict[str, Any]:
    due = {
        level: {"day": day, "month_offset": month_offset} for level, (day, month_offset) in rule.due.items()
    }
    return {**{name: getattr(rule, name) for name in _RULE}, "due": due}
