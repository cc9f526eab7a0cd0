"""Seed tables: from bytes to rows whose cells are read with a type. Reports what is wrong, goes on; no I/O.

A cell that cannot be read yields a harmless stand-in, so that the rest is checked too; a report with problems
never becomes a catalogue.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, TypeVar

from chiso_shared.catalogue.problems import Report

Word = TypeVar("Word", bound=str)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MAXIMUM_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table; `number` counts from 1, the header is row 1."""

    file: str
    number: int
    cells: Mapping[str, str]
    report: Report

    def problem(self, column: str, message: str) -> None:
        """Note a problem of this row."""
        self.report.add(self.file, self.number, column, message)

    def text(self, column: str) -> str:
        """The cell, possibly empty."""
        return self.cells[column]

    def required(self, column: str) -> str:
        """The cell, which must not be empty."""
        if not self.cells[column]:
            self.problem(column, "must not be empty")
        return self.cells[column]

    def matching(self, column: str, pattern: re.Pattern[str], what: str) -> str:
        """A cell of the given form."""
        if not pattern.fullmatch(self.cells[column]):
            self.problem(column, f"{self.cells[column]!r} is not {what}")
        return self.cells[column]

    def word(self, column: str, allowed: Sequence[Word]) -> Word:
        """One of the allowed words."""
        found = next((word for word in allowed if word == self.cells[column]), None)
        if found is None:
            self.problem(column, f"{self.cells[column]!r} is none of {', '.join(allowed)}")
            return allowed[0]
        return found

    def codes(self, column: str) -> tuple[str, ...]:
        """The parts of a list joined by `;`, none twice."""
        parts = tuple(part for part in self.cells[column].split(";") if part)
        if len(set(parts)) != len(parts):
            self.problem(column, f"{self.cells[column]!r} names something twice")
        return parts

    def words(self, column: str, allowed: Sequence[Word]) -> tuple[Word, ...]:
        """A list joined by `;` of allowed words, at least one."""
        parts = self.codes(column)
        found = tuple(word for word in allowed if word in parts)
        if not parts or len(found) != len(parts):
            self.problem(column, f"{self.cells[column]!r} is no list of {', '.join(allowed)}")
        return found

    def boolean(self, column: str) -> bool:
        """`yes` or `no`."""
        return self.word(column, ("no", "yes")) == "yes"

    def optional_number(self, column: str) -> Decimal | None:
        """An exact decimal with a dot, or None when the cell is empty."""
        text = self.cells[column]
        if not text:
            return None
        if not _NUMBER.fullmatch(text) or len(text) > _MAXIMUM_DIGITS:
            self.problem(column, f"{text!r} is not a number")
            return Decimal(0)
        return Decimal(text)

    def number_between(self, column: str, low: int, high: int | None = None) -> Decimal:
        """An exact decimal within [low, high]."""
        value = self.optional_number(column)
        if value is None:
            self.problem(column, "must not be empty")
        elif value < low or (high is not None and value > high):
            self.problem(column, f"{value} is out of range ({low} to {high if high is not None else 'any'})")
        return value if value is not None else Decimal(low)

    def integer(self, column: str, low: int, high: int) -> int:
        """A whole number within [low, high]."""
        value = self.number_between(column, low, high)
        if value != value.to_integral_value():
            self.problem(column, f"{value} is not a whole number")
        return min(max(int(value), low), high)

    def optional_day(self, column: str) -> date | None:
        """An ISO 8601 date, or None when the cell is empty."""
        text = self.cells[column]
        if not text:
            return None
        try:
            if _DAY.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass
        self.problem(column, f"{text!r} is not a date (YYYY-MM-DD)")
        return date(2000, 1, 1)

    def day(self, column: str) -> date:
        """An ISO 8601 date."""
        self.required(column)
        return self.optional_day(column) or date(2000, 1, 1)

    def reference(self, column: str, code: str, known: Iterable[str], what: str) -> None:
        """Report a code that is not among the known ones; an empty one has been reported before."""
        if code and code not in known:
            self.problem(column, f"{code!r} is no known {what}")


def parse_table(file: str, content: bytes, names: Sequence[str], report: Report) -> tuple[Row, ...]:
    """The rows of a CSV file with exactly these columns (in any order); problems go to the report."""
    text = decode_text(file, content, report)
    if text is None:
        return ()
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        report.add(file, 0, "", f"is not CSV: {error}")
        return ()
    header = lines[0] if lines else []
    for column in names:
        if column not in header:
            report.add(file, 1, column, "column is missing")
    for column in header:
        if column not in names or header.count(column) > 1:
            report.add(file, 1, column, "column is unknown or occurs twice")
    if set(names) != set(header):
        return ()
    rows: list[Row] = []
    for number, cells in enumerate(lines[1:], 2):
        if len(cells) == len(header):
            rows.append(Row(file, number, dict(zip(header, cells, strict=True)), report))
        else:
            report.add(file, number, "", f"has {len(cells)} cells, the header has {len(header)}")
    return tuple(rows)


def decode_text(file: str, content: bytes, report: Report) -> str | None:
    """The text of a seed file, which must be UTF-8 in NFC; None when it cannot be read."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        report.add(file, content[: error.start].count(b"\n") + 1, "", "is not UTF-8")
        return None
    if not unicodedata.is_normalized("NFC", text):
        for number, line in enumerate(text.splitlines(), 1):
            if not unicodedata.is_normalized("NFC", line):
                report.add(file, number, "", "is not in Unicode NFC")
    return text


def columns(names: str) -> tuple[str, ...]:
    """Column names written in one text, separated by blanks."""
    return tuple(names.split())


def unique(rows: Iterable[Row], *key_columns: str) -> None:
    """Report every row whose key occurred before."""
    first: dict[tuple[str, ...], int] = {}
    for row in rows:
        key = tuple(row.cells[column] for column in key_columns)
        if first.setdefault(key, row.number) != row.number:
            row.problem(key_columns[0], f"{' '.join(key)} stands already in row {first[key]}")
