"""What people decide: `/v1/held`, and periods that are opened again. Checks the key, then asks the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from chiso_shared.catalogue import canonical_agency
from chiso_shared.catalogue.periods import Period
from chiso_shared.contracts.fields import CalendarName, Instant
from chiso_shared.runtime.http import problem_response
from chiso_shared.runtime.operators import Operator, Operators
from fastapi import APIRouter, Header, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

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
from chiso_indicators.api.parameters import Codes, clean, instant
from chiso_indicators.core.keys import Key
from chiso_indicators.core.late import Decision, Reopening
from chiso_indicators.store.decisions import Author, Decisions, Refused
from chiso_indicators.store.read import Reader
from chiso_indicators.store.read_reports import revision_object
from chiso_indicators.store.reopenings import Reopenings
from chiso_indicators.store.sql import Values, key_of

_STATUS: Final = {"nothing_held": 404, "unknown": 404, "own_submission": 403, "past": 422}
_REOPENING: Final = ("unit", "calendar", "period", "reopened_at", "closes_at")
Authorization = Annotated[str | None, Header(max_length=200)]
Verb = Literal["approve", "refuse"]
_DECISIONS: Final[dict[Verb, Decision]] = {"approve": "approved", "refuse": "refused"}
Reason = Annotated[str, Field(min_length=1, max_length=1_000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]


class Reasoned(BaseModel):
    """A decision needs a reason."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class UnitRequest(Reasoned):
    """Whose period it is about."""

    unit: str = Field("VN", max_length=64)


class ReopenRequest(UnitRequest):
    """`closes_at` says when the period closes again, without it a `close` does."""

    closes_at: Instant | None = None


class Desk:
    """Knows the stores and who may decide."""

    def __init__(
        self, reader: Callable[[], Reader], operators: Operators, on_decided: Callable[[], None]
    ) -> None:
        self._reader = reader
        self._operators = operators
        self.on_decided = on_decided

    @property
    def decisions(self) -> Decisions:
        """Held revisions."""
        read = self._reader()
        return Decisions(read.pool, read.assembler, read.clock)

    @property
    def reopenings(self) -> Reopenings:
        """Closed periods."""
        read = self._reader()
        return Reopenings(read.pool, read.assembler, read.clock)

    def operator(self, authorization: str | None) -> Operator:
        """Whose key it is; 401 for none that works, 403 for one that may not decide."""
        found = self._operators.open(authorization, self._reader().clock.now())
        if found is None:
            raise HTTPException(401, "send a key: Authorization: Bearer KEY", {"WWW-Authenticate": "Bearer"})
        if not found.may_operate:
            raise HTTPException(403, "this key may not decide: it lacks the action operate")
        return found

    def within(self, operator: Operator, keys: list[Key]) -> None:
        """403 unless the key speaks for all of these."""
        planner = self._reader().assembler.planner
        for key in keys:
            known = not key.indicator or operator.knows(key.indicator)
            if not known or not operator.speaks_for(planner.lineage(key)):
                raise HTTPException(
                    403, f"{key.unit} {key.indicator}".strip() + " is outside the key's scope"
                )

    def period(self, calendar: str, code: str) -> Period:
        """The period; 404 for none."""
        found = self._reader().assembler.planner.period(calendar, code)
        if found is None:
            raise HTTPException(404, "there is no such period")
        return found

    def unit(self, code: str, period: Period) -> str:
        """The unit's code at the period's end; 404 for none."""
        found = self._reader().assembler.planner.catalogue.units.resolve(clean(code), period.end)
        if found is None:
            raise HTTPException(404, f"there is no unit {clean(code)} at the end of {period.code}")
        return found.code

    def about_period(
        self, authorization: str | None, calendar: str, code: str, body: UnitRequest
    ) -> tuple[str, Period, Author]:
        """The unit, the period and the author of a decision; 401, 403 or 404 where one of them is none."""
        operator, found = self.operator(authorization), self.period(calendar, code)
        unit = self.unit(body.unit, found)
        self.within(operator, [Key(unit, "", calendar, found.code, "")])
        return unit, found, Author(operator.agency, operator.key_id, body.reason)


def router(desk: Desk) -> APIRouter:
    """The endpoints."""
    routes = APIRouter(prefix="/v1", tags=["decisions"])
    _add_held(routes, desk)
    _add_periods(routes, desk)
    return routes


def _add_held(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/held")
    async def held(
        request: Request,
        agency: Annotated[str | None, Query(max_length=64)] = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        wanted = clean(canonical_agency(agency) or agency) if agency is not None else None
        records = await desk.decisions.held(wanted, _place(read_cursor(cursor, (str, str, str, int))), limit)
        last = records[-1] if len(records) == limit else None
        names = ("accepted_at", "submission_id", "agency", "ordinal")
        more = write_cursor([last[name] for name in names]) if last is not None else None
        return listing(request, [_held(record) for record in records], more, columns.HELD)

    @routes.post("/held/{agency}/{submission_id}/{verb}")
    async def decide(
        agency: str,
        submission_id: UUID,
        verb: Verb,
        body: Reasoned,
        unit: Codes = None,
        indicator: Codes = None,
        authorization: Authorization = None,
    ) -> Response:
        operator = desk.operator(authorization)
        author = Author(operator.agency, operator.key_id, body.reason)
        items = await desk.decisions.decide(
            _DECISIONS[verb],
            clean(canonical_agency(agency) or agency),
            submission_id,
            [clean(code) for code in unit] if unit else None,
            [clean(code) for code in indicator] if indicator else None,
            author,
            lambda keys: desk.within(operator, keys),
        )
        desk.on_decided()
        return single({"submission_id": submission_id, "observations": items})


def _add_periods(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/periods/{calendar}/{period}/reopenings")
    async def reopenings(request: Request, calendar: CalendarName, period: str) -> Response:
        found = desk.period(calendar, period)
        records = await desk.reopenings.of_period(calendar, found.code)
        return listing(request, [dict(record) for record in records], None, columns.REOPENINGS)

    @routes.post("/periods/{calendar}/{period}/reopen")
    async def reopen(
        calendar: CalendarName, period: str, body: ReopenRequest, authorization: Authorization = None
    ) -> Response:
        unit, found, author = desk.about_period(authorization, calendar, period, body)
        one = await desk.reopenings.reopen(unit, found, body.closes_at, author)
        desk.on_decided()
        return single(_reopening(one))

    @routes.post("/periods/{calendar}/{period}/close")
    async def close(
        calendar: CalendarName, period: str, body: UnitRequest, authorization: Authorization = None
    ) -> Response:
        unit, found, author = desk.about_period(authorization, calendar, period, body)
        one = await desk.reopenings.close(unit, found, author)
        desk.on_decided()
        return single(_reopening(one))

    @routes.post("/periods/{calendar}/{period}/recompute")
    async def recompute(
        calendar: CalendarName, period: str, body: UnitRequest, authorization: Authorization = None
    ) -> Response:
        unit, found, author = desk.about_period(authorization, calendar, period, body)
        await desk.reopenings.apply_catalogue(unit, found, author)
        desk.on_decided()
        return single({"unit": unit, "calendar": calendar, "period": found.code, "status": "asked"})


async def on_refused(_request: Request, error: Exception) -> Response:
    """The answer to a decision that cannot be taken."""
    refusal = error.refusal if isinstance(error, Refused) else ""
    return problem_response(_STATUS.get(refusal, 409), "Refused", str(error))


def _held(record: Values) -> dict[str, Any]:
    return {**key_of(record)._asdict(), **revision_object(record), "key_id": record["key_id"]}


def _reopening(one: Reopening) -> dict[str, Any]:
    return {name: getattr(one, name) for name in _REOPENING}


def _place(place: tuple[Any, ...] | None) -> tuple[datetime, UUID, str, int] | None:
    if place is None:
        return None
    accepted_at = instant("cursor", place[0])
    try:
        submission_id = UUID(place[1])
    except ValueError as error:
        raise HTTPException(422, "the cursor is not one of this list") from error
    if accepted_at is None or not 0 <= place[3] < 2**31:
        raise HTTPException(422, "the cursor is not one of this list")
    return accepted_at, submission_id, clean(place[2]), place[3]
