"""The HTTP side that every service has: health, metrics, exact JSON, problem details.

Never answers with a traceback, and turns the loss of a dependency into 503 with Retry-After.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import asyncpg
from aiokafka.errors import KafkaError
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chiso_shared.contracts.codec import encode_json
from chiso_shared.contracts.problem import WORDS_VI, ErrorCode, ProblemItem
from chiso_shared.runtime.lifecycle import Component, NotStarted, describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.postgres import classify
from chiso_shared.runtime.questions import BadParameters

log = get_logger(__name__)

RETRY_AFTER_SECONDS: Final = 2
_SHOWN_CHARACTERS: Final = 200


class ExactJSONResponse(Response):
    """JSON whose decimals keep their exact text."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The body."""
        return encode_json(content)


class ExactRoute(APIRoute):
    """A route whose plain answers become ExactJSONResponse; FastAPI alone would turn decimals into strings.

    `create_app` uses it; a router of your own is made with `APIRouter(route_class=ExactRoute)`.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **settings: Any) -> None:
        status = settings.get("status_code")

        @functools.wraps(endpoint)
        async def exact(*args: Any, **kwargs: Any) -> Response:
            answer = endpoint(*args, **kwargs)
            if inspect.isawaitable(answer):
                answer = await answer
            return answer if isinstance(answer, Response) else ExactJSONResponse(answer, status or 200)

        super().__init__(path, exact, **settings)


def problem_response(
    status: int,
    title: str,
    detail: str | None = None,
    errors: Sequence[Any] = (),
    *,
    headers: dict[str, str] | None = None,
    **extra: Any,
) -> Response:
    """An RFC 9457 answer. `errors` are `ProblemItem`s or plain objects; `extra` members stand beside them."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    if detail is not None:
        body["detail"] = detail
    if errors:
        body["errors"] = list(errors)
    body.update(extra)
    return Response(encode_json(body), status, headers, "application/problem+json")


def unavailable_response(
    detail: str, retry_after_seconds: int = RETRY_AFTER_SECONDS, **extra: Any
) -> Response:
    """503 with Retry-After."""
    return problem_response(
        503, "Service unavailable", detail, headers={"Retry-After": str(retry_after_seconds)}, **extra
    )


def bad_parameters_response(error: BadParameters) -> Response:
    """422 that names every offender."""
    return problem_response(422, "Bad parameters", "the request asks for what does not exist", error.items)


class HeadAsGet:
    """Answers HEAD with what GET would answer, without the body (RFC 9110 §9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, without_body)


class Readiness(Collector):
    """`chiso_unready` of each component, asked for at each scrape: what `/readyz` says, for Prometheus."""

    def __init__(self, components: Sequence[Component]) -> None:
        self._components = components

    def collect(self) -> Iterator[Metric]:
        """One series a component."""
        found = GaugeMetricFamily(
            "chiso_unready", "1 while a component is not ready; /readyz says why", labels=["component"]
        )
        for component in self._components:
            found.add_metric([component.name], float(component.unready() is not None))
        yield found


def create_app(
    title: str, registry: CollectorRegistry, components: Sequence[Component], version: str = "0.1.0"
) -> FastAPI:
    """An application with `/livez`, `/readyz` and `/metrics`. `components` may still grow."""
    app = FastAPI(
        title=title, version=version, default_response_class=ExactJSONResponse, docs_url=None, redoc_url=None
    )
    app.router.route_class = ExactRoute
    registry.register(Readiness(components))

    @app.get("/livez", tags=["health"])
    async def livez() -> Response:
        return ExactJSONResponse({"status": "alive"})

    @app.get("/readyz", tags=["health"])
    async def readyz() -> Response:
        found = {component.name: component.unready() for component in components}
        reasons = {name: reason for name, reason in found.items() if reason is not None}
        if reasons:
            return ExactJSONResponse({"status": "unready", "reasons": reasons}, 503)
        return ExactJSONResponse({"status": "ready"})

    @app.get("/metrics", tags=["health"])
    async def metrics() -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    for lost in (OSError, TimeoutError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError):
        app.add_exception_handler(lost, _on_lost_dependency)
    app.add_exception_handler(NotStarted, _on_not_started)
    app.add_exception_handler(BadParameters, _on_bad_parameters)
    app.add_middleware(HeadAsGet)
    app.add_exception_handler(Exception, _on_defect)
    return app


async def _on_not_started(_request: Request, _error: Exception) -> Response:
    return unavailable_response("the service is starting, or waits for its database; try again")


async def _on_http_exception(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    headers = dict(error.headers) if error.headers else None
    return problem_response(error.status_code, str(error.detail), headers=headers)


async def _on_bad_parameters(_request: Request, error: Exception) -> Response:
    assert isinstance(error, BadParameters)  # noqa: S101 - registered for this type only
    return bad_parameters_response(error)


async def _on_validation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
    return problem_response(422, "Unprocessable request", errors=[_problem(item) for item in error.errors()])


def _problem(item: Mapping[str, Any]) -> ProblemItem:
    """What the framework refuses, as one of the contract's problems."""
    code = _code_of(item["type"])
    where = item["loc"][1:] if code != "malformed" else ()  # without `query` or `body`
    value = item.get("input")
    return ProblemItem(
        pointer="".join(f"/{part}" for part in where),
        code=code,
        message=item["msg"],
        message_vi=WORDS_VI[code],
        value=value[:_SHOWN_CHARACTERS] if isinstance(value, str) else None,
    )


def _code_of(kind: str) -> ErrorCode:
    if kind in ("missing", "json_invalid", "extra_forbidden"):
        known: dict[str, ErrorCode] = {"missing": "missing_field", "json_invalid": "malformed"}
        return known.get(kind, "unknown_field")
    return "wrong_type" if kind.endswith(("_type", "_parsing", "_attributes")) else "out_of_range"


async def _on_lost_dependency(request: Request, error: Exception) -> Response:
    lost = isinstance(error, KafkaError) or classify(error) == "transient"
    if not lost:
        return await _on_defect(request, error)
    log.warning("dependency lost", path=request.url.path, error=describe(error))
    return unavailable_response("a dependency is away; try again")


async def _on_defect(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, exc_info=error)
    return problem_response(500, "Internal error")
