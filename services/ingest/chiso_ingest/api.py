"""`POST /v1/submissions`: key, pace, media type, body, check, log, answer (contract §2), in that order.

A body without a valid key is never parsed. No 5xx but 503 leaves here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from chiso_shared.catalogue.catalogue import Catalogue
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.http import ExactJSONResponse
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.producer import NotAcknowledged
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from chiso_ingest import answers
from chiso_ingest.answers import JSON, RESULTS
from chiso_ingest.body import BodyReader, BodyRefused, drain
from chiso_ingest.core.check import Rules, Verdict
from chiso_ingest.core.door import MEDIA_TYPES, Examined, MediaType, examine
from chiso_ingest.core.limits import Limits
from chiso_ingest.core.recent import RateLimit, RecentSubmissions
from chiso_ingest.keyring import Keyring
from chiso_ingest.log import SubmissionLog
from chiso_ingest.metrics import IngestMetrics
from chiso_ingest.registry import Grant

log = get_logger(__name__)

PATH: Final = "/v1/submissions"
_LINES_AT_ONCE: Final = 256
_UTF8: Final = ("utf-8", "utf8")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, in which trace, and the catalogue that the request is checked against."""

    grant: Grant
    traceparent: str | None
    catalogue_version: str


@dataclass(frozen=True, slots=True)
class Door:
    """Everything an answer needs; `app.py` puts it together.

    `catalogue` gives the one in force; a request is checked against one from its beginning to its end.
    """

    catalogue: Callable[[], Catalogue]
    clock: Clock
    limits: Limits
    keyring: Keyring
    pace: RateLimit
    reader: BodyReader
    recent: RecentSubmissions
    log: SubmissionLog
    metrics: IngestMetrics
    status_base_url: str

    async def answer(self, request: Request) -> Response:
        """The answer to one request; counts it and what it carried."""
        try:
            with self.metrics.request_seconds.time():
                return await self._answer(request)
        except ClientDisconnect:
            self._count("disconnected")
            return answers.refused(400, "the connection was closed before the body had arrived")
        except Exception as error:
            # A defect of the door is not the client's fault, and what it sent may or may not be in the log.
            log.error("request failed", exc_info=error)
            self._count("defect")
            return answers.problem_answer(
                answers.problem(503, Verdict(503), "the door failed", outcome="unknown")
            )

    async def _answer(self, request: Request) -> Response:
        grant = self._grant(request)
        if isinstance(grant, Response):
            return await self._turn_away(request, grant)
        wait_seconds = self.pace.wait_seconds(grant.key_id, time.monotonic())
        if wait_seconds > 0:
            refusal = answers.refused(
                429, "more requests than this key may send", retry_after_seconds=wait_seconds
            )
            return await self._turn_away(request, refusal)
        media_type = _media_type(request)
        if media_type is None:
            known = ", ".join(MEDIA_TYPES)
            return await self._turn_away(
                request, answers.refused(415, f"send {known}, in UTF-8, not compressed")
            )
        try:
            async with self.reader.body(request) as body:
                return await self._examine(body, media_type, grant, request)
        except BodyRefused as refusal:
            # What is left unread is drained, unless the client is the slow one.
            drained = refusal.status != 408 and await drain(request)
            self._count(RESULTS[refusal.status])
            return answers.refused(refusal.status, refusal.detail, closes=not drained)

    def _grant(self, request: Request) -> Grant | Response:
        if not self.keyring.knows_keys:
            return answers.refused(503, "the key registry cannot be read")
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return answers.refused(401, "send a key: Authorization: Bearer KEY")
        grant = self.keyring.open(key.strip(), self.clock.now())
        return grant or answers.refused(401, "the key is unknown, expired or revoked")

    async def _turn_away(self, request: Request, refusal: Response) -> Response:
        self._count(RESULTS[refusal.status_code])
        if not await drain(request):
            refusal.headers["Connection"] = "close"
        return refusal

    async def _examine(self, body: bytes, media_type: MediaType, grant: Grant, request: Request) -> Response:
        rules = Rules(self.catalogue(), grant.scope, self.clock.now(), self.limits)
        examined = examine(body, media_type, _query(request), rules)
        sender = Sender(grant, request.headers.get("traceparent"), rules.catalogue.version)
        results = await self._settle_all(examined, sender)
        dry_run = examined.options.dry_run
        if examined.many:
            return answers.many(results, dry_run=dry_run)
        if "title" in results[0]:
            return answers.problem_answer(results[0])
        return ExactJSONResponse(results[0], 200 if dry_run else 202)

    async def _settle_all(self, examined: Examined, sender: Sender) -> list[JSON]:
        """One receipt or problem a verdict, in order; a bounded number is on its way to Kafka at a time."""
        results: list[JSON] = []
        taken: dict[tuple[str, str], str] = {}
        for first in range(0, len(examined.verdicts), _LINES_AT_ONCE):
            verdicts = examined.verdicts[first : first + _LINES_AT_ONCE]
            away = any(result.get("status") == 503 for result in results)
            results += await asyncio.gather(
                *(self._settle(verdict, examined, sender, taken, away) for verdict in verdicts)
            )
        return results

    async def _settle(
        self,
        verdict: Verdict,
        examined: Examined,
        sender: Sender,
        taken: dict[tuple[str, str], str],
        away: bool,
    ) -> JSON:
        """What becomes of one verdict. `taken` holds the ids of the same body; `away` spares a vain wait."""
        if verdict.document is None or verdict.payload_sha256 is None:
            return self._refuse(verdict.status, verdict)
        key = verdict.document["agency"], verdict.document["submission_id"]
        payload = verdict.payload_sha256
        if self.recent.conflicts(*key, payload) or taken.setdefault(key, payload) != payload:
            return self._refuse(409, verdict, answers.CONFLICT, submission_id=key[1])
        if examined.options.dry_run:
            self._count("valid")
            return answers.valid(verdict)
        try:
            if away:
                raise NotAcknowledged("not_sent", "Kafka did not take the lines before it")
            acknowledged = await self.log.append(
                verdict.document, payload, sender.grant, sender.traceparent, sender.catalogue_version
            )
        except NotAcknowledged as error:
            detail = f"{error.reason}; send it again with the same submission_id"
            return self._refuse(503, verdict, detail, submission_id=key[1], outcome=error.outcome)
        self.recent.remember(*key, payload)
        self._count("accepted")
        self.metrics.observations.labels(outcome="accepted").inc(verdict.accepted)
        self.metrics.observations.labels(outcome="refused").inc(verdict.sent - verdict.accepted)
        return answers.receipt(verdict, acknowledged, self.status_base_url)

    def _refuse(self, status: int, verdict: Verdict, detail: str | None = None, **extra: Any) -> JSON:
        self._count(RESULTS[status])
        if status in (403, 422):
            self.metrics.observations.labels(outcome="refused").inc(verdict.sent)
        return answers.problem(status, verdict, detail, **extra)

    def _count(self, result: str) -> None:
        self.metrics.submissions.labels(result=result).inc()


class FrontDoor:
    """Middleware that takes submissions to the door at once.

    What the framework does for a route costs as much as a check, and the door needs none of it: it reads,
    refuses and fails by itself.
    """

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            answer = await self._door.answer(Request(scope, receive, send))
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def create_router(door: Door) -> APIRouter:
    """The door's one route, for what is not a POST and for the description of the interface."""
    router = APIRouter()
    content = {media_type: {"schema": {"type": "string"}} for media_type in MEDIA_TYPES}

    @router.post(
        PATH,
        tags=["submissions"],
        status_code=202,
        openapi_extra={"requestBody": {"required": True, "content": content}},
    )
    async def submit(request: Request) -> Response:
        """Checks submissions and puts them on the log; 202 when all in-sync replicas have them."""
        return await door.answer(request)

    return router


def _media_type(request: Request) -> MediaType | None:
    """The media type, or None when it is none of ours, not UTF-8, or the body is compressed."""
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return None
    name, *parameters = request.headers.get("content-type", "").split(";")
    for parameter in parameters:
        attribute, _, value = parameter.partition("=")
        if attribute.strip().lower() == "charset" and value.strip().strip('"').lower() not in _UTF8:
            return None
    media_type = name.strip().lower()
    return cast(MediaType, media_type) if media_type in MEDIA_TYPES else None


def _query(request: Request) -> dict[str, str]:
    """The query; a repeated parameter becomes a list joined by commas, which no parameter takes."""
    query: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        query[name] = f"{query[name]},{value}" if name in query else value
    return query
