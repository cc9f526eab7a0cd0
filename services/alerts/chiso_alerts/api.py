"""The alerts over HTTP (docs/contract.md §4). Reads only; what it shows was decided when it was stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from chiso_shared.catalogue.rules import Rule
from chiso_shared.contracts.alert import AlertState
from chiso_shared.contracts.codec import decode_json, decode_model, encode_json
from chiso_shared.contracts.rollup import RollupEvent
from chiso_shared.runtime.http import ExactJSONResponse, bad_parameters_response, problem_response
from chiso_shared.runtime.postgres import Database, Queries, load_queries
from chiso_shared.runtime.questions import (
    CSV,
    BadParameters,
    as_csv,
    columns_of,
    unknown_parameters,
    wants_csv,
)
from fastapi import APIRouter, Request, Response

from chiso_alerts.api_parameters import (
    AlertFilter,
    alert_filter,
    alert_id,
    cursor,
    positive_integer,
)
from chiso_alerts.books import Books
from chiso_alerts.core.explain import explanation
from chiso_alerts.store import PACKAGE

ALERT_COLUMNS: Final = columns_of(AlertState)
RULE_COLUMNS: Final = tuple(field.name for field in fields(Rule))
_LARGEST_SEQUENCE: Final = 10**15


class AlertReader:
    """The read side: from the tables to JSON and CSV."""

    def __init__(self, database: Database, books: Books) -> None:
        self._database = database
        self._books = books
        self._queries: Queries = load_queries(PACKAGE)

    async def list_alerts(self, asked: AlertFilter) -> dict[str, Any]:
        """Alerts, newest period first. Without a filter on `state`, all that are not INACTIVE."""
        after = asked.after or (None, None)
        rows = await self._database.pool.fetch(
            self._queries.list_alerts, *asked.filters, *after, asked.limit + 1
        )
        page = rows[: asked.limit]
        more = len(rows) > asked.limit
        return {
            "items": [decode_json(row["body"].encode()) for row in page],
            "next_cursor": cursor(page[-1]["period"], page[-1]["alert_id"]) if more else None,
        }

    async def alert(self, text: str) -> dict[str, Any] | None:
        """The state of one alert and every event of it, the oldest first; None if there is no such alert."""
        wanted = alert_id(text)
        body = await self._database.pool.fetchval(self._queries.one_alert, wanted)
        if body is None:
            return None
        events = await self._database.pool.fetch(self._queries.events_of_alert, wanted)
        state: dict[str, Any] = decode_json(body.encode())
        return state | {"events": [decode_json(row["body"].encode()) for row in events]}

    async def explain(self, text: str, sequence: int | None) -> dict[str, Any] | None:
        """Why an event came about, the last one unless `sequence` names another; None if there is none.

        An alert without events is explained by the rollup it last saw.
        """
        wanted = alert_id(text)
        async with self._database.pool.acquire() as connection:
            row = await connection.fetchrow(self._queries.explained_event, wanted, sequence)
            seen = await connection.fetchrow(self._queries.rollup_of_alert, wanted)
            body = await connection.fetchval(self._queries.one_alert, wanted)
        if row is not None:
            return self._explained(
                decode_json(row["body"].encode()), decode_json(row["explanation"].encode())
            )
        if seen is None or body is None or sequence is not None:
            return None
        rollup = decode_model(RollupEvent, seen["body"].encode())
        book = self._books.current
        rule = book.rules.get(seen["rule_id"])
        state = decode_json(body.encode()) | {"before": None}
        state["after"] = state.pop("reading")
        found = decode_json(encode_json(explanation(rollup, rule, book)))
        return self._explained(state | {"evidence": list(rollup.changed_cells)}, found)

    def _explained(self, event: dict[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
        rule = self._books.current.rules.get(event["rule"]["id"])
        cells = event.pop("evidence")
        event["rule"] |= {"text_vi": rule.text_vi, "text_en": rule.text_en} if rule is not None else {}
        return event | dict(found) | {"cells": cells}

    def rules(self) -> list[dict[str, Any]]:
        """The rules in force, in the catalogue's order."""
        return [_rule(rule) for rule in self._books.current.rules.values()]


def create_router(reader: AlertReader) -> APIRouter:
    """The endpoints of contract §4."""
    router = APIRouter(tags=["alerts"])

    @router.get("/v1/alerts")
    async def alerts(request: Request) -> Response:
        try:
            asked = alert_filter(request.query_params)
        except BadParameters as error:
            return bad_parameters_response(error)
        return _list_response(request, await reader.list_alerts(asked), ALERT_COLUMNS)

    @router.get("/v1/alerts/{alert_id}")
    async def alert(request: Request, alert_id: str) -> Response:
        try:
            _refuse_unknown(request, ())
            found = await reader.alert(alert_id)
        except BadParameters as error:
            return bad_parameters_response(error)
        return _one(found, "There is no such alert.")

    @router.get("/v1/alerts/{alert_id}/explain")
    async def explain(request: Request, alert_id: str) -> Response:
        try:
            items = unknown_parameters(request.query_params, ("sequence",))
            sequence = positive_integer(request.query_params, "sequence", _LARGEST_SEQUENCE, items)
            if items:
                raise BadParameters(items)
            found = await reader.explain(alert_id, sequence)
        except BadParameters as error:
            return bad_parameters_response(error)
        return _one(found, "There is no such alert, or no such event of it.")

    @router.get("/v1/rules")
    async def rules(request: Request) -> Response:
        try:
            _refuse_unknown(request, ("limit", "cursor"))
        except BadParameters as error:
            return bad_parameters_response(error)
        return _list_response(request, {"items": reader.rules(), "next_cursor": None}, RULE_COLUMNS)

    return router


def _refuse_unknown(request: Request, known: Sequence[str]) -> None:
    items = unknown_parameters(request.query_params, known)
    if items:
        raise BadParameters(items)


def _one(found: dict[str, Any] | None, missing: str) -> Response:
    return ExactJSONResponse(found) if found is not None else problem_response(404, "Not found", missing)


def _rule(rule: Rule) -> dict[str, Any]:
    found = {field.name: getattr(rule, field.name) for field in fields(rule)}
    found["parameters"] = dict(rule.parameters)
    found["severities"] = [
        {"severity": level.severity, "enter": level.enter, "exit": level.exit} for level in rule.severities
    ]
    return found


def _list_response(request: Request, listing: dict[str, Any], columns: Sequence[str]) -> Response:
    """JSON, or CSV if the client asks for it; the cursor of a CSV page is the header `x-next-cursor`."""
    headers = {"Vary": "Accept"}
    if not wants_csv(request):
        return ExactJSONResponse(listing, headers=headers)
    if listing["next_cursor"]:
        headers["x-next-cursor"] = listing["next_cursor"]
    return Response(as_csv(listing["items"], columns), headers=headers, media_type=CSV)
