"""The alerts over HTTP (docs/contract.md §4). Reads only; what it shows was decided when it was stored."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from chiso_shared.catalogue.rules import Rule
from chiso_shared.contracts.codec import decode_json, decode_model, encode_json
from chiso_shared.contracts.rollup import RollupEvent
from chiso_shared.runtime.http import ExactJSONResponse, problem_response
from chiso_shared.runtime.postgres import Database, Queries, load_queries
from fastapi import APIRouter, Request, Response

from chiso_alerts.api_parameters import (
    AlertFilter,
    BadParameters,
    alert_filter,
    alert_id,
    cursor,
    positive_integer,
    unknown_parameters,
)
from chiso_alerts.core.explain import explanation
from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.store import PACKAGE

_LARGEST_SEQUENCE: Final = 10**15


class AlertReader:
    """The read side: from the tables to JSON and CSV."""

    def __init__(self, database: Database, book: RuleBook) -> None:
        self._database = database
        self._book = book
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
        rule = self._book.rules.get(seen["rule_id"])
        indicator = self._book.catalogue.indicators.get(rollup.indicator)
        state = decode_json(body.encode()) | {"before": None}
        state["after"] = state.pop("reading")
        found = decode_json(encode_json(explanation(rollup, rule, indicator)))
        return self._explained(state | {"evidence": list(rollup.changed_cells)}, found)

    def _explained(self, event: dict[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
        rule = self._book.rules.get(event["rule"]["id"])
        cells = event.pop("evidence")
        event["rule"] |= {"text_vi": rule.text_vi, "text_en": rule.text_en} if rule is not None else {}
        return event | dict(found) | {"cells": cells}

    def rules(self) -> list[dict[str, Any]]:
        """The rules in force, in the catalogue's order."""
        return [_rule(rule) for rule in self._book.rules.values()]


def create_router(reader: AlertReader) -> APIRouter:
    """The endpoints of contract §4."""
    router = APIRouter(tags=["alerts"])

    @router.get("/v1/alerts")
    async def alerts(request: Request) -> Response:
        try:
            asked = alert_filter(request.query_params)
        except BadParameters as error:
            return _bad(error)
        return _list_response(request, await reader.list_alerts(asked))

    @router.get("/v1/alerts/{alert_id}")
    async def alert(request: Request, alert_id: str) -> Response:
        try:
            _refuse_unknown(request, ())
            found = await reader.alert(alert_id)
        except BadParameters as error:
            return _bad(error)
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
            return _bad(error)
        return _one(found, "There is no such alert, or no such event of it.")

    @router.get("/v1/rules")
    async def rules(request: Request) -> Response:
        try:
            _refuse_unknown(request, ("limit", "cursor"))
        except BadParameters as error:
            return _bad(error)
        return _list_response(request, {"items": reader.rules(), "next_cursor": None})

    return router


def _refuse_unknown(request: Request, known: Sequence[str]) -> None:
    items = unknown_parameters(request.query_params, known)
    if items:
        raise BadParameters(items)


def _bad(error: BadParameters) -> Response:
    return problem_response(422, "Bad parameters", "The request asks for what does not exist.", error.items)


def _one(found: dict[str, Any] | None, missing: str) -> Response:
    return ExactJSONResponse(found) if found is not None else problem_response(404, "Not found", missing)


def _rule(rule: Rule) -> dict[str, Any]:
    found = {field.name: getattr(rule, field.name) for field in fields(rule)}
    found["parameters"] = dict(rule.parameters)
    found["severities"] = [
        {"severity": level.severity, "enter": level.enter, "exit": level.exit} for level in rule.severities
    ]
    return found


def _list_response(request: Request, listing: dict[str, Any]) -> Response:
    """JSON, or CSV if the client asks for it; the cursor of a CSV page is the header `x-next-cursor`."""
    if "text/csv" not in request.headers.get("accept", ""):
        return ExactJSONResponse(listing)
    headers = {"x-next-cursor": listing["next_cursor"]} if listing["next_cursor"] else {}
    body = _csv([_flat(item) for item in listing["items"]])
    return Response(body, headers=headers, media_type="text/csv; charset=utf-8")


def _flat(item: Mapping[str, Any]) -> dict[str, Any]:
    """Nested objects become `rule.id`, lists become JSON."""
    flat: dict[str, Any] = {}
    for name, value in item.items():
        if isinstance(value, Mapping) and value:
            flat |= {f"{name}.{inner}": part for inner, part in _flat(value).items()}
        elif isinstance(value, list | tuple | Mapping):
            flat[name] = encode_json(value).decode()
        else:
            flat[name] = value
    return flat


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value
