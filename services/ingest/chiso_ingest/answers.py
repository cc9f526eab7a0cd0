"""What the door says: receipts and problem details, from verdicts and acknowledgements. Decides nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from chiso_shared.contracts.events import rfc3339
from chiso_shared.runtime.http import ExactJSONResponse, problem_response
from fastapi import Response

from chiso_ingest.core.check import Verdict
from chiso_ingest.core.door import CHECKS_LEFT_TO_SERVER
from chiso_ingest.log import Acknowledged

JSON = dict[str, Any]

TITLES: Final = {
    400: "The body cannot be read",
    401: "No valid key",
    403: "Outside the scope of the key",
    408: "The body came too slowly",
    409: "The submission_id was used before",
    413: "The body is too large",
    415: "Unknown media type",
    422: "The submission is refused",
    429: "Too many requests",
    503: "The submission was not acknowledged",
}
RESULTS: Final = {
    400: "unreadable",
    401: "unauthenticated",
    403: "forbidden",
    408: "too_slow",
    409: "conflict",
    413: "too_large",
    415: "unsupported",
    422: "refused",
    429: "throttled",
    503: "unavailable",
}
CONFLICT: Final = "this submission_id was sent before with another payload; a correction takes a new one"


def receipt(verdict: Verdict, acknowledged: Acknowledged, status_base_url: str) -> JSON:
    """The receipt of an acknowledged submission; in mode `each` with the observations that were refused."""
    document = verdict.document or {}
    agency, submission_id = document["agency"], document["submission_id"]
    answer: JSON = {
        "submission_id": submission_id,
        "status": "accepted",
        "accepted_at": rfc3339(acknowledged.accepted_at),
        "payload_sha256": verdict.payload_sha256,
        "observations": verdict.accepted,
        "topic": acknowledged.topic,
        "partition": acknowledged.partition,
        "offset": acknowledged.offset,
        "status_url": f"{status_base_url}/v1/submissions/{agency}/{submission_id}",
    }
    return answer | _returned(verdict) | _line(verdict)


def valid(verdict: Verdict) -> JSON:
    """What a dry run says of a submission that would be accepted."""
    document = verdict.document or {}
    answer: JSON = {
        "submission_id": document["submission_id"],
        "status": "valid",
        "payload_sha256": verdict.payload_sha256,
        "observations": verdict.accepted,
        "checks_left_to_server": list(CHECKS_LEFT_TO_SERVER),
    }
    return answer | _returned(verdict) | _line(verdict)


def problem(status: int, verdict: Verdict, detail: str | None = None, **extra: Any) -> JSON:
    """The problem of a submission, as it stands alone or in an NDJSON answer (then with its line)."""
    body: JSON = {"type": "about:blank", "title": TITLES[status], "status": status}
    if detail or verdict.findings_total:
        body["detail"] = detail or _count(verdict)
    if verdict.findings and status == verdict.status:
        body["errors"] = [finding.as_json() for finding in verdict.findings]
    return body | extra | _line(verdict)


def problem_answer(body: JSON) -> Response:
    """A problem as a whole answer."""
    members = dict(body)
    status = int(members.pop("status"))
    members.pop("type")
    return problem_response(
        status,
        members.pop("title"),
        members.pop("detail", None),
        members.pop("errors", ()),
        headers=_headers(status),
        **members,
    )


def refused(
    status: int, detail: str, *, retry_after_seconds: float | None = None, closes: bool = False
) -> Response:
    """A problem that is not about the content of the body. `closes` ends the connection after it."""
    headers = _headers(status, retry_after_seconds)
    if closes:
        headers["Connection"] = "close"
    return problem_response(status, TITLES[status], detail, headers=headers)


def many(results: Sequence[JSON], *, dry_run: bool) -> Response:
    """The answer to NDJSON: what was accepted (or valid) as `receipts`, the rest as `problems`."""
    receipts = [result for result in results if "title" not in result]
    problems = [result for result in results if "title" in result]
    body: JSON = {"receipts": receipts, "problems": problems}
    if receipts:
        if dry_run:
            body = {
                "status": "valid",
                "observations": sum(result["observations"] for result in receipts),
                "checks_left_to_server": list(CHECKS_LEFT_TO_SERVER),
            } | body
        return ExactJSONResponse(body, 200 if dry_run else 202)
    away = [result for result in problems if result["status"] == 503]
    if away:
        # Nothing was accepted and something could be tried again: that is no refusal of the content.
        unknown = any(result.get("outcome") == "unknown" for result in away)
        body["outcome"] = "unknown" if unknown else "not_sent"
    status = 503 if away else 422
    detail = f"none of {len(problems)} lines was accepted"
    return problem_response(status, TITLES[status], detail, headers=_headers(status), **body)


def _headers(status: int, retry_after_seconds: float | None = None) -> dict[str, str]:
    if status == 401:
        return {"WWW-Authenticate": 'Bearer realm="chiso"'}
    if status in (429, 503):
        return {"Retry-After": str(max(1, math.ceil(retry_after_seconds or 1)))}
    return {}


def _returned(verdict: Verdict) -> JSON:
    if not verdict.findings_total:
        return {}
    return {
        "refused": verdict.sent - verdict.accepted,
        "problems": [finding.as_json() for finding in verdict.findings],
    }


def _line(verdict: Verdict) -> JSON:
    return {} if verdict.line is None else {"line": verdict.line}


def _count(verdict: Verdict) -> str:
    total, listed = verdict.findings_total, len(verdict.findings)
    counted = f"{total} problem" + ("s" if total != 1 else "")
    return counted if listed == total else f"{counted}; the first {listed} are listed"
