"""Sends the published figures once, through the ingest door. Must not touch Kafka or PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import time

import httpx
from chiso_shared.catalogue import Catalogue, PublishedSubmission, published_submissions
from chiso_shared.contracts.codec import encode_json

from chiso_local.failure import StartFailure
from chiso_local.home import Home
from chiso_local.progress import say

POLL_SECONDS = 0.05
SEND_SECONDS = 60.0
RECEIVED_SECONDS = 60.0


async def submit_published(
    client: httpx.AsyncClient, home: Home, catalogue: Catalogue, ingest: str, indicators: str, key: str
) -> int:
    """Send each published document that has not been sent yet, older first, each received before the next.

    Its id is fixed by its content, so sending one twice changes nothing; `published.json` only saves
    the work. Answers how many were sent. Raises `StartFailure` when one is refused or not received in time.
    """
    sent = _already_sent(home)
    waiting = [one for one in published_submissions(catalogue) if one.submission_id not in sent]
    count = 0
    for submission in waiting:
        if not await _send(client, ingest, key, submission):
            continue
        await _wait_received(client, indicators, submission)
        sent.append(submission.submission_id)
        home.published.write_text(json.dumps(sent, indent=1) + "\n")
        count += 1
    return count


def _already_sent(home: Home) -> list[str]:
    try:
        return [str(identity) for identity in json.loads(home.published.read_text())]
    except (OSError, ValueError):
        return []


async def _send(client: httpx.AsyncClient, ingest: str, key: str, submission: PublishedSubmission) -> bool:
    """True when accepted, False when the (shifted) clock has not reached its period yet."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body, deadline = encode_json(submission.body), time.monotonic() + SEND_SECONDS
    what = f"the published document {submission.source}"
    while True:
        try:
            answer = await client.post(f"{ingest}/v1/submissions", content=body, headers=headers)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
        else:
            if answer.status_code == httpx.codes.ACCEPTED:
                return True
            if _codes(answer) == {"period_in_future"}:
                say(f"{what} lies in the future of this clock and was not sent.")
                return False
            reason = f"{answer.status_code} {answer.text.strip()[:400]}"
            if answer.status_code not in {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS}:
                raise StartFailure(f"{what} was refused: {reason}")
        if time.monotonic() > deadline:
            raise StartFailure(f"{what} could not be sent: {reason}")
        await asyncio.sleep(POLL_SECONDS * 10)


def _codes(answer: httpx.Response) -> set[str]:
    if answer.status_code != httpx.codes.UNPROCESSABLE_ENTITY:
        return set()
    return {str(error["code"]) for error in answer.json()["errors"]}


async def _wait_received(client: httpx.AsyncClient, indicators: str, submission: PublishedSubmission) -> None:
    url = f"{indicators}/v1/submissions/{submission.body['agency']}/{submission.submission_id}"
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
            raise StartFailure(
                f"the published document {submission.source} was not applied in time ({reason})."
            )
        await asyncio.sleep(POLL_SECONDS)
