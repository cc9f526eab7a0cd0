"""The door on real sockets and real Kafka, and without PostgreSQL: every answer of contract §2."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from chiso_shared.contracts.codec import decode_model
from chiso_shared.contracts.events import Event
from chiso_shared.contracts.submission import SubmissionEvent
from chiso_shared.contracts.topics import SUBMISSIONS

from tests.harness import Collected, collect, end_offsets, eventually
from tests.integration.ingest_door import RunningDoor, running_door

RATIO = {"unit": "21289", "indicator": "DVC.ONLINE_SUBMIT", "numerator": 812, "denominator": 1004}
WRONG = {"unit": "99999", "indicator": "DVC.RECEIVED", "value": 1}
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


def document(**changes: Any) -> dict[str, Any]:
    return {
        "submission_id": str(uuid.uuid4()),
        "calendar": "administrative",
        "period": "2025-10",
        "basis": "in_period",
        "observations": [RATIO],
        **changes,
    }


def as_json(*documents: Any) -> bytes:
    return b"\n".join(json.dumps(item).encode() for item in documents)


@pytest.fixture
async def door(chiso_topics: str, tmp_path: Path) -> AsyncIterator[RunningDoor]:
    async with running_door(chiso_topics, tmp_path, postgres=NOWHERE) as running:
        yield running


async def records(bootstrap: str, count: int) -> list[Collected]:
    found = await collect(bootstrap, SUBMISSIONS.name, lambda seen: len(seen) >= count)
    assert sum((await end_offsets(bootstrap, SUBMISSIONS.name)).values()) == count
    return found


async def test_a_receipt_says_where_the_record_stands(door: RunningDoor, chiso_topics: str) -> None:
    key = await door.known_key("H48.12", "51")
    sent = document(agency="000.00.12.H48", stage="estimate")
    answer = await door.post(as_json(sent), key)
    assert answer.status_code == 202
    receipt = answer.json()
    (record,) = await records(chiso_topics, 1)
    assert record.key == b"51"
    assert (receipt["topic"], receipt["partition"], receipt["offset"]) == (
        SUBMISSIONS.name,
        record.partition,
        record.offset,
    )
    assert record.partition == door.catalogue.routes["51"]
    assert record.value is not None
    event, submission = (
        Event.from_record(record.headers, record.value),
        decode_model(SubmissionEvent, record.value),
    )
    assert record.headers["ce_specversion"] == "1.0" and record.headers["content-type"] == "application/json"
    assert (event.type, event.subject) == (SUBMISSIONS.event_types[0], f"H48.12/{sent['submission_id']}")
    assert (event.partitionkey, event.time) == ("51", submission.accepted_at)
    assert (submission.agency, submission.stage) == ("H48.12", "estimate")
    assert submission.payload_sha256 == receipt["payload_sha256"]
    assert submission.catalogue_version == door.catalogue.version
    assert submission.key_id == key.split("_")[1]
    assert receipt["status_url"].endswith(f"/v1/submissions/H48.12/{sent['submission_id']}")
    assert (receipt["submission_id"], receipt["status"], receipt["observations"]) == (
        sent["submission_id"],
        "accepted",
        1,
    )


async def test_posted_again_is_acknowledged_again_but_not_with_another_payload(
    door: RunningDoor, chiso_topics: str
) -> None:
    key = await door.known_key()
    sent = document()
    first, again = await door.post(as_json(sent), key), await door.post(as_json(sent), key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["payload_sha256"] == again.json()["payload_sha256"]
    changed = {**sent, "observations": [{**RATIO, "numerator": 1}]}
    conflict = await door.post(as_json(changed), key)
    assert (conflict.status_code, conflict.headers["content-type"]) == (409, "application/problem+json")
    assert conflict.json()["submission_id"] == sent["submission_id"]
    assert (await door.post(as_json(changed), key, {"dry_run": "true"})).status_code == 409
    other = await door.known_key("H50", "44")
    assert (await door.post(as_json(changed), other)).status_code == 202
    assert {record.key for record in await records(chiso_topics, 3)} == {b"51", b"44"}


async def test_a_dry_run_writes_nothing(door: RunningDoor, chiso_topics: str) -> None:
    key = await door.known_key()
    answer = await door.post(as_json(document()), key, {"dry_run": "true"})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["status"], told["observations"]) == ("valid", 1) and told["checks_left_to_server"]
    bad = await door.post(as_json(document(observations=[WRONG])), key, {"dry_run": "true"})
    assert (bad.status_code, bad.json()["errors"][0]["code"]) == (422, "unknown_unit")
    lines = await door.post(
        as_json(document(), {}, document()), key, {"dry_run": "true"}, "application/x-ndjson"
    )
    assert (lines.status_code, lines.json()["observations"]) == (200, 2)
    assert sum((await end_offsets(chiso_topics, SUBMISSIONS.name)).values()) == 0


async def test_mode_each_accepts_the_good_and_returns_the_bad(door: RunningDoor, chiso_topics: str) -> None:
    key = await door.known_key()
    mixed = document(observations=[WRONG, RATIO])
    assert (await door.post(as_json(mixed), key)).status_code == 422
    answer = await door.post(as_json(mixed), key, {"mode": "each"})
    assert answer.status_code == 202
    told = answer.json()
    assert (told["observations"], told["refused"]) == (1, 1)
    assert [(item["pointer"], item["code"]) for item in told["problems"]] == [
        ("/observations/0/unit", "unknown_unit")
    ]
    (record,) = await records(chiso_topics, 1)
    assert [item["unit"] for item in record.json["observations"]] == ["21289"]
    assert record.json["payload_sha256"] == told["payload_sha256"]


async def test_every_line_of_ndjson_has_its_own_fate(door: RunningDoor, chiso_topics: str) -> None:
    key = await door.known_key()
    good, other = document(), document(observations=[{**RATIO, "unit": "51"}])
    stolen = {**good, "observations": [{**RATIO, "numerator": 1}]}
    body = as_json(good, document(observations=[WRONG])) + b"\n\n{\n" + as_json(stolen, other)
    answer = await door.post(body, key, content_type="application/x-ndjson; charset=UTF-8")
    assert answer.status_code == 202
    told = answer.json()
    assert [item["line"] for item in told["receipts"]] == [1, 6]
    assert [(item["line"], item["status"]) for item in told["problems"]] == [(2, 422), (4, 400), (5, 409)]
    assert told["problems"][0]["errors"][0]["pointer"] == "/observations/0/unit"
    await records(chiso_topics, 2)
    refused = await door.post(b"{}\n[]\n", key, content_type="application/x-ndjson")
    assert refused.status_code == 422 and refused.json()["receipts"] == []
    assert len(refused.json()["problems"]) == 2


async def test_csv_is_one_submission(door: RunningDoor, chiso_topics: str) -> None:
    key = await door.known_key()
    sent = document()
    body = b"\xef\xbb\xbfunit;indicator;numerator;denominator\r\n21289;DVC.ONLINE_SUBMIT;812;1.004\r\n"
    query = {name: str(sent[name]) for name in ("submission_id", "calendar", "period", "basis")}
    answer = await door.post(body, key, {**query, "locale": "vi"}, "text/csv")
    again = await door.post(as_json(sent), key)
    assert (answer.status_code, again.status_code) == (202, 202)
    assert answer.json()["payload_sha256"] == again.json()["payload_sha256"]
    assert (await door.post(body, key, query, "text/csv")).json()["errors"][0]["code"] == "wrong_type"
    await records(chiso_topics, 2)


async def test_keys_and_scopes(door: RunningDoor) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=9)
    narrow = await door.known_key("H48.1", units=["51"], indicators=["DVC.*"], actions=("report",))
    expired = door.key("H48.2", now=long_ago, expires=long_ago.date() + timedelta(days=2))
    for header in (
        "",
        "Bearer",
        "Bearer ",
        "Basic x",
        f"Bearer {expired}",
        "Bearer é\u00ff",
        f"Bearer {narrow}x",
    ):
        lines = (
            "POST /v1/submissions HTTP/1.1",
            "Host: x",
            f"Authorization: {header}",
            "Content-Length: 0",
            "",
            "",
        )
        request = "\r\n".join(lines)
        refused = await exchange(door.port, request.encode("latin-1"))
        assert refused.startswith(b"HTTP/1.1 401"), header
        assert b"www-authenticate: bearer" in refused.lower()
        assert b"application/problem+json" in refused
    answer = await door.post(
        as_json(document(agency="H48", observations=[RATIO, {**RATIO, "unit": "51", "op": "withdraw"}])),
        narrow,
    )
    assert answer.status_code == 403
    found = {(item["pointer"], item["code"]) for item in answer.json()["errors"]}
    assert ("/agency", "out_of_scope") in found
    assert ("/observations/0/unit", "out_of_scope") in found
    assert ("/observations/1/op", "out_of_scope") in found


async def test_what_is_no_submission_is_a_problem_too(door: RunningDoor) -> None:
    key = await door.known_key()
    for method, path, status in (
        ("GET", "/v1/submissions", 405),
        ("HEAD", "/v1/submissions", 405),
        ("OPTIONS", "/v1/submissions", 405),
        ("PUT", "/v1/submissions", 405),
        ("POST", "/v1/submission", 404),
        ("GET", "/%00%ff/../x", 404),
    ):
        answer = await door.client.request(method, path)
        assert answer.status_code == status, (method, path)
        assert answer.headers["content-type"] == "application/problem+json"
    for content_type in ("", "text/plain", "application/json; charset=latin-1", "text/csv;charset=utf-16"):
        answer = await door.post(as_json(document()), key, content_type=content_type)
        assert (answer.status_code, answer.json()["status"]) == (415, 415), content_type
    zipped = {
        "authorization": f"Bearer {key}",
        "content-type": "application/json",
        "content-encoding": "gzip",
    }
    assert (await door.client.post("/v1/submissions", content=b"x", headers=zipped)).status_code == 415


async def test_a_garbage_query_or_host_is_no_defect(door: RunningDoor) -> None:
    key = await door.known_key()
    for query in ("%ff=%fe", "mode=each&mode=atomic", "&&&=", "dry_run=%00", "a" * 4000, "%", "mode[]=each"):
        answer = await exchange(
            door.port, head(door, key, f"?{query}", "Host: [::1\r\nContent-Length: 2\r\n") + b"{}"
        )
        assert answer.startswith(b"HTTP/1.1 4"), (query, answer)
    assert 'result="defect"} 0.0' in (await door.client.get("/metrics")).text


async def test_one_key_too_fast_is_held_back_and_the_others_are_not(
    chiso_topics: str, tmp_path: Path
) -> None:
    async with running_door(chiso_topics, tmp_path, ingest_requests_per_second=1) as door:
        key = await door.known_key("H48", "51")
        answers = [await door.post(as_json(document()), key) for _ in range(6)]
        late = [answer for answer in answers if answer.status_code == 429]
        assert late and int(late[0].headers["retry-after"]) >= 1
        other = door.key("H50", "44")

        async def is_taken() -> bool:
            return (await door.post(as_json(document()), other)).status_code == 202

        await eventually(is_taken)


def head(door: RunningDoor, key: str, query: str, headers: str) -> bytes:
    return (
        f"POST /v1/submissions{query} HTTP/1.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\n{headers}\r\n"
    ).encode("latin-1")


async def exchange(port: int, *parts: bytes) -> bytes:
    """Sends the parts and reads until the server closes or has answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(20):
            return await reader.read(4096)
    finally:
        writer.close()


async def test_a_body_too_large_is_refused_however_it_is_sent(door: RunningDoor) -> None:
    key = await door.known_key()
    mebibyte = b" " * (1024 * 1024)
    assert (await door.post(mebibyte + b" ", key)).status_code == 413
    assert (await door.post(as_json(document()) + mebibyte[:-4096], key)).status_code == 202
    promised = await exchange(
        door.port, head(door, key, "", "Host: x\r\nExpect: 100-continue\r\nContent-Length: 9999999999\r\n")
    )
    assert promised.startswith(b"HTTP/1.1 413") and b"100 Continue" not in promised

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield mebibyte

    # The connection may be cut while the client is still sending; the door has counted it all the same.
    with contextlib.suppress(httpx.TransportError):
        streamed = await door.client.post(
            "/v1/submissions",
            content=endless(),
            headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
        )
        assert streamed.status_code == 413
    metrics = (await door.client.get("/metrics")).text
    assert 'chiso_submissions_total{result="too_large"} 3.0' in metrics
    assert "chiso_ingest_body_bytes 0.0" in metrics


async def test_a_body_too_slow_is_cut_off(chiso_topics: str, tmp_path: Path) -> None:
    async with running_door(chiso_topics, tmp_path, ingest_body_seconds=0.3) as door:
        key = await door.known_key()
        answer = await exchange(door.port, head(door, key, "", "Host: x\r\nContent-Length: 100\r\n"), b"{")
        assert answer.startswith(b"HTTP/1.1 408") and b"connection: close" in answer.lower()
        chunked = await exchange(
            door.port, head(door, key, "", "Host: x\r\nTransfer-Encoding: chunked\r\n"), b"1\r\n{\r\n"
        )
        assert chunked.startswith(b"HTTP/1.1 408")
        assert (await door.post(as_json(document()), key)).status_code == 202


async def test_without_a_key_a_body_is_not_even_read(door: RunningDoor) -> None:
    bad_key = head(door, "nobody", "", "Host: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n")
    answer = await exchange(door.port, bad_key)
    assert answer.startswith(b"HTTP/1.1 401") and b"100 Continue" not in answer
