"""Sends the published figures once, through the ingest door like anybody else. Must not touch Kafka or PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx
from chiso_shared.catalogue import Catalogue, PublishedSubmission, published_submissions
from chiso_shared.contracts.codec import encode_json

from chiso_local.failure import StartFailure
from chiso_local.home import Home

POLL_SECONDS = 0.05
SEND_SECONDS = 60.0
RECEIVED_SECONDS = 60.0


async def submit_published(
    client: httpx.AsyncClient, home: Home, catalogue: Catalogue, ingest: str, indicators: str, key: str
) -> int:
    """Send each published document that has not been sent yet, older first, each received before the next.

    Its id is fixed by its content, so sending one twice changes nothing; `published.json` in the state only saves
    the work. Answers how many were sent; raises `StartFailure` when one is refused or not received in time.
    """
    sent = _already_sent(home)
    waiting = [one for one in published_submissions(catalogue) if one.submission_id not in sent]
    for submission in waiting:
        receipt = await _send(client, ingest, key, submission)
        await _wait_received(client, f"{indicators}{receipt['status_url']}", submission)
        sent.append(submission.submission_id)
        home.published.write_text(json.dumps(sent, indent=1) + "\n")
    return len(waiting)


def _already_sent(home: Home) -> list[str]:
    try:
        return [str(identity) for identity in json.loads(home.published.read_text())]
    except (OSError, ValueError):
        return []


async def _send(
    client: httpx.AsyncClient, ingest: str, key: str, submission: PublishedSubmission
) -> Mapping[str, Any]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body, deadline = encode_json(submission.body), time.monotonic() + SEND_SECONDS
    while True:
        reason = "no answer"
        try:
            answer = await client.post(f"{ingest}/v1/submissions", content=body, headers=headers)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
        else:
            if answer.status_code == httpx.codes.ACCEPTED:
                receipt: Mapping[str, Any] = answer.json()
                return receipt
            reason = f"{answer.status_code} {answer.text.strip()[:400]}"
            if answer.status_code not in {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS}:
                raise StartFailure(f"the published document {submission.source} was refused: {reason}")
        if time.monotonic() > deadline:
            raise StartFailure(f"the published document {submission.source} could not be sent: {reason}")
        await asyncio.sleep(POLL_SECONDS * 10)


async def _wait_received(client: httpx.AsyncClient, url: str, submission: PublishedSubmission) -> None:
    deadline = time.monotonic() + RECEIVED_SECONDS
    while True:
        try:
            answer = await client.get(url)
            if answer.status_code == httpx.codes.OK and answer.json().get("status") == "received":
                return
            reason = str(answer.status_code)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
        if time.monotonic() > deadline:
            raise StartFailure(f"the published document {submission.source} was not applied in time ({reason}).")
        await asyncio.sleep(POLL_SECONDS)
