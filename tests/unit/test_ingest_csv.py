"""CSV is the same submission in another dress (contract §2)."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from chiso_ingest.core import csv_body
from chiso_ingest.core.check import Verdict
from chiso_shared.contracts.codec import encode_json
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.ingest_documents import GOOD, RATIO, codes, examine_one, good, verdict_of

HEAD = {
    "submission_id": GOOD["submission_id"],
    "calendar": "administrative",
    "period": "2025-10",
    "basis": "in_period",
}
COLUMNS = (
    "unit",
    "indicator",
    "numerator",
    "denominator",
    "value",
    "value_high",
    "qualifier",
    "status",
    "op",
    "reason",
)


def sheet(rows: list[dict[str, Any]], delimiter: str = ",", columns: tuple[str, ...] = COLUMNS) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def read(body: bytes | str, **query: str) -> Verdict:
    raw = body.encode() if isinstance(body, str) else body
    return examine_one(raw, "text/csv", {**HEAD, **query})


def written(number: Decimal | int, locale: str) -> str:
    text = f"{number:,}"
    return text.translate(str.maketrans(",.", ".,")) if locale == "vi" else text


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.decimals(0, 10**6, places=3),
            st.decimals(0, 10**6, places=2),
            st.text("ạbc;,\"' \n", max_size=9),
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(("vi", "en")),
    st.sampled_from((";", ",")),
    st.booleans(),
    st.booleans(),
)
def test_csv_and_json_of_one_document_hash_alike(
    cells: list[tuple[Decimal, Decimal, str]], locale: str, delimiter: str, in_columns: bool, mark: bool
) -> None:
    observations: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for unit, (first, second, reason) in zip(("21289", "21292", "21238", "51"), cells, strict=False):
        low, high = sorted((first, second))
        cell = {"unit": unit, "indicator": "DVC.ONLINE_SUBMIT", "reason": reason}
        observations.append({**cell, "numerator": low, "denominator": high})
        rows.append({**cell, "numerator": written(low, locale), "denominator": written(high, locale)})
    document = good(observations=observations, revision=2, reason="sửa", as_of=..., agency=...)
    fields = {
        **HEAD,
        "revision": "2",
        "revision_reason": "sửa",
        "source.document": "359-KH/TU",
        "source.published": "2025-10-16",
    }
    if in_columns:
        body = sheet([{**fields, **row} for row in rows], delimiter, (*fields, *COLUMNS))
        query = {"locale": locale}
    else:
        body, query = sheet(rows, delimiter), {**fields, "locale": locale}
    verdict = examine_one(b"\xef\xbb\xbf" * mark + body, "text/csv", query)
    assert verdict.status == 200, verdict.findings
    assert verdict.payload_sha256 == verdict_of(encode_json(document)).payload_sha256


def test_a_sheet_as_excel_writes_it_in_vietnamese() -> None:
    body = (
        "\ufeffunit;indicator;value;numerator;denominator;reason\r\n"
        "51;DVC.ON_TIME;97,25;;;\r\n"
        '21292;DVC.RECEIVED;1.180;;;"hai dòng\r\n; và dấu"\r\n'
        ";;;;;\r\n"
        "\r\n"
        "21289;DVC.ONLINE_SUBMIT;;812;1.004;\r\n"
    )
    verdict = read(body, locale="vi")
    assert verdict.document is not None, verdict.findings
    found = verdict.document["observations"]
    assert [item["value"] for item in found] == [Decimal("97.25"), 1180, None]
    assert found[1]["reason"] == "hai dòng\r\n; và dấu"
    assert (found[2]["numerator"], found[2]["denominator"]) == (812, 1004)


@pytest.mark.parametrize(
    ("number", "locale", "code"),
    [
        ("4.318", None, "wrong_type"),
        ("69,13", None, "wrong_type"),
        ("NaN", None, "wrong_type"),
        ("abc", "en", "wrong_type"),
        ("-3", None, "out_of_range"),
        ("69,1300001", "vi", "out_of_range"),
        ("1" * 16, None, "out_of_range"),
    ],
)
def test_a_number_is_pointed_at_with_its_line(number: str, locale: str | None, code: str) -> None:
    rows: list[dict[str, Any]] = [RATIO, {"unit": "51", "indicator": "DVC.ON_TIME", "value": number}]
    verdict = read(sheet(rows, ";"), **({"locale": locale} if locale else {}))
    (finding,) = verdict.findings
    assert (finding.pointer, finding.code, finding.line) == ("/observations/1/value", code, 3)
    assert finding.value == number if code == "wrong_type" else finding.value is not None


def test_document_fields_of_rows_must_agree() -> None:
    columns = ("period", "unit", "indicator", "value")
    rows = [
        {"period": "2025-10", "unit": "51", "indicator": "DVC.ON_TIME", "value": 1},
        {"period": "2025-09", "unit": "51", "indicator": "DVC.REUSE", "value": 1},
        {"period": "", "unit": "51", "indicator": "DVC.ERESULT", "value": 1},
    ]
    verdict = read(sheet(rows, columns=columns))
    assert codes(verdict) == {("/period", "malformed")}
    assert (verdict.status, verdict.findings[0].line) == (400, 3)
    assert read(sheet([rows[0], rows[2]], columns=columns)).status == 200


@pytest.mark.parametrize(
    ("body", "expected", "status"),
    [
        ("", ("", "malformed"), 400),
        ("\r\n\r\n", ("", "malformed"), 400),
        ("unit,indicator,value\r\n51,DVC.ON_TIME\r\n", ("/observations/0", "malformed"), 400),
        ("unit,unit,value\r\n51,51,1\r\n", ("/unit", "malformed"), 400),
        ('unit,indicator,value\r\n"51,DVC.ON_TIME,1\r\n', ("", "malformed"), 400),
        ("unit,indicator,value\r\n51,DVC.ON_TIME,\x001\r\n", ("", "malformed"), 400),
        (b"unit,indicator,value\r\n51,DVC.ON_TIME,\xff\r\n", ("", "malformed"), 400),
        ("unit,indicator,valeu\r\n51,DVC.ON_TIME,1\r\n", ("/valeu", "unknown_field"), 422),
        ("unit,indicator,value\r\n", ("/observations", "missing_field"), 422),
        ("unit,indicator,value,revision\r\n51,DVC.ON_TIME,1,one\r\n", ("/revision", "wrong_type"), 422),
        ("unit,indicator,value,op\r\n51,DVC.ON_TIME,1,x\r\n", ("/observations/0/op", "out_of_range"), 422),
    ],
)  # fmt: skip
def test_bad_sheets(body: bytes | str, expected: tuple[str, str], status: int) -> None:
    verdict = read(body)
    assert codes(verdict) == {expected}
    assert verdict.status == status


def test_lost_leading_zero_is_hinted() -> None:
    verdict = read("unit,indicator,value\r\n8,DVC.ON_TIME,97\r\n")
    assert "08" in (verdict.findings[0].hint or "")


def test_an_endless_cell_is_malformed() -> None:
    assert read("unit,indicator,reason\r\n51,DVC.ON_TIME," + "x" * 200_000).status == 400


def test_a_nul_in_the_query_is_refused() -> None:
    body = "unit,indicator,value\r\n51,DVC.ON_TIME,97\r\n"
    verdict = read(body, revision_reason="a\x00b")
    assert (verdict.status, codes(verdict)) == (422, {("/reason", "malformed")})
    assert read(body, revision_reason="ab").status == 200


def test_a_header_of_nothing_but_mistakes_is_not_searched_for_what_each_may_mean(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched: list[str] = []
    monkeypatch.setattr(csv_body, "near_name", lambda name, names: searched.append(name))
    verdict = read(",".join(f"c{number}" for number in range(100_000)) + "\n")
    assert verdict.status == 422 and len(verdict.findings) == 1_000
    assert {code for _, code in codes(verdict)} == {"unknown_field"}
    assert len(searched) == 20
