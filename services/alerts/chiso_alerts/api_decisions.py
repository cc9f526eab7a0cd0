"""Decisions over HTTP: acknowledge, silence, tasks. Writing needs a key; core says what it may decide."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from chiso_shared.catalogue.periods import HO_CHI_MINH
from chiso_shared.contracts.codec import MalformedJSON, decode_json
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.http import ExactJSONResponse, bad_parameters_response, problem_response
from chiso_shared.runtime.operators import Operators
from chiso_shared.runtime.questions import BadParameters, problem, unknown_parameters
from fastapi import APIRouter, Request, Response

from chiso_alerts.api_parameters import alert_id
from chiso_alerts.core import requests
from chiso_alerts.core.permission import Operator, may_decide_on, may_silence
from chiso_alerts.office import Office


class Refusal(Exception):
    """The request ends here with this answer."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def create_decision_router(office: Office, keys: Operators, clock: Clock) -> APIRouter:
    """`POST /v1/alerts/{id}/acknowledge`, silences and tasks."""
    router = APIRouter(tags=["decisions"])
    desk = _Desk(office, keys, clock)
    _add_alerts_and_silences(router, desk)
    _add_tasks(router, desk)
    return router


class _Desk:
    """What every decision needs: whose key it is, what the body says, whether it may."""

    def __init__(self, office: Office, keys: Operators, clock: Clock) -> None:
        self.office = office
        self._keys = keys
        self._clock = clock

    @property
    def now(self) -> datetime:
        return self._clock.now()

    def ancestors(self, unit: str) -> tuple[str, ...]:
        return tuple(self.office.ancestors(unit, self.now))

    def operator(self, request: Request) -> Operator:
        found = self._keys.open(request.headers.get("authorization"), self.now)
        if found is None:
            headers = {"WWW-Authenticate": "Bearer"}
            text = "Deciding needs a key: Authorization: Bearer KEY."
            raise Refusal(problem_response(401, "Key required", text, headers=headers))
        return Operator(found.key_id, found.agency, found.units, found.indicators)

    def must(self, allowed: bool) -> None:
        if not allowed:
            text = "The key does not speak for every unit and indicator concerned."
            raise Refusal(problem_response(403, "Outside the key's scope", text))

    async def body(self, request: Request) -> Any:
        try:
            return decode_json(await request.body())
        except MalformedJSON as error:
            raise Refusal(problem_response(400, "Not JSON", str(error))) from error


async def _answer(work: Callable[[], Awaitable[Response]]) -> Response:
    try:
        return await work()
    except Refusal as refusal:
        return refusal.response
    except requests.BadRequest as error:
        return problem_response(422, "Bad request", "The decision cannot be taken as asked.", error.items)
    except BadParameters as error:
        return bad_parameters_response(error)


def _missing(what: str) -> Response:
    return problem_response(404, "Not found", f"There is no such {what}.")


def _add_alerts_and_silences(router: APIRouter, desk: _Desk) -> None:
    office = desk.office

    @router.post("/v1/alerts/{text}/acknowledge")
    async def acknowledge(request: Request, text: str) -> Response:
        async def work() -> Response:
            operator, document = desk.operator(request), await desk.body(request)
            wanted = alert_id(text)
            asked = requests.acknowledge_of(document, desk.now)
            alert = await office.alert(wanted)
            if alert is None:
                return _missing("alert")
            desk.must(may_decide_on(operator, alert["unit"], alert["indicator"], desk.ancestors))
            return ExactJSONResponse(await office.acknowledge(wanted, asked, operator))

        return await _answer(work)

    @router.post("/v1/silences")
    async def silence(request: Request) -> Response:
        async def work() -> Response:
            operator, document = desk.operator(request), await desk.body(request)
            asked = requests.silence_of(document, desk.now)
            desk.must(may_silence(operator, asked.matchers, desk.ancestors))
            return ExactJSONResponse(await office.silence(asked, operator), 201)

        return await _answer(work)

    @router.get("/v1/silences")
    async def silences(request: Request) -> Response:
        async def work() -> Response:
            query = request.query_params
            items = unknown_parameters(query, ("past", "limit", "cursor"))
            if query.get("past", "false") not in ("true", "false"):
                items.append(
                    problem(
                        "past",
                        "out_of_range",
                        "no such value",
                        "giá trị không tồn tại",
                        query["past"],
                        ["true", "false"],
                    )
                )
            if items:
                raise BadParameters(items)
            found = await office.silences(desk.now, past=query.get("past") == "true")
            return ExactJSONResponse({"items": found, "next_cursor": None})

        return await _answer(work)

    @router.post("/v1/silences/{text}/end")
    async def end(request: Request, text: str) -> Response:
        async def work() -> Response:
            operator, document = desk.operator(request), await desk.body(request)
            wanted: UUID = alert_id(text)
            said = requests.said_of(document)
            known = await office.one_silence(wanted)
            if known is None:
                return _missing("silence")
            desk.must(may_silence(operator, known["matchers"], desk.ancestors))
            return ExactJSONResponse(await office.end_silence(wanted, said, operator))

        return await _answer(work)


def _add_tasks(router: APIRouter, desk: _Desk) -> None:
    office = desk.office

    @router.get("/v1/tasks")
    async def tasks(request: Request) -> Response:
        items = unknown_parameters(request.query_params, ("limit", "cursor"))
        if items:
            raise BadParameters(items)
        return ExactJSONResponse({"items": await office.tasks(), "next_cursor": None})

    @router.post("/v1/tasks/{task_id}/done")
    async def done(request: Request, task_id: str) -> Response:
        async def work() -> Response:
            operator, document = desk.operator(request), await desk.body(request)
            asked = requests.mark_done_of(document, desk.now.astimezone(HO_CHI_MINH).date())
            unit = office.task_unit(task_id)
            if unit is None:
                return _missing("task")
            desk.must(may_decide_on(operator, unit, task_id, desk.ancestors))
            return ExactJSONResponse(await office.mark_done(task_id, asked, operator))

        return await _answer(work)
