"""A seeded generator of bad bodies: what broken, old, careless and hostile programs send to the door."""

from __future__ import annotations

import copy
import csv
import io
import json
import random
import uuid
from dataclasses import dataclass
from typing import Any

HOSTILE_TOKENS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    "1e-400",
    "1e999999999999999999999",
    "9" * 400,
    "-" + "9" * 25,
    "123456789012345678",
    "0.12345678901234567890",
    "1.0000001",
    "-0.0",
    "-1",
    "01",
    "1.",
    ".5",
    "0x10",
    "+1",
    "true",
    "false",
    "null",
    "[]",
    "{}",
    '""',
    '"812"',
    '"\\u0000"',
    '"a\\u0000b"',
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"' + "x" * 3_000 + '"',
    '"' + "\U0001f600" * 50 + '"',
    '"NaN"',
    '"2025-02-30"',
    '"99999-01-01"',
    '"0000-00-00"',
    '"2025-13"',
    '"2199"',
    "20251014",
    '{"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}',
    "[[[[[[[[[1]]]]]]]]]",
    '["21289"]',
    '{"$ne": null}',
    '"\'; DROP TABLE cells; --"',
    '"../../etc/passwd"',
    '"%00"',
    '"\\u202e21289"',
    '"２１２８９"',
    '"٢١٢٨٩"',
    "'single'",
    "undefined",
    "2147483648",
    "-2147483649",
    "1e3",
)
FIELDS = (
    "submission_id", "agency", "calendar", "period", "basis", "as_of", "stage", "revision", "reason",
    "source", "observations", "unit", "indicator", "numerator", "denominator", "value", "value_high",
    "qualifier", "status", "op", "document", "url", "published", "__proto__", "", "Unit", "unit ", "~/~1",
    "\u0000",
)  # fmt: skip
MARK = "\ue000hostile\ue000"


@dataclass(frozen=True, slots=True)
class BadBody:
    """One request: what is sent, as what, with which query; `kind` says how it was made."""

    kind: str
    body: bytes
    content_type: str
    query: dict[str, str]


class BadBodies:
    """An endless, reproducible stream of requests, nearly all of them bad."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._makers = (
            (30, self._hostile_value),
            (10, self._missing),
            (8, self._added),
            (8, self._repeated_name),
            (8, self._truncated),
            (8, self._broken_byte),
            (5, self._other_encoding),
            (5, self._deep),
            (4, self._no_document),
            (10, self._sheet),
            (8, self._lines),
            (4, self._other_type),
            (4, self._query),
        )

    def next(self) -> BadBody:
        """The next request."""
        weights = [weight for weight, _ in self._makers]
        ((_, maker),) = self._random.choices(self._makers, weights)
        return maker()

    def _document(self) -> dict[str, Any]:
        choose = self._random
        observations: list[dict[str, Any]] = [
            {"unit": "21289", "indicator": "DVC.ONLINE_SUBMIT", "numerator": 812, "denominator": 1004},
            {
                "unit": "51",
                "indicator": "DVC.ON_TIME",
                "value": 97.25,
                "qualifier": "gt",
                "reason": "làm tròn",
            },
            {"unit": "21292", "indicator": "DVC.RECEIVED", "value": 1180, "status": "P"},
            {"unit": "21238", "indicator": "DVC.ONLINE_SUBMIT", "op": "withdraw", "reason": "sai đơn vị"},
        ]
        return {
            "submission_id": str(uuid.UUID(int=choose.getrandbits(128), version=4)),
            "agency": "H48",
            "calendar": choose.choice(("administrative", "statistical")),
            "period": choose.choice(("2025-10", "2025-Q3", "2025-9M")),
            "basis": "in_period",
            "revision": 1,
            "reason": "bổ sung",
            "source": {"document": "359-KH/TU", "url": None, "published": "2025-10-16"},
            "observations": observations[: choose.randint(1, 4)],
        }

    def _places(self, value: Any) -> list[tuple[Any, Any]]:
        """Every (container, key) of the document."""
        items = value.items() if isinstance(value, dict) else enumerate(value)
        found: list[tuple[Any, Any]] = []
        for key, item in items:
            found.append((value, key))
            if isinstance(item, dict | list):
                found += self._places(item)
        return found

    def _text(self, document: Any) -> str:
        text = json.dumps(document, ensure_ascii=False)
        while json.dumps(MARK, ensure_ascii=False) in text:
            token = self._random.choice(HOSTILE_TOKENS)
            text = text.replace(json.dumps(MARK, ensure_ascii=False), token, 1)
        return text

    def _json(self, kind: str, document: Any) -> BadBody:
        return BadBody(kind, self._text(document).encode(), "application/json", {})

    def _hostile_value(self) -> BadBody:
        document = self._document()
        for _ in range(self._random.choice((1, 1, 1, 2, 5))):
            container, key = self._random.choice(self._places(document))
            container[key] = MARK
        return self._json("hostile value", document)

    def _missing(self) -> BadBody:
        document = self._document()
        container, key = self._random.choice(self._places(document))
        del container[key]
        return self._json("missing", document)

    def _added(self) -> BadBody:
        document = self._document()
        places = [document, *document["observations"], document["source"]]
        self._random.choice(places)[self._random.choice(FIELDS)] = MARK
        return self._json("added", document)

    def _repeated_name(self) -> BadBody:
        text = self._text(self._document())
        name = self._random.choice([field for field in FIELDS if f'"{field}": ' in text])
        return BadBody(
            "repeated name",
            text.replace(f'"{name}": ', f'"{name}": 1, "{name}": ', 1).encode(),
            "application/json",
            {},
        )

    def _truncated(self) -> BadBody:
        body = self._text(self._document()).encode()
        return BadBody("truncated", body[: self._random.randrange(len(body))], "application/json", {})

    def _broken_byte(self) -> BadBody:
        body = bytearray(self._text(self._document()).encode())
        for _ in range(self._random.choice((1, 1, 3, 20))):
            at = self._random.randrange(len(body))
            match self._random.randrange(3):
                case 0:
                    body[at] = self._random.randrange(256)
                case 1:
                    body.insert(at, self._random.choice((0, 0x0A, 0x22, 0x5C, 0x7B, 0x80, 0xC0, 0xED, 0xFF)))
                case _:
                    del body[at : at + self._random.randint(1, 9)]
        return BadBody("broken byte", bytes(body), "application/json", {})

    def _other_encoding(self) -> BadBody:
        text = self._text(self._document())
        encoding = self._random.choice(("utf-16", "utf-32", "cp1258", "latin-1", "utf-7", "cp500"))
        return BadBody("encoding " + encoding, text.encode(encoding, "replace"), "application/json", {})

    def _deep(self) -> BadBody:
        document = self._document()
        container, key = self._random.choice(self._places(document))
        container[key] = "\ue001"
        depth = self._random.choice((6, 9, 50, 5_000, 100_000))
        opened, closed = self._random.choice((("[", "]"), ('{"a":', "}"), ("[", "")))
        nested = opened * depth + "1" + closed * depth
        text = json.dumps(document, ensure_ascii=False).replace('"\ue001"', nested)
        return BadBody("deep", text.encode(), "application/json", {})

    def _no_document(self) -> BadBody:
        document = self._document()
        wholes = (b"", b" ", b"null", b"1", b'""', b"[]", b"{}", b"\x00", b"\xef\xbb\xbf", b"<xml/>", b"NaN")
        text = self._random.choice(
            (*wholes, json.dumps([document]).encode(), json.dumps(json.dumps(document)).encode())
        )
        return BadBody("no document", text, "application/json", {})

    def _sheet(self) -> BadBody:
        document = self._document()
        columns = ["unit", "indicator", "numerator", "denominator", "value", "op", "reason"]
        rows = [[str(item.get(name, "")) for name in columns] for item in document["observations"]]
        cells = (
            "4.318",
            "69,13",
            "NaN",
            "-1",
            "1e3",
            "\x00",
            "x" * 200_000,
            "８",
            '"',
            "",
            "Infinity",
            "=1+1",
        )
        for _ in range(self._random.randint(1, 2)):
            row = self._random.choice(rows)
            match self._random.randrange(5):
                case 0:
                    row[self._random.randrange(len(row))] = self._random.choice(cells)
                case 1:
                    columns[self._random.randrange(len(columns))] = self._random.choice(FIELDS)
                case 2:
                    row.append("more")
                case 3:
                    rows.append(list(row))
                case _:
                    row[0] = self._random.choice(("1", "99999", "H99", "49", "", "5 1"))
        file = io.StringIO()
        csv.writer(file, delimiter=self._random.choice(",;\t|")).writerows([columns, *rows])
        body = file.getvalue().encode(
            self._random.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16")), "replace"
        )
        names = ("submission_id", "calendar", "period", "basis", "revision")
        query = {name: str(document[name]) for name in names} | {"revision_reason": "bổ sung"}
        if self._random.random() < 0.3:
            query[self._random.choice(list(query))] = self._random.choice(("", "x", "\x00", "-1", "2025-13"))
        if self._random.random() < 0.3:
            query["locale"] = self._random.choice(("vi", "en", "fr", ""))
        return BadBody("sheet", body, "text/csv", query)

    def _lines(self) -> BadBody:
        others = [self._hostile_value, self._missing, self._truncated, self._repeated_name, self._no_document]
        bodies = [
            self._random.choice(others)().body.replace(b"\n", b" ") for _ in range(self._random.randint(1, 4))
        ]
        return BadBody("lines", b"\n".join(bodies), "application/x-ndjson", {})

    def _other_type(self) -> BadBody:
        types = (
            "",
            "text/plain",
            "application/xml",
            "application/json; charset=utf-16",
            "application/json;charset=",
            "multipart/form-data",
            "*/*",
            "application/jsonp",
            "json",
            "text/csv; charset=windows-1258",
            ";;;",
        )
        body = self._json("other type", self._document()).body
        return BadBody("other type", body, self._random.choice(types), {})

    def _query(self) -> BadBody:
        queries: tuple[dict[str, str], ...] = (
            {"dry_run": "maybe"},
            {"dry-run": "true"},
            {"mode": "all"},
            {"mode": ""},
            {"locale": "vi"},
            {"\x00": "1"},
            {"dry_run": "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")},
            {"x" * 3_000: "y"},
            {"mode": "each", "agency": "H48"},
        )
        body = self._json("query", copy.deepcopy(self._document())).body
        return BadBody("query", body, "application/json", self._random.choice(queries))
