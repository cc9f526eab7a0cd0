"""Every error code of contract §2, with the pointer of the offender."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from chiso_ingest.core.limits import Limits
from chiso_ingest.core.scope import Scope
from chiso_shared.contracts.problem import ErrorCode

from tests.unit.ingest_documents import RATIO, codes, good, rules, verdict_of, with_observation

AT_0 = "/observations/0"

CASES: list[tuple[str, Any, str, str]] = [
    ("no submission_id", good(submission_id=...), "/submission_id", "missing_field"),
    ("null calendar", good(calendar=None), "/calendar", "missing_field"),
    ("no period", good(period=...), "/period", "missing_field"),
    ("no basis", good(basis=...), "/basis", "missing_field"),
    ("no observations", good(observations=...), "/observations", "missing_field"),
    ("empty observations", good(observations=[]), "/observations", "missing_field"),
    ("as_of basis without date", good(basis="as_of", as_of=...), "/as_of", "missing_field"),
    ("unstated without date", good(basis="unstated", as_of=...), "/as_of", "missing_field"),
    ("no unit", with_observation(unit=...), f"{AT_0}/unit", "missing_field"),
    ("no indicator", with_observation(indicator=...), f"{AT_0}/indicator", "missing_field"),
    ("no numerator", with_observation(numerator=...), f"{AT_0}/numerator", "missing_field"),
    ("no denominator", with_observation(denominator=...), f"{AT_0}/denominator", "missing_field"),
    ("no numbers", with_observation(numerator=..., denominator=...), f"{AT_0}/numerator", "missing_field"),
    (
        "count without value",
        with_observation(indicator="DVC.RECEIVED", numerator=..., denominator=...),
        f"{AT_0}/value",
        "missing_field",
    ),
    (
        "range without high",
        with_observation(numerator=..., denominator=..., value=3, qualifier="range"),
        f"{AT_0}/value_high",
        "missing_field",
    ),
    ("unknown document field", good(perod="2025-10"), "/perod", "unknown_field"),
    ("unknown source field", good(source={"dokument": "x"}), "/source/dokument", "unknown_field"),
    ("unknown field of an observation", with_observation(**{"a/b~c": 1}), f"{AT_0}/a~1b~0c", "unknown_field"),
    ("document is a list", [], "", "wrong_type"),
    ("document is a number", 5, "", "wrong_type"),
    ("submission_id is a number", good(submission_id=7), "/submission_id", "wrong_type"),
    ("agency is a list", good(agency=["H48"]), "/agency", "wrong_type"),
    ("period is a number", good(period=2025), "/period", "wrong_type"),
    ("calendar is a number", good(calendar=1), "/calendar", "wrong_type"),
    ("as_of is a number", good(as_of=20251014), "/as_of", "wrong_type"),
    ("revision is text", good(revision="1", reason="x"), "/revision", "wrong_type"),
    ("revision is a truth value", good(revision=True, reason="x"), "/revision", "wrong_type"),
    ("reason is a number", good(reason=5), "/reason", "wrong_type"),
    ("source is text", good(source="359-KH/TU"), "/source", "wrong_type"),
    ("observations is an object", good(observations={}), "/observations", "wrong_type"),
    ("an observation is text", good(observations=["x"]), AT_0, "wrong_type"),
    ("unit is a number", with_observation(unit=21289), f"{AT_0}/unit", "wrong_type"),
    ("indicator is a number", with_observation(indicator=1), f"{AT_0}/indicator", "wrong_type"),
    ("number as text", with_observation(numerator="812"), f"{AT_0}/numerator", "wrong_type"),
    ("number as truth value", with_observation(denominator=True), f"{AT_0}/denominator", "wrong_type"),
    ("number as list", with_observation(numerator=[812]), f"{AT_0}/numerator", "wrong_type"),
    ("op is a number", with_observation(op=1), f"{AT_0}/op", "wrong_type"),
    ("negative", with_observation(numerator=-1), f"{AT_0}/numerator", "out_of_range"),
    ("10^15", with_observation(denominator=10**15), f"{AT_0}/denominator", "out_of_range"),
    ("300 digits", with_observation(denominator=10**300), f"{AT_0}/denominator", "out_of_range"),
    ("16 digits", with_observation(denominator=12345678901234.56), f"{AT_0}/denominator", "out_of_range"),
    ("7 decimals", with_observation(denominator=1005.0000001), f"{AT_0}/denominator", "out_of_range"),
    ("unknown calendar", good(calendar="lunar"), "/calendar", "out_of_range"),
    ("unknown basis", good(basis="total"), "/basis", "out_of_range"),
    ("unknown stage", good(stage="final"), "/stage", "out_of_range"),
    ("unknown op", with_observation(op="delete"), f"{AT_0}/op", "out_of_range"),
    ("unknown status", with_observation(status="X"), f"{AT_0}/status", "out_of_range"),
    ("unknown qualifier", with_observation(qualifier="ne"), f"{AT_0}/qualifier", "out_of_range"),
    ("revision below 0", good(revision=-1), "/revision", "out_of_range"),
    ("revision 2^31", good(revision=2**31, reason="x"), "/revision", "out_of_range"),
    ("revision 1.5", good(revision=1.5, reason="x"), "/revision", "out_of_range"),
    ("reason too long", good(reason="x" * 2001), "/reason", "out_of_range"),
    ("document too long", good(source={"document": "x" * 501}), "/source/document", "out_of_range"),
    ("observation's reason too long", with_observation(reason="x" * 2001), f"{AT_0}/reason", "out_of_range"),
    ("as_of before the period", good(as_of="2025-09-14"), "/as_of", "out_of_range"),
    ("as_of after the period", good(as_of="2025-10-15"), "/as_of", "out_of_range"),
    ("as_of in year 1", good(as_of="0001-01-01"), "/as_of", "out_of_range"),
    (
        "percent above 100",
        with_observation(numerator=..., denominator=..., value=100.1),
        f"{AT_0}/value",
        "out_of_range",
    ),
    (
        "range upside down",
        with_observation(numerator=..., denominator=..., value=9, value_high=8, qualifier="range"),
        f"{AT_0}/value_high",
        "out_of_range",
    ),
    ("submission_id no UUID", good(submission_id="2025/17"), "/submission_id", "malformed"),
    ("agency in small letters", good(agency="h48"), "/agency", "malformed"),
    ("agency too long", good(agency="H" * 36), "/agency", "malformed"),
    ("as_of no date", good(as_of="14/10/2025"), "/as_of", "malformed"),
    ("as_of 30 February", good(as_of="2025-02-30"), "/as_of", "malformed"),
    ("published no date", good(source={"published": "soon"}), "/source/published", "malformed"),
    ("url is a script", good(source={"url": "javascript:alert(1)"}), "/source/url", "malformed"),
    ("NUL in the reason", good(reason="a\x00b"), "/reason", "malformed"),
    ("half a surrogate pair", good(reason="a\ud800b"), "/reason", "malformed"),
    ("NUL in a name", with_observation(**{"a\x00": 1}), AT_0, "malformed"),
    ("unknown unit", with_observation(unit="99999"), f"{AT_0}/unit", "unknown_unit"),
    ("lost leading zero", with_observation(unit="1"), f"{AT_0}/unit", "unknown_unit"),
    ("province by H-code", with_observation(unit="H48"), f"{AT_0}/unit", "unknown_unit"),
    ("merged province", with_observation(unit="49"), f"{AT_0}/unit", "unit_not_valid_in_period"),
    (
        "commune before it existed",
        good(period="2025-05", as_of=..., observations=[RATIO]),
        f"{AT_0}/unit",
        "unit_not_valid_in_period",
    ),
    ("unknown indicator", with_observation(indicator="DVC.ONLINE"), f"{AT_0}/indicator", "unknown_indicator"),
    ("month 13", good(period="2025-13"), "/period", "unknown_period"),
    ("SDMX year", good(period="2025-A1"), "/period", "unknown_period"),
    ("future period", good(period="2026-10", as_of=...), "/period", "period_in_future"),
    (
        "basis of another kind",
        good(basis="as_of", observations=[RATIO]),
        f"{AT_0}/indicator",
        "basis_not_allowed",
    ),
    (
        "fraction of a count",
        with_observation(indicator="DVC.RECEIVED"),
        f"{AT_0}/numerator",
        "kind_mismatch",
    ),
    ("fraction and value", with_observation(value=80), f"{AT_0}/value", "kind_mismatch"),
    ("qualified fraction", with_observation(qualifier="gt"), f"{AT_0}/qualifier", "kind_mismatch"),
    ("NA with numbers", with_observation(status="NA"), f"{AT_0}/numerator", "kind_mismatch"),
    ("withdrawal with numbers", with_observation(op="withdraw"), f"{AT_0}/denominator", "kind_mismatch"),
    (
        "value_high without range",
        with_observation(numerator=..., denominator=..., value=1, value_high=2),
        f"{AT_0}/value_high",
        "kind_mismatch",
    ),
    ("unstated fraction", good(basis="unstated", observations=[RATIO]), f"{AT_0}/numerator", "kind_mismatch"),
    (
        "numerator above denominator",
        with_observation(numerator=1005),
        f"{AT_0}/numerator",
        "numerator_exceeds_denominator",
    ),
    ("cell twice", good(observations=[RATIO, RATIO]), "/observations/1", "duplicate_cell"),
    ("revision without reason", good(revision=1), "/reason", "reason_required"),
    ("revision with blank reason", good(revision=1, reason="  "), "/reason", "reason_required"),
    (
        "commune reports what provinces report",
        good(
            basis="as_of",
            observations=[
                {"unit": "21289", "indicator": "STI.RESEARCHERS_10K", "numerator": 1, "denominator": 2}
            ],
        ),
        f"{AT_0}/unit",
        "not_authoritative_level",
    ),
    ("another agency", good(agency="H50"), "/agency", "out_of_scope"),
]


@pytest.mark.parametrize(
    ("document", "pointer", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_offender_is_pointed_at(document: Any, pointer: str, code: str) -> None:
    verdict = verdict_of(document)
    assert (pointer, code) in codes(verdict)
    assert verdict.document is None
    assert verdict.status == (403 if code == "out_of_scope" else 422)


def test_nothing_follows_from_a_mistake_but_the_mistake() -> None:
    for name, document, pointer, code in CASES:
        if name not in ("as_of basis without date", "unstated without date"):
            assert {found for _, found in codes(verdict_of(document))} == {code}, (name, pointer)


def test_every_code_has_a_case() -> None:
    covered = {code for _, _, _, code in CASES} | {"too_many_observations"}
    assert covered == set(get_args(ErrorCode))


def test_too_many_observations() -> None:
    verdict = verdict_of(good(observations=[RATIO] * 3), held_against=rules(limits=Limits(observations=2)))
    assert codes(verdict) == {("/observations", "too_many_observations")}


def test_all_offenders_are_listed() -> None:
    bad = [{**RATIO, "unit": "99999"}, {**RATIO, "numerator": "1"}, RATIO, {**RATIO, "x": None, "value": -1}]
    verdict = verdict_of(good(observations=bad, stage="x", revision=4))
    assert codes(verdict) == {
        ("/stage", "out_of_range"),
        ("/reason", "reason_required"),
        ("/observations/0/unit", "unknown_unit"),
        ("/observations/1/numerator", "wrong_type"),
        ("/observations/2", "duplicate_cell"),
        ("/observations/3/x", "unknown_field"),
        ("/observations/3/value", "out_of_range"),
        ("/observations/3", "duplicate_cell"),
    }


def test_a_thousand_are_listed_and_all_counted() -> None:
    verdict = verdict_of(good(observations=[{"unit": "x", "indicator": "y", "value": "z"}] * 700))
    assert (len(verdict.findings), verdict.findings_total) == (1000, 2100)


def test_hints_name_what_was_meant() -> None:
    hints = {
        "1": "01",
        "21298": "21289",
        "H48": "51",
    }
    for wrong, right in hints.items():
        (finding,) = verdict_of(with_observation(unit=wrong)).findings
        assert right in (finding.hint or ""), finding
    (finding,) = verdict_of(with_observation(indicator="DVC.ONLINE_SUBMT")).findings
    assert "DVC.ONLINE_SUBMIT" in (finding.hint or "")


@pytest.mark.parametrize(
    ("units", "indicators", "actions", "expected"),
    [
        (("51",), ("*",), ("report", "withdraw"), {"/observations/0/unit", "/observations/3/unit",
                                                   "/observations/4/unit", "/observations/5/unit"}),
        (("51/*",), ("*",), ("report", "withdraw"), set()),
        (("51", "21289", "21292"), ("DVC.*",), ("report", "withdraw"), set()),
        (("*",), ("DVC.ON_TIME", "DVC.RECEIVED"), ("report", "withdraw"),
         {"/observations/0/indicator", "/observations/2/indicator", "/observations/4/indicator"}),
        (("*",), ("*",), ("report",), {"/observations/5/op"}),
        (("VN/*",), ("*",), ("withdraw",), {f"/observations/{at}/op" for at in range(5)}),
        (("44/*",), ("INF.*",), ("report", "withdraw"),
         {f"/observations/{at}/{name}" for at in range(6) for name in ("unit", "indicator")}),
    ],
)  # fmt: skip
def test_scope_lists_every_offender(
    units: tuple[str, ...], indicators: tuple[str, ...], actions: tuple[str, ...], expected: set[str]
) -> None:
    scope = Scope.of("H48", units, indicators, actions)
    verdict = verdict_of(good(), held_against=rules(scope))
    assert codes(verdict) == {(pointer, "out_of_scope") for pointer in expected}
    assert verdict.status == (403 if expected else 200)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null garbage",
        b"\xff\xfe{\x00}\x00",
        b'{"revision": NaN}',
        b'{"revision": Infinity}',
        b'{"revision": -Infinity}',
        b'{"revision": 01}',
        b'{"reason": "a\x00b"}',
        b'{"period": "2025-10", "period": "2025-11"}',
        b'{"observations": [{"unit": "51", "unit": "51"}]}',
        b"[" * 9 + b"]" * 9,
        b"[" * 500_000,
        b'{"a":' * 100_000,
        b'"\\"' * 300_000,
        json.dumps(good()).encode()[:-1],
        json.dumps(good()).encode() + b"x",
        json.dumps(good()).encode("utf-16"),
        json.dumps(good(reason="Đồng"), ensure_ascii=False).encode("cp1258", "replace"),
    ],
    ids=range(19),
)
def test_unreadable_bodies(body: bytes) -> None:
    verdict = verdict_of(body)
    assert verdict.status == 400
    assert {code for _, code in codes(verdict)} == {"malformed"}


def test_nesting_of_eight_is_read() -> None:
    verdict = verdict_of(b"[" * 8 + b"]" * 8)
    assert codes(verdict) == {("", "wrong_type")}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"dryrun": "true"}, "unknown_field"),
        ({"dry_run": "yes"}, "out_of_range"),
        ({"mode": "some"}, "out_of_range"),
        ({"locale": "vi"}, "unknown_field"),
        ({"period": "2025-10"}, "unknown_field"),
    ],
)
def test_query_of_json(query: dict[str, str], code: str) -> None:
    verdict = verdict_of(good(), query)
    assert codes(verdict) == {("", code)}
    assert verdict.status == 422
