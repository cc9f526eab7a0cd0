"""Files of submissions as the bytes that go to the door: JSON, NDJSON and CSV.

Nothing is looked at but what a safe retry needs, the submission's id; no file is ever reformatted.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final, Literal
from uuid import NAMESPACE_URL, uuid5

from chiso_shared.contracts.codec import MalformedJSON, decode_json

from chiso_cli.environment import reason
from chiso_cli.exits import USAGE, CommandFailed
from chiso_cli.sources import Source

Format = Literal["json", "ndjson", "csv"]

MEDIA_TYPES: Final[Mapping[Format, str]] = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
}
_SUFFIXES: Final[Mapping[str, Format]] = {".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv"}
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One submission as it will be sent. `line` counts from 1 and is set for NDJSON."""

    file: str
    line: int | None
    format: Format
    submission_id: str | None
    id_assigned: bool
    body: bytes
    query: Mapping[str, str]

    @property
    def place(self) -> str:
        """Where it stands, for people: `file` or `file:line`."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


def read_submissions(
    source: Source, form: Format | None, csv_query: Mapping[str, str], assign_id: bool
) -> Iterator[Outgoing]:
    """The submissions of a file; NDJSON is read as a stream.

    `csv_query` are document fields and locale of CSVs (contract §2). Without a submission_id one is made
    from the content, so that sending the file again repeats it; with `assign_id` false such a file is
    refused. Raises CommandFailed (usage) for a file that cannot be read.
    """
    file = source.name
    try:
        with source.open() as stream:
            lines: Iterable[bytes] = stream
            if form is None:
                form, lines = _sniffed(file, stream)
            if form != "csv" and csv_query.keys() - {"locale"}:
                raise CommandFailed(f"{file} carries its own fields: --field is for CSV only.", USAGE)
            if form == "ndjson":
                yield from _lines(file, lines, assign_id)
            else:
                yield _whole(file, form, b"".join(lines), csv_query, assign_id)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {reason(error)}.", USAGE) from error


def assigned_id(body: bytes, query: Mapping[str, str]) -> str:
    """An id made from the content: the same content always gives the same id."""
    digest = hashlib.sha256(body)
    for name, value in sorted(query.items()):
        digest.update(f"\x1f{name}={value}".encode())
    return str(uuid5(NAMESPACE_URL, f"urn:chiso:content:{digest.hexdigest()}"))


def _sniffed(file: str, stream: IO[bytes]) -> tuple[Format, Iterable[bytes]]:
    """The format by the file's name, else by its first line; and the lines, none of them lost."""
    if named := _SUFFIXES.get(Path(file).suffix.lower()):
        return named, stream
    head: list[bytes] = []
    for line in stream:
        head.append(line)
        if line.strip():
            break
    first = head[-1].removeprefix(_BYTE_ORDER_MARK).strip() if head else b""
    if not first.startswith((b"{", b"[")) and Path(file).suffix.lower() != ".json":
        return "csv", chain(head, stream)
    if isinstance(_parsed(first), dict):
        for line in stream:
            head.append(line)
            if line.strip():
                return "ndjson", chain(head, stream)
    return "json", chain(head, stream)


def _parsed(body: bytes) -> Any:
    """The document, or `None` for what is no JSON: saying so is the door's office."""
    try:
        return decode_json(body.removeprefix(_BYTE_ORDER_MARK))
    except MalformedJSON:
        return None


def _lines(file: str, lines: Iterable[bytes], assign_id: bool) -> Iterator[Outgoing]:
    for number, line in enumerate(lines, start=1):
        if body := line.removeprefix(_BYTE_ORDER_MARK if number == 1 else b"").strip():
            yield _json(file, number, "ndjson", body, assign_id)


def _whole(file: str, form: Format, body: bytes, query: Mapping[str, str], assign_id: bool) -> Outgoing:
    if not body.strip():
        raise CommandFailed(f"{file} is empty.", USAGE)
    if form == "csv":
        return _csv(file, body, query, assign_id)
    return _json(file, None, "json", body, assign_id)


def _json(file: str, line: int | None, form: Format, body: bytes, assign_id: bool) -> Outgoing:
    document = _parsed(body)
    if not isinstance(document, dict):
        return Outgoing(file, line, form, None, False, body, {})
    if "submission_id" in document:
        return Outgoing(file, line, form, str(document["submission_id"]), False, body, {})
    identity = _new_id(file, line, body, {}, assign_id)
    brace = body.index(b"{") + 1
    comma = b"" if not document else b","
    body = body[:brace] + b'"submission_id":"' + identity.encode() + b'"' + comma + body[brace:]
    return Outgoing(file, line, form, identity, True, body, {})


def _csv(file: str, body: bytes, query: Mapping[str, str], assign_id: bool) -> Outgoing:
    identity = query.get("submission_id") or _csv_id(body)
    if identity is not None:
        return Outgoing(file, None, "csv", identity, False, body, query)
    identity = _new_id(file, None, body, query, assign_id)
    return Outgoing(file, None, "csv", identity, True, body, {**query, "submission_id": identity})


def _csv_id(body: bytes) -> str | None:
    """The first id in the column `submission_id`; `None` if there is no such column or nothing in it."""
    text = body.decode("utf-8-sig", errors="replace")
    header = text.lstrip("\r\n").split("\n", 1)[0]
    rows = csv.reader(io.StringIO(text), delimiter=";" if header.count(";") > header.count(",") else ",")
    try:
        names = [name.strip() for name in next(rows, [])]
        if "submission_id" not in names:
            return None
        column = names.index("submission_id")
        cells = (row[column].strip() for row in rows if column < len(row))
        return next((cell for cell in cells if cell), None)
    except csv.Error:
        return None


def _new_id(file: str, line: int | None, body: bytes, query: Mapping[str, str], assign_id: bool) -> str:
    if not assign_id:
        where = file if line is None else f"{file}, line {line},"
        raise CommandFailed(
            f"{where} has no submission_id, which makes a retry safe: add one (any new UUID), "
            "or leave out --no-assign-id to have one made from the content.",
            USAGE,
        )
    return assigned_id(body, query)
