"""NDJSON, what the door remembers, and how much work one core does."""

from __future__ import annotations

import json
import time

import pytest
from chiso_ingest.core.door import Examined, examine
from chiso_ingest.core.limits import Limits
from chiso_ingest.core.recent import RateLimit, RecentSubmissions
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ingest_documents import RATIO, codes, good, rules, verdict_of


def lines(*documents: object, limits: Limits | None = None) -> Examined:
    body = "\n".join(item if isinstance(item, str) else json.dumps(item) for item in documents)
    return examine(body.encode(), "application/x-ndjson", {}, rules(limits=limits))


def test_every_line_is_a_submission_of_its_own() -> None:
    examined = lines(good(), "", "{", good(stage="x"), "  ", good(agency="H50"), "NaN")
    assert examined.many
    assert [(v.line, v.status) for v in examined.verdicts] == [
        (1, 200),
        (3, 400),
        (4, 422),
        (6, 403),
        (7, 400),
    ]


def test_windows_line_ends_and_a_mark_do_no_harm() -> None:
    body = b"\xef\xbb\xbf" + json.dumps(good()).encode() + b"\r\n" + json.dumps(good()).encode() + b"\r\n"
    examined = examine(body, "application/x-ndjson", {}, rules())
    assert [(v.line, v.status) for v in examined.verdicts] == [(1, 200), (2, 200)]


@pytest.mark.parametrize("body", [b"", b"\n \n", b"\xff\n", b"{}\n" * 5001])
def test_a_body_that_is_no_ndjson_at_all(body: bytes) -> None:
    examined = examine(body, "application/x-ndjson", {}, rules())
    assert not examined.many
    (verdict,) = examined.verdicts
    assert (verdict.status, codes(verdict)) == (400, {("", "malformed")})


def test_listed_problems_are_bounded_over_all_lines() -> None:
    bad = good(observations=[{**RATIO, "unit": "x", "numerator": -1}] * 3)
    examined = lines(*[bad] * 10, limits=Limits(problems=25))
    assert sum(len(verdict.findings) for verdict in examined.verdicts) == 25
    assert all(verdict.status == 422 and verdict.findings_total == 6 for verdict in examined.verdicts)


def test_the_rate_of_a_key_is_its_own() -> None:
    limit = RateLimit(per_second=2, burst=3)
    assert [limit.wait_seconds("a", 10.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert limit.wait_seconds("b", 10.0) == 0
    assert limit.wait_seconds("a", 10.4) == pytest.approx(0.1)
    assert limit.wait_seconds("a", 10.5) == 0
    assert limit.wait_seconds("a", 9.0) > 0


@given(st.lists(st.floats(0, 5), max_size=60))
def test_no_key_exceeds_burst_plus_rate(pauses: list[float]) -> None:
    limit, now, granted = RateLimit(per_second=3, burst=5), 0.0, 0
    for pause in pauses:
        now += pause
        granted += limit.wait_seconds("a", now) == 0
    assert granted <= 5 + 3 * now + 1e-6


def test_recent_submissions_are_bounded_and_the_first_stands() -> None:
    recent = RecentSubmissions(capacity=2)
    recent.remember("H48", "1", "x")
    recent.remember("H48", "1", "y")
    assert recent.conflicts("H48", "1", "y") and not recent.conflicts("H48", "1", "x")
    assert not recent.conflicts("H50", "1", "y") and not recent.conflicts("H48", "2", "y")
    recent.remember("H48", "2", "x")
    recent.remember("H48", "3", "x")
    assert not recent.conflicts("H48", "1", "y")


def test_a_hostile_mebibyte_is_refused_in_a_moment() -> None:
    """No input may make the door compute: hints, pointers and messages are bounded."""
    observations = [{"unit": f"2{at:04d}", "indicator": "DVC.ONLIN", f"x{at}": "y"} for at in range(5_000)]
    hostile = [
        json.dumps(good(observations=observations)).encode(),
        json.dumps({f"field{at}": at for at in range(60_000)}).encode(),
        b'{"reason": "' + b'\\"' * 400_000,
        b'{"a":' + b"1" * 1_000_000 + b"}",
        b'{"a":1e' + b"1" * 1_000_000 + b"}",
        b'{"\\u0000": [' + b'"\\u0000",' * 100_000 + b"1]}",
        b"[" + b"[]," * 300_000 + b"[]]",
    ]
    for body in hostile:
        started = time.process_time()
        assert verdict_of(body).status in (400, 422)
        assert time.process_time() - started < 2.0, body[:60]
