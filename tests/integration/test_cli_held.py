"""`chiso held` and `chiso reopen` against a server that answers as indicators does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.cli_scripted import Chiso, Reply, Request, scripted

IDENTITY = "0198c0de-7a11-7c4e-9d3f-5b2a1c0e8f77"
HELD = {
    "unit": "21028",
    "indicator": "DVC.ON_TIME",
    "calendar": "administrative",
    "period": "2025-10",
    "basis": "in_period",
    "agency": "DEMO",
    "submission_id": IDENTITY,
    "revision": 1,
    "numerator": 90,
    "denominator": 100,
    "accepted_at": "2025-11-12T03:00:00Z",
    "outcome": "held",
    "reason": "late file",
}


@pytest.fixture
def chiso(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Chiso:
    return Chiso(tmp_path, monkeypatch, capsys)


def answer(request: Request, _number: int) -> Reply:
    if request.path == "/v1/held":
        return Reply(200, {"items": [HELD], "next_cursor": None})
    if request.path.endswith(("/reopen", "/close")):
        return Reply(200, {"unit": "51", "closes_at": json.loads(request.body).get("closes_at")})
    outcome = "applied" if request.path.endswith("/approve") else "rejected"
    return Reply(200, {"observations": [{**HELD, "outcome": outcome}]})


def test_held_reports_are_listed_approved_and_refused(chiso: Chiso) -> None:
    with scripted(answer) as server:
        url = ("--indicators-url", server.url)
        listed = chiso("held", "list", "--agency", "DEMO", *url)
        assert listed.returncode == 0 and f"DEMO/{IDENTITY}" in listed.stdout and "90 / 100" in listed.stdout
        for verb, words in (("approve", "1 observation of DEMO now count"), ("refuse", "are rejected")):
            done = chiso("held", verb, f"DEMO/{IDENTITY}", "--reason", "seen", "--unit", "21028", *url)
            assert done.returncode == 0 and words in done.stdout, done
            asked = server.requests[-1]
            assert (asked.path, asked.query) == (f"/v1/held/DEMO/{IDENTITY}/{verb}", {"unit": ["21028"]})
            assert json.loads(asked.body) == {"reason": "seen"}
            assert asked.headers["authorization"] == "Bearer key"
        assert chiso("held", "approve", IDENTITY, "--reason", "seen", *url).returncode == 2


def test_a_period_is_opened_and_closed_again(chiso: Chiso) -> None:
    with scripted(answer) as server:
        url = ("--indicators-url", server.url)
        done = chiso(
            "reopen", "2025-10", "--unit", "51", "--reason", "lost file", "--until", "2025-12-31", *url
        )
        assert done.returncode == 0 and "is open again until 2026-01-01 00:00:00" in done.stdout, done
        assert server.requests[-1].path == "/v1/periods/administrative/2025-10/reopen"
        assert json.loads(server.requests[-1].body)["closes_at"] == "2026-01-01T00:00:00+07:00"
        closed = chiso("reopen", "2025-10", "--unit", "51", "--close", "--reason", "complete", *url)
        assert closed.returncode == 0 and "closes again" in closed.stdout
        assert json.loads(server.requests[-1].body) == {"unit": "51", "reason": "complete"}
    refused = Reply(403, {"title": "Forbidden", "detail": "this key may not decide", "status": 403})
    with scripted(lambda request, number: refused) as server:
        done = chiso("reopen", "2025-10", "--reason", "x", "--indicators-url", server.url)
        assert done.returncode == 1 and "may not decide" in done.stderr
