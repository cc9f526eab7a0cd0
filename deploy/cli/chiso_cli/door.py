"""The ingest door over HTTP: sends submissions, again while that may help, and tells what became of each.

Retries carry the same bytes and so the same submission_id; the door counts each once (contract §2).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

import httpx
from chiso_shared.contracts.codec import MalformedJSON, decode_json

from chiso_cli.documents import MEDIA_TYPES, Outgoing
from chiso_cli.retry import RetryPolicy, delay_ms, is_transient, parse_retry_after

Outcome = Literal["accepted", "valid", "refused", "undelivered", "not_sent"]

TIMEOUT: Final = httpx.Timeout(60, connect=5, pool=None)
UNAUTHORISED: Final = 401


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one submission. `undelivered`: nobody knows if it arrived; sending again is safe."""

    outgoing: Outgoing
    outcome: Outcome
    status: int | None = None
    receipt: Mapping[str, Any] | None = None
    problem: Mapping[str, Any] | None = None
    attempts: int = 0

    def document(self) -> dict[str, Any]:
        """The result for programs."""
        return {
            "file": self.outgoing.file,
            "line": self.outgoing.line,
            "submission_id": self.outgoing.submission_id,
            "submission_id_assigned": self.outgoing.id_assigned,
            "outcome": self.outcome,
            "status": self.status,
            "attempts": self.attempts,
            "receipt": self.receipt,
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the door, or none: `status` is `None` when the connection failed or was lost."""

    status: int | None
    body: Any
    detail: str
    retry_after_ms: int | None = None


class Door:
    """Sends batches. A batch is one JSON, one CSV or several NDJSON submissions."""

    def __init__(
        self, client: httpx.AsyncClient, query: Mapping[str, str], policy: RetryPolicy | None = None
    ) -> None:
        self._client = client
        self._query = query
        self._policy = policy or RetryPolicy()

    async def deliver(self, batch: Sequence[Outgoing]) -> list[Result]:
        """One result for each submission of the batch, after as many attempts as the policy allows."""
        started = time.monotonic()
        results: list[Result] = []
        remaining = list(batch)
        attempt = 0
        while True:
            attempt += 1
            answer = await self._post(remaining)
            settled = [replace(result, attempts=attempt) for result in read_answer(remaining, answer)]
            results += [result for result in settled if result.outcome != "undelivered"]
            undelivered = [result for result in settled if result.outcome == "undelivered"]
            if not undelivered:
                return results
            elapsed_ms = int((time.monotonic() - started) * 1000)
            chance = random.random()
            wait_ms = delay_ms(self._policy, attempt, elapsed_ms, answer.retry_after_ms, chance)
            if wait_ms is None:
                return results + undelivered
            remaining = [result.outgoing for result in undelivered]
            await asyncio.sleep(wait_ms / 1000)

    async def _post(self, batch: Sequence[Outgoing]) -> Answer:
        first = batch[0]
        try:
            response = await self._client.post(
                "/v1/submissions",
                params={**self._query, **first.query},
                headers={"content-type": MEDIA_TYPES[first.format]},
                content=b"\n".join(outgoing.body for outgoing in batch),
            )
        except httpx.TransportError as error:
            return Answer(None, None, why(error))
        retry_after_ms = parse_retry_after(response.headers.get("retry-after"), datetime.now(UTC))
        return Answer(
            response.status_code, _decoded(response.content), response.reason_phrase, retry_after_ms
        )


def read_answer(batch: Sequence[Outgoing], answer: Answer) -> list[Result]:
    """One result for each submission of the batch; those that may be sent again are `undelivered`."""
    body = answer.body if isinstance(answer.body, dict) else {}
    if batch[0].format == "ndjson" and ("receipts" in body or "problems" in body):
        return _read_lines(batch, body)
    if answer.status in (200, 202):
        return [Result(outgoing, _good(body), answer.status, receipt=body) for outgoing in batch]
    problem = body or {"title": answer.detail, "status": answer.status}
    outcome: Outcome = "undelivered" if is_transient(answer.status) else "refused"
    return [Result(outgoing, outcome, answer.status, problem=problem) for outgoing in batch]


def _read_lines(batch: Sequence[Outgoing], body: Mapping[str, Any]) -> list[Result]:
    """NDJSON: receipts and problems name the line of the body, which counts from 1."""
    receipts = {receipt.get("line"): receipt for receipt in body.get("receipts") or ()}
    problems = {problem.get("line"): problem for problem in body.get("problems") or ()}
    results = []
    for number, outgoing in enumerate(batch, start=1):
        if problem := problems.get(number):
            status = problem.get("status", 422)
            transient = isinstance(status, int) and is_transient(status)
            results.append(
                Result(outgoing, "undelivered" if transient else "refused", status, problem=problem)
            )
        elif receipt := receipts.get(number):
            results.append(Result(outgoing, _good(receipt), 202, receipt=receipt))
        else:
            results.append(
                Result(outgoing, "undelivered", None, problem={"title": "the answer does not name this line"})
            )
    return results


def _good(receipt: Mapping[str, Any]) -> Outcome:
    return "valid" if receipt.get("status") == "valid" else "accepted"


def _decoded(content: bytes) -> Any:
    try:
        return decode_json(content)
    except MalformedJSON:
        return None


def why(error: httpx.TransportError) -> str:
    """Why the connection failed, in a few words."""
    match error:
        case httpx.ConnectError():
            return "connection refused or host unreachable"
        case httpx.TimeoutException():
            return "no answer in time"
    return "connection lost"
