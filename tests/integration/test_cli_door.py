"""`chiso submit` against a real HTTP server with a script: retries, exit codes, what is printed where."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.harness import eventually, free_port
from tests.integration.cli_scripted import CUT, Chiso, Reply, Request, interrupt, receipt, scripted


@pytest.fixture
def chiso(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Chiso]:
    found = Chiso(tmp_path, monkeypatch, capsys)
    yield found
    found.close()


def document(**fields: Any) -> dict[str, Any]:
    return {"submission_id": str(uuid4()), "period": "2025-10", "observations": [{}, {}]} | fields


def written(chiso: Chiso, name: str, *documents: dict[str, Any]) -> str:
    (chiso.folder / name).write_text("\n".join(json.dumps(document) for document in documents))
    return name


def accept(request: Request, number: int) -> Reply:
    return Reply(202, receipt(json.loads(request.body), number))


def lines(script: Callable[[int, dict[str, Any]], dict[str, Any]]) -> Callable[[Request, int], Reply]:
    """A door for NDJSON: the script answers each line; answers with a title are problems."""

    def answer(request: Request, number: int) -> Reply:
        found = [
            script(number, json.loads(text)) | {"line": line}
            for line, text in enumerate(request.body.splitlines(), start=1)
        ]
        receipts = [item for item in found if "title" not in item]
        problems = [item for item in found if "title" in item]
        return Reply(202 if receipts else 422, {"receipts": receipts, "problems": problems})

    return answer


def test_a_file_is_submitted_with_key_and_type_and_its_receipt_shown(chiso: Chiso) -> None:
    file = written(chiso, "october.json", sent := document())
    with scripted(accept) as door:
        done = chiso("submit", file, "--ingest-url", door.url)
    (request,) = door.requests
    assert (request.method, request.path, request.query) == ("POST", "/v1/submissions", {})
    assert request.headers["authorization"] == "Bearer key"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == sent
    assert done.returncode == 0
    assert sent["submission_id"] in done.stdout and "5/1" in done.stdout
    assert "1 submission, 2 observations accepted in" in done.stdout
    assert done.stderr == ""


def test_a_door_that_is_busy_away_or_cut_gets_the_same_bytes_until_it_answers(chiso: Chiso) -> None:
    file = written(chiso, "october.json", {"period": "2025-10", "observations": [{}]})
    troubles = {
        1: Reply(429, {"title": "Too many requests"}, {"retry-after": "1"}),
        2: CUT,
        3: Reply(503, {"title": "not acknowledged", "outcome": "unknown"}, {"retry-after": "0"}),
    }
    started = time.monotonic()
    with scripted(lambda request, number: troubles.get(number) or accept(request, number)) as door:
        done = chiso("submit", file, "--ingest-url", door.url, "--json")
    assert time.monotonic() - started >= 1
    assert done.returncode == 0
    assert len({request.body for request in door.requests}) == 1 and len(door.requests) == 4
    (result,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (result["outcome"], result["attempts"], result["submission_id_assigned"]) == ("accepted", 4, True)
    assert json.loads(door.requests[0].body)["submission_id"] == result["submission_id"]
    assert f"has no submission_id: using {result['submission_id']}" in done.stderr


def test_a_refusal_is_a_table_and_exit_code_1(chiso: Chiso) -> None:
    good, bad = written(chiso, "good.json", document()), written(chiso, "bad.json", document(period="no"))
    error = {
        "pointer": "/period",
        "code": "unknown_period",
        "message": "no period has this code",
        "message_vi": "không có kỳ này",
        "value": "no",
        "hint": "for example 2025-10",
    }

    def answer(request: Request, number: int) -> Reply:
        if json.loads(request.body)["period"] == "no":
            return Reply(422, {"title": "refused", "status": 422, "errors": [error]})
        return accept(request, number)

    with scripted(answer) as door:
        done = chiso("submit", good, bad, "--ingest-url", door.url)
        vietnamese = chiso("submit", bad, "--ingest-url", door.url, "--lang", "vi")
    assert (done.returncode, vietnamese.returncode) == (1, 1)
    assert len(door.requests) == 3
    for part in ("bad.json", "/period", "unknown_period", "no period has this code", "for example 2025-10"):
        assert part in done.stdout
    assert "1 submission, 2 observations accepted; 1 submission refused" in done.stdout
    assert "không có kỳ này" in vietnamese.stdout


def test_a_door_that_stays_away_is_exit_code_3_and_says_what_to_do(chiso: Chiso) -> None:
    file = written(chiso, "many.ndjson", *(document() for _ in range(120)))
    url = f"http://127.0.0.1:{free_port()}"
    done = chiso("submit", file, "--ingest-url", url, "--give-up-after", "0.5", "-c", "1", "--json")
    assert done.returncode == 3
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["line"] for result in results] == list(range(1, 121))
    assert {result["outcome"] for result in results[:50]} == {"undelivered"}
    assert {result["outcome"] for result in results[50:]} == {"not_sent"}
    assert f"{url} is away: run the same command again later" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_refused_key_stops_everything(chiso: Chiso) -> None:
    file = written(chiso, "many.ndjson", *(document() for _ in range(200)))
    with scripted(lambda request, number: Reply(401, {"title": "No valid key", "status": 401})) as door:
        done = chiso("submit", file, "--ingest-url", door.url, "-c", "1")
    assert done.returncode == 1
    assert len(door.requests) == 1
    assert "No valid key" in done.stdout and "150 submissions not sent" in done.stdout


def test_lines_have_fates_of_their_own_and_only_the_unsure_are_sent_again(chiso: Chiso) -> None:
    sent = [document(period="2025-10"), document(period="no"), document(period="away")]

    def answer(number: int, line: dict[str, Any]) -> dict[str, Any]:
        if line["period"] == "no":
            return {
                "title": "refused",
                "status": 422,
                "errors": [{"code": "unknown_period", "pointer": "/period"}],
            }
        if line["period"] == "away" and number == 1:
            return {"title": "not acknowledged", "status": 503, "outcome": "unknown"}
        return receipt(line)

    with scripted(lines(answer)) as door:
        done = chiso("submit", written(chiso, "a.ndjson", *sent), "--ingest-url", door.url, "--json")
    assert done.returncode == 1
    assert [len(request.body.splitlines()) for request in door.requests] == [3, 1]
    assert door.requests[0].headers["content-type"] == "application/x-ndjson"
    results = {result["line"]: result for result in map(json.loads, done.stdout.splitlines())}
    assert [results[line]["outcome"] for line in (1, 2, 3)] == ["accepted", "refused", "accepted"]
    assert results[3]["attempts"] == 2
    assert json.loads(door.requests[1].body)["submission_id"] == sent[2]["submission_id"]


def test_standard_input_and_the_query_of_a_csv(chiso: Chiso) -> None:
    sheet = b"unit;indicator;value\n51;DVC.RECEIVED;1.180\n"
    with scripted(lambda request, _: Reply(200, {"status": "valid", "observations": 1})) as door:
        done = chiso(
            *("submit", "-", "--dry-run", "--mode", "each", "--locale", "vi"),
            *("-f", "period=2025-10", "--ingest-url", door.url),
            stdin=sheet,
        )
    (request,) = door.requests
    assert done.returncode == 0 and "valid (dry run: nothing was written)" in done.stdout
    assert request.headers["content-type"] == "text/csv" and request.body == sheet
    identity = request.query.pop("submission_id")
    assert identity[0] in done.stderr
    assert request.query == {"dry_run": ["true"], "mode": ["each"], "locale": ["vi"], "period": ["2025-10"]}


def test_waiting_ends_when_it_is_received(chiso: Chiso) -> None:
    sent = document()
    status = {"status": "received", "observations": [{"outcome": "applied"}, {"outcome": "superseded"}]}

    def indicators(request: Request, number: int) -> Reply:
        assert request.path == f"/v1/submissions/DEMO/{sent['submission_id']}"
        return Reply(200, status) if number >= 3 else Reply(404, {"title": "unknown"})

    file = written(chiso, "a.json", sent)
    with scripted(accept) as door, scripted(indicators) as service:
        urls = ("--ingest-url", door.url, "--indicators-url", service.url)
        done = chiso("submit", file, *urls, "--wait")
        assert done.returncode == 0 and len(service.requests) == 3
        assert "1 received: 1 applied, 1 superseded." in done.stdout
    with scripted(accept) as door, scripted(lambda *_: Reply(404, {})) as service:
        urls = ("--ingest-url", door.url, "--indicators-url", service.url)
        late = chiso("submit", file, *urls, "--wait", "--wait-seconds", "0.3")
    assert late.returncode == 3 and "accepted but not received within 0.3 s (a.json)" in late.stdout


async def test_ctrl_c_leaves_a_true_account(chiso: Chiso) -> None:
    file = written(chiso, "many.ndjson", *(document() for _ in range(100)))

    def answer(number: int, line: dict[str, Any]) -> dict[str, Any]:
        return receipt(line) if number == 1 else {"title": "away", "status": 503}

    with scripted(lines(answer)) as door:
        process = chiso.start("submit", file, "--ingest-url", door.url, "-c", "1")
        await eventually(lambda: len(door.requests) >= 3)
        done = interrupt(process)
    assert done.returncode == 130
    assert "50 submissions, 100 observations accepted" in done.stdout
    assert "Interrupted: running the same command again is safe" in done.stdout
    assert "Traceback" not in done.stderr


def test_no_colour_without_a_terminal_and_a_reader_that_leaves_is_fine(chiso: Chiso) -> None:
    items = [{"unit": f"{number:05}", "period": "2025-10", "winner": {}} for number in range(5_000)]

    def answer(request: Request, number: int) -> Reply:
        return Reply(200, {"items": items if request.path == "/v1/cells" else [], "next_cursor": None})

    with scripted(answer) as service:
        whole = chiso("cells", "--all", "--json", "--indicators-url", service.url)
        assert len(whole.stdout.splitlines()) == 5_000 and "\x1b" not in whole.stdout
        for shape in ([], ["--json"]):
            process = chiso.start("cells", "--all", *shape, "--indicators-url", service.url)
            assert process.stdout is not None and process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            assert process.wait(timeout=30) == 0
            assert process.stderr.read() == b""
            process.stderr.close()


def test_lists_follow_their_pages_and_filters_are_repeated(chiso: Chiso) -> None:
    def pages(request: Request, number: int) -> Reply:
        if request.path == "/v1/units":
            return Reply(200, {"items": [{"code": "51", "name_en": "Quang Ngai"}], "next_cursor": None})
        at = int(request.query.get("cursor", ["0"])[0])
        size = int(request.query["limit"][0])
        items = [{"unit": "51", "value": 1.5, "version": at + step} for step in range(min(size, 2))]
        return Reply(200, {"items": items, "next_cursor": str(at + 2) if at < 4 else None})

    with scripted(pages) as service:
        url = ("--indicators-url", service.url)
        few = chiso("rollups", "--unit", "51", "--unit", "44", "--limit", "3", "--json", *url)
        assert service.requests[0].query == {"unit": ["51", "44"], "limit": ["3"]}
        everything = chiso("rollups", "--all", "--json", *url)
        table = chiso("rollups", "--limit", "2", *url)
    assert [json.loads(line)["version"] for line in few.stdout.splitlines()] == [0, 1, 2]
    assert [json.loads(line)["version"] for line in everything.stdout.splitlines()] == list(range(6))
    assert "Quang Ngai" in table.stdout and "there may be more" in table.stderr


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (Reply(503, {"title": "unready", "detail": "no database"}), 3, "answered 503: no database"),
        (Reply(425, {"title": "Too early"}), 3, "answered 425: Too early"),
        (Reply(422, {"title": "no", "errors": [{"message": "no such level"}]}), 1, "no; no such level"),
        (Reply(404, {"detail": "no such rollup"}), 1, "answered 404: no such rollup"),
        (CUT, 3, "does not answer (connection lost)"),
    ],
)
def test_a_service_that_cannot_answer_is_one_sentence(
    chiso: Chiso, reply: Reply, code: int, words: str
) -> None:
    with scripted(lambda *_: reply) as service:
        done = chiso("rollups", "--indicators-url", service.url)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr and len(done.stderr.splitlines()) == 1
