"""10,000 bad bodies through the real door on real Kafka: documented 4xx, and nothing bad in the log."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from chiso_shared.contracts.codec import decode_model, payload_sha256
from chiso_shared.contracts.events import Event
from chiso_shared.contracts.problem import ErrorCode
from chiso_shared.contracts.submission import SubmissionDocument, SubmissionEvent
from chiso_shared.contracts.topics import SUBMISSIONS

from tests.contract.ingest_bad_bodies import BadBodies, BadBody
from tests.contract.raw_http import Answer, Connection
from tests.harness import Collected, collect, end_offsets
from tests.integration.ingest_door import RunningDoor, running_door

SEED = 57
REFUSED = 10_000
AT_ONCE = 24
CODES = set(get_args(ErrorCode))
STATUSES = {400, 403, 413, 415, 422}


@dataclass
class Tally:
    """What came back so far."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    refused: int = 0
    receipts: list[dict[str, Any]] = field(default_factory=list)


async def test_ten_thousand_bad_bodies(chiso_topics: str, tmp_path: Path) -> None:
    bodies, tally = BadBodies(SEED), Tally()

    async def send_until_enough(door: RunningDoor, key: str) -> None:
        async with Connection("127.0.0.1", door.port) as connection:
            while tally.refused < REFUSED:
                bad = bodies.next()
                judge(bad, await connection.post(bad, key), tally)

    async with running_door(chiso_topics, tmp_path) as door:
        key = await door.known_key()
        await asyncio.gather(*(send_until_enough(door, key) for _ in range(AT_ONCE)))
        metrics = (await door.client.get("/metrics")).text
    assert 'chiso_submissions_total{result="defect"} 0.0' in metrics
    assert 'chiso_submissions_total{result="unavailable"} 0.0' in metrics
    assert len({kind for kind, _ in tally.answers}) >= 13, tally.answers
    await assert_log_holds_exactly(chiso_topics, tally.receipts)


def judge(bad: BadBody, answer: Answer, tally: Tally) -> None:
    """Only 4xx in the documented shape, unless the body happened to stay good."""
    tally.answers[bad.kind, answer.status] += 1
    shown = (bad.kind, bad.content_type, bad.query, bad.body[:2_000], answer.body[:2_000])
    assert answer.status == 202 or answer.status in STATUSES, shown
    told = json.loads(answer.body.decode("utf-8"))
    many = answer.status in (202, 422) and "receipts" in told
    for problem in told["problems"] if many else [told]:
        if answer.status != 202 or many:
            assert_problem(problem, shown)
    for receipt in told["receipts"] if many else [told] * (answer.status == 202):
        assert receipt["status"] == "accepted" and receipt["topic"] == SUBMISSIONS.name, shown
        tally.receipts.append(receipt)
    if answer.status != 202:
        assert answer.content_type == "application/problem+json", shown
        tally.refused += 1


def assert_problem(problem: dict[str, Any], shown: object) -> None:
    """RFC 9457 with the errors of contract §2."""
    assert problem["type"] and problem["title"] and problem["status"] in STATUSES, shown
    if problem["status"] in (400, 403, 422):
        assert 1 <= len(problem["errors"]) <= 1_000, shown
    for error in problem.get("errors", ()):
        assert {"pointer", "code", "message", "message_vi", "value", "hint"} <= set(error), shown
        assert error["pointer"] == "" or error["pointer"].startswith("/"), shown
        assert error["code"] in CODES and error["message"] and error["message_vi"], shown
        assert "{" not in error["message"].replace("{detail}", "{"), shown


async def assert_log_holds_exactly(bootstrap: str, receipts: list[dict[str, Any]]) -> None:
    """Every receipt has its record, every record its receipt, and each can be read as the contract says."""
    ends = await end_offsets(bootstrap, SUBMISSIONS.name)
    assert sum(ends.values()) == len(receipts) > 0
    records = await collect(bootstrap, SUBMISSIONS.name, lambda found: len(found) >= len(receipts))
    by_place = {(record.partition, record.offset): record for record in records}
    for receipt in receipts:
        assert_record(by_place[receipt["partition"], receipt["offset"]], receipt)


def assert_record(record: Collected, receipt: dict[str, Any]) -> None:
    """The record says what the receipt says."""
    assert record.value is not None
    event = Event.from_record(record.headers, record.value)
    submission = decode_model(SubmissionEvent, record.value)
    assert (event.type, record.key) == (SUBMISSIONS.event_types[0], b"51")
    assert str(submission.submission_id) == receipt["submission_id"]
    assert submission.payload_sha256 == receipt["payload_sha256"]
    assert len(submission.observations) == receipt["observations"]
    document = SubmissionDocument.model_validate(submission.model_dump())
    assert payload_sha256(document) == receipt["payload_sha256"]
    assert not any("\x00" in text for text in texts_of(json.loads(record.value)))


def texts_of(value: Any) -> list[str]:
    """Every text of a JSON value."""
    if isinstance(value, dict | list):
        items = list(value.values()) if isinstance(value, dict) else value
        return [text for item in items for text in texts_of(item)]
    return [value] if isinstance(value, str) else []
