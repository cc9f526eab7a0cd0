"""What lists of every service share: parameters that nobody has are refused, and CSV has fixed columns.

Knows nothing of what is listed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

from fastapi import Request
from pydantic import BaseModel
from starlette.datastructures import QueryParams

from chiso_shared.contracts.codec import encode_json
from chiso_shared.contracts.problem import ErrorCode, ProblemItem

CSV: Final = "text/csv; charset=utf-8"
_LONGEST_VALUE: Final = 200


class BadParameters(ValueError):
    """A request asks for something that does not exist; `items` name every offender. Answered with 422."""

    def __init__(self, items: Sequence[ProblemItem]) -> None:
        super().__init__(f"{len(items)} bad parameters")
        self.items = tuple(items)


def problem(
    name: str, code: ErrorCode, message: str, message_vi: str, value: Any, allowed: Sequence[str]
) -> ProblemItem:
    """One bad parameter as RFC 9457 errors carry it."""
    return ProblemItem(
        pointer=f"/{name}",
        code=code,
        message=message,
        message_vi=message_vi,
        value=value[:_LONGEST_VALUE] if isinstance(value, str) else value,
        hint=", ".join(allowed),
    )


def unknown_parameters(query: QueryParams, known: Iterable[str]) -> list[ProblemItem]:
    """A problem for every parameter the endpoint does not have: a typing mistake must not widen a list."""
    names = sorted(known)
    return [
        problem(name, "unknown_field", "unknown parameter", "tham số không tồn tại", query[name], names)
        for name in dict.fromkeys(query.keys())
        if name not in names
    ]


def wants_csv(request: Request) -> bool:
    """Whether the reader prefers CSV to JSON."""
    accepted = [part.split(";")[0].strip() for part in request.headers.get("accept", "").split(",")]
    return "text/csv" in accepted and "application/json" not in accepted[: accepted.index("text/csv")]


def columns_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The columns of a list of these: objects inside become columns like `reported.value`."""
    columns: list[str] = []
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        columns += [name] if inner is None else [f"{name}.{column}" for column in columns_of(inner)]
    return tuple(columns)


def as_csv(items: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Items as CSV. The header row is the same for every page, an empty one too; lists become JSON text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    paths = [column.split(".") for column in columns]
    writer.writerows([_cell(item, path) for path in paths] for item in items)
    return text.getvalue()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation is, or may be (`Model | None`)."""
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    inside = [part for part in get_args(annotation) if isinstance(part, type)]
    optional = len(inside) == 2 and type(None) in inside
    return next((part for part in inside if issubclass(part, BaseModel)), None) if optional else None


def _cell(item: Any, path: Sequence[str]) -> str:
    for name in path:
        item = item.get(name) if isinstance(item, Mapping) else None
    if item is None:
        return ""
    return item if isinstance(item, str) else encode_json(item).decode().strip('"')
