"""How files become submissions: formats told apart, ids found or made, bytes left as they are."""

from __future__ import annotations

import io
import json
from pathlib import Path
from uuid import UUID

import pytest
from chiso_cli.documents import Outgoing, read_submissions
from chiso_cli.exits import USAGE, CommandFailed
from chiso_cli.sources import Source, sources

IDENTITY = "0198c0de-7a11-7c4e-9d3f-5b2a1c0e8f77"


def read(
    name: str,
    body: bytes,
    csv_query: dict[str, str] | None = None,
    assign_id: bool = True,
    form: str | None = None,
) -> list[Outgoing]:
    source = Source(name, len(body), lambda: io.BytesIO(body))
    return list(read_submissions(source, form, csv_query or {}, assign_id))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "body", "formats"),
    [
        ("a.json", b'{"period": "2025-10"}', ["json"]),
        ("a.json", b'{\n "period": "2025-10"\n}\n', ["json"]),
        ("a.json", b'{"period": "2025-10"}\n\n{"period": "2025-11"}\n', ["ndjson", "ndjson"]),
        ("a.jsonl", b'{"period": "2025-10"}\n', ["ndjson"]),
        ("a.csv", b"unit;value\n51;3\n", ["csv"]),
        ("-", b'\n\n{"period": "2025-10"}\n{"period": "2025-11"}', ["ndjson", "ndjson"]),
        ("-", b"unit,value\n51,3\n", ["csv"]),
        ("-", b"[1, 2]", ["json"]),
        ("broken.json", b"period: 2025-10", ["json"]),
    ],
)
def test_formats_are_told_by_name_and_content(name: str, body: bytes, formats: list[str]) -> None:
    assert [outgoing.format for outgoing in read(name, body)] == formats


def test_an_id_is_left_alone_and_the_bytes_too() -> None:
    body = b'{ "submission_id": "%s",  "value": 1.50 }' % IDENTITY.encode()
    (outgoing,) = read("a.json", body)
    assert (outgoing.submission_id, outgoing.id_assigned, outgoing.body) == (IDENTITY, False, body)


def test_a_missing_id_is_made_from_the_content_and_put_in_without_touching_the_rest() -> None:
    body = b'\n{"value": 1.50, "value": 2.0, "note": "\xc3\xa1"}'
    (first,), (again,) = read("a.json", body), read("other-name.json", body)
    (other,) = read("a.json", body.replace(b"1.50", b"1.51"))
    assert first.id_assigned and first.submission_id is not None
    assert UUID(first.submission_id).version == 5
    assert first.submission_id == again.submission_id != other.submission_id
    assert first.body == b'\n{"submission_id":"%s",' % first.submission_id.encode() + body[2:]
    assert json.loads(read("a.json", b"{}")[0].body).keys() == {"submission_id"}


def test_a_byte_order_mark_is_no_obstacle() -> None:
    (outgoing,) = read("a.json", b'\xef\xbb\xbf{"period": "2025-10"}')
    assert outgoing.id_assigned
    assert json.loads(outgoing.body.decode("utf-8-sig"))["submission_id"] == outgoing.submission_id


def test_what_is_no_json_object_is_left_to_the_door() -> None:
    for body in (b"{", b"[]", b"\xff\xfe", b"7"):
        (outgoing,) = read("a.json", body)
        assert (outgoing.body, outgoing.submission_id) == (body, None)


def test_lines_are_numbered_as_in_the_file() -> None:
    body = b'{"period":"2025-10"}\n\n  \n{"period":"2025-11"}\r\n'
    assert [(outgoing.line, outgoing.place) for outgoing in read("a.ndjson", body)] == [
        (1, "a.ndjson:1"),
        (4, "a.ndjson:4"),
    ]


def test_a_csv_carries_its_id_in_a_column_a_field_or_gets_one() -> None:
    column = b"\xef\xbb\xbfunit;submission_id\n51;\n51;%s\n" % IDENTITY.encode()
    assert read("a.csv", column)[0].submission_id == IDENTITY
    by_field = read("a.csv", b"unit\n51\n", {"submission_id": IDENTITY})[0]
    assert (by_field.submission_id, by_field.id_assigned) == (IDENTITY, False)
    made = read("a.csv", b"unit\n51\n", {"period": "2025-10"})[0]
    assert made.id_assigned and made.query == {"period": "2025-10", "submission_id": made.submission_id}
    assert made.body == b"unit\n51\n"
    assert made.submission_id != read("a.csv", b"unit\n51\n", {"period": "2025-11"})[0].submission_id


@pytest.mark.parametrize(
    ("name", "body", "csv_query", "words"),
    [
        ("a.json", b'{"period": "2025-10"}', {}, "has no submission_id"),
        ("a.ndjson", b'\n{"period": "2025-10"}', {}, "a.ndjson, line 2, has no submission_id"),
        ("a.csv", b"unit\n51\n", {}, "has no submission_id"),
        ("a.json", b"  \n", {}, "is empty"),
        ("a.json", b'{"period": "2025-10"}', {"period": "2025-11"}, "--field is for CSV only"),
    ],
)
def test_what_cannot_be_sent_is_said_in_one_sentence(
    name: str, body: bytes, csv_query: dict[str, str], words: str
) -> None:
    with pytest.raises(CommandFailed, match=words) as failed:
        read(name, body, csv_query, assign_id=False)
    assert failed.value.code == USAGE


def test_files_are_found_before_anything_is_sent(tmp_path: Path) -> None:
    present = tmp_path / "a.json"
    present.write_bytes(b"{}")
    assert [source.size for source in sources([str(present)])] == [2]
    for missing in (str(tmp_path / "b.json"), str(tmp_path)):
        with pytest.raises(CommandFailed, match="cannot be read") as failed:
            sources([str(present), missing])
        assert failed.value.code == USAGE
    with pytest.raises(CommandFailed, match="There is no option --bogus"):
        sources(["--bogus"])
