"""CSV as one submission: a header row, one observation a row, document fields as columns or query parameters.

Gives the same raw form as JSON does, so that both are checked by the same rules and hash alike.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from chiso_ingest.core import texts
from chiso_ingest.core.figures import Locale, read_figure
from chiso_ingest.core.findings import Findings, UnreadableNumber, printable, token
from chiso_ingest.core.hints import near_name
from chiso_ingest.core.json_body import Unreadable
from chiso_ingest.core.observations import FIELDS as OBSERVATION_FIELDS
from chiso_ingest.core.observations import NUMBERS

# Column or query parameter of a document field, and where it stands in the JSON form.
DOCUMENT_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "submission_id": ("submission_id",),
    "agency": ("agency",),
    "calendar": ("calendar",),
    "period": ("period",),
    "basis": ("basis",),
    "as_of": ("as_of",),
    "stage": ("stage",),
    "revision": ("revision",),
    "revision_reason": ("reason",),
    "source.document": ("source", "document"),
    "source.url": ("source", "url"),
    "source.published": ("source", "published"),
}
_WHOLE: Final = re.compile(r"-?[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A CSV in raw form; `lines` are the lines where the observations end, from 1 (the header)."""

    raw: dict[str, Any]
    lines: tuple[int, ...]


def parse_csv(
    text: str, parameters: Mapping[str, str], locale: Locale | None, findings: Findings
) -> Sheet | None:
    """The sheet, or None with the reasons in `findings`. Raises Unreadable for what is no CSV at all.

    `parameters` are the document fields of the query, by the names of `DOCUMENT_COLUMNS`.
    """
    if "\x00" in text:
        raise Unreadable(texts.NOT_CSV, detail="it holds a NUL character")
    rows = _rows(text)
    header = next(rows, None)
    if header is None:
        raise Unreadable(texts.EMPTY_BODY)
    columns = _columns(header[1], findings)
    document: dict[str, tuple[str, int | None]] = {
        name: (value.strip(), None) for name, value in parameters.items() if value.strip()
    }
    observations: list[dict[str, Any]] = []
    lines: list[int] = []
    for line, cells in rows:
        if len(cells) != len(columns):
            findings.add(
                texts.RAGGED_ROW,
                f"/observations/{len(observations)}",
                line=line,
                words={"found": len(cells), "expected": len(columns)},
            )
            continue
        named = {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if cell.strip()}
        _collect(document, named, line, findings)
        observations.append(_observation(named, locale))
        lines.append(line)
    if findings.total:
        return None
    return Sheet({**_document(document), "observations": observations}, tuple(lines))


def _rows(text: str) -> Any:
    """Rows with the line they end on; rows without any content are left out."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(first), strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise Unreadable(texts.NOT_CSV, line=reader.line_num, detail=str(error)) from None


def _delimiter(header: str) -> str:
    return ";" if header.count(";") > header.count(",") else ","


def _columns(header: Sequence[str], findings: Findings) -> list[str]:
    columns = [name.strip() for name in header]
    known = (*sorted(OBSERVATION_FIELDS), *DOCUMENT_COLUMNS)
    seen: set[str] = set()
    for name in columns:
        if name in seen:
            findings.add(texts.REPEATED_COLUMN, token(name), name, line=1, words={"name": printable(name)})
        elif name not in known:
            meant = partial(near_name, name, known)
            findings.add(texts.UNKNOWN_FIELD, token(name), name, line=1, hint=meant)
        seen.add(name)
    return columns


def _collect(
    document: dict[str, tuple[str, int | None]], named: Mapping[str, str], line: int, findings: Findings
) -> None:
    """Takes the document fields of a row; a blank cell says nothing, another value than before is refused."""
    for name, cell in named.items():
        if name not in DOCUMENT_COLUMNS:
            continue
        stated, where = document.setdefault(name, (cell, line))
        if stated != cell:
            earlier = "the query" if where is None else f"line {where}"
            hint = f"{earlier} says {printable(stated)}"
            findings.add(texts.DISAGREEING_ROWS, pointer_of(name), cell, line=line, hint=hint)


def pointer_of(column: str) -> str:
    """Where a document column stands in the JSON form."""
    return "/" + "/".join(DOCUMENT_COLUMNS[column])


def _observation(named: Mapping[str, str], locale: Locale | None) -> dict[str, Any]:
    return {
        name: read_figure(cell, locale) if name in NUMBERS else cell
        for name, cell in named.items()
        if name in OBSERVATION_FIELDS
    }


def _document(stated: Mapping[str, tuple[str, int | None]]) -> dict[str, Any]:
    raw: dict[str, Any] = {}
    for name, (text, _) in stated.items():
        *above, last = DOCUMENT_COLUMNS[name]
        place = raw.setdefault(above[0], {}) if above else raw
        place[last] = _revision(text) if name == "revision" else text
    return raw


def _revision(text: str) -> int | UnreadableNumber:
    return int(text) if _WHOLE.fullmatch(text) else UnreadableNumber(text, "a whole number, for example 0")
