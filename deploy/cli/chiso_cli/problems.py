"""What a door or a check found wrong, as rows and as a table: line, where, code, message, hint. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from rich.table import Table

from chiso_cli.documents import Outgoing
from chiso_cli.render import Column, Item, table
from chiso_cli.wording import Language

_LONGEST_VALUE: Final = 40


def problem_rows(outgoing: Outgoing, problem: Mapping[str, Any], language: Language) -> Iterator[Item]:
    """One row for each error of a problem document, or one for the document itself."""
    place = outgoing.place
    errors = [error for error in problem.get("errors") or () if isinstance(error, dict)]
    if not errors:
        yield {
            "place": place,
            "field": "",
            "code": str(problem.get("status") or ""),
            "message": str(problem.get("detail") or problem.get("title") or "refused"),
            "hint": str(problem.get("hint") or ""),
        }
    for error in errors:
        line = error.get("line") if outgoing.line is None else None
        yield {
            "place": place if line is None else f"{place}:{line}",
            "field": str(error.get("pointer") or ""),
            "code": str(error.get("code") or ""),
            "message": _message(error, language),
            "hint": str(error.get("hint") or ""),
        }


def _message(error: Mapping[str, Any], language: Language) -> str:
    text = str((error.get("message_vi") if language == "vi" else None) or error.get("message") or "")
    value = error.get("value")
    shown = "" if value is None else str(value)
    if not shown or shown in text:
        return text
    return f"{text} [{shown[:_LONGEST_VALUE]}{'…' if len(shown) > _LONGEST_VALUE else ''}]"


def problem_table(rows: Iterable[Item], language: Language) -> Table:
    """The table of problems."""
    columns = [
        Column("line", lambda row: str(row["place"])),
        Column("field", lambda row: str(row["field"])),
        Column("code", lambda row: str(row["code"])),
        Column("message", lambda row: str(row["message"])),
        Column("hint", lambda row: str(row["hint"])),
    ]
    return table(columns, rows, language)
