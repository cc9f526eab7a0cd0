"""What is sent together, what an answer means for each submission, and the exit code of it all."""

from __future__ import annotations

from typing import Any

import pytest
from chiso_cli.documents import Format, Outgoing
from chiso_cli.door import Answer, Outcome, Result, read_answer
from chiso_cli.exits import ALL_WELL, AWAY, SOME_REFUSED
from chiso_cli.sending import Shipment, batches


def outgoing(line: int = 1, form: Format = "ndjson", body: bytes = b"{}") -> Outgoing:
    return Outgoing("file", line, form, f"id-{line}", False, body, {})


def test_lines_travel_together_up_to_the_limits_and_files_alone() -> None:
    items = [
        *(outgoing(line) for line in range(1, 6)),
        outgoing(6, "json"),
        outgoing(7, "csv"),
        outgoing(8, body=b"x" * 60),
        outgoing(9, body=b"x" * 60),
    ]
    found = [[item.line for item in batch] for batch in batches(items, most_lines=3, most_bytes=100)]
    assert found == [[1, 2, 3], [4, 5], [6], [7], [8], [9]]


def outcomes(batch: list[Outgoing], status: int | None, body: Any) -> list[tuple[Outcome, int | None]]:
    return [(result.outcome, result.status) for result in read_answer(batch, Answer(status, body, "why"))]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (202, "accepted"),
        *((status, "refused") for status in (400, 401, 403, 408, 409, 413, 415, 422)),
        *((status, "undelivered") for status in (None, 429, 500, 503)),
    ],
)
def test_one_answer_for_one_document(status: int | None, outcome: Outcome) -> None:
    assert outcomes([outgoing(form="json")], status, {"title": "t"}) == [(outcome, status)]


def test_a_dry_run_is_valid_and_not_accepted() -> None:
    assert outcomes([outgoing(form="csv")], 200, {"status": "valid", "observations": 3}) == [("valid", 200)]


def test_a_receipt_of_mode_each_keeps_what_was_returned() -> None:
    (result,) = read_answer([outgoing(form="json")], Answer(202, {"observations": 1, "problems": [{}]}, ""))
    assert result.outcome == "accepted" and result.receipt == {"observations": 1, "problems": [{}]}


def test_every_line_has_its_own_fate() -> None:
    body = {
        "receipts": [{"line": 3, "status": "accepted"}],
        "problems": [{"line": 1, "status": 422, "title": "t"}, {"line": 2, "status": 503, "title": "t"}],
    }
    batch = [outgoing(line) for line in (11, 12, 13, 14)]
    fates: list[tuple[Outcome, int | None]] = [
        ("refused", 422),
        ("undelivered", 503),
        ("accepted", 202),
        ("undelivered", None),
    ]
    assert outcomes(batch, 202, body) == fates
    assert outcomes(batch, 503, body) == fates


def test_lines_share_the_answer_that_is_about_all_of_them() -> None:
    assert outcomes([outgoing(1), outgoing(2)], 413, {"title": "t"}) == [("refused", 413)] * 2


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (["accepted", "valid"], ALL_WELL),
        (["accepted", "refused"], SOME_REFUSED),
        (["accepted", "not_sent"], SOME_REFUSED),
        (["refused", "undelivered", "not_sent"], AWAY),
        ([], ALL_WELL),
    ],
)
def test_the_exit_code_tells_the_worst(found: list[Outcome], code: int) -> None:
    seen: list[Result] = []
    shipment = Shipment(seen.append)
    for outcome in found:
        shipment.settle(Result(outgoing(), outcome, receipt={"observations": 2}))
    assert shipment.exit_code() == code
    assert [result.outcome for result in seen] == found
    assert shipment.observations == 2 * sum(outcome in ("accepted", "valid") for outcome in found)


def test_an_observation_that_mode_each_refused_is_told_too() -> None:
    shipment = Shipment(lambda result: None)
    shipment.settle(Result(outgoing(), "accepted", receipt={"observations": 4, "refused": 1}))
    assert (shipment.observations, shipment.refused_observations) == (4, 1)
    assert shipment.exit_code() == SOME_REFUSED
