"""Cursors and answers of lists: JSON by default, CSV on request. Knows nothing of what is listed."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final

from chiso_shared.contracts.codec import decode_json, encode_json, plain
from chiso_shared.runtime.http import ExactJSONResponse
from fastapi import HTTPException, Query, Request, Response

MOST: Final = 10_000
Limit = Annotated[int, Query(ge=1, le=MOST)]
Cursor = Annotated[str | None, Query(max_length=2_000)]
DEFAULT_LIMIT: Final = 100


def write_cursor(place: Sequence[Any]) -> str:
    """An opaque text for a place in a list."""
    return base64.urlsafe_b64encode(encode_json(list(place))).decode().rstrip("=")


def read_cursor(cursor: str | None, kinds: Sequence[type]) -> tuple[Any, ...] | None:
    """The place, None without a cursor. A cursor that is none of ours is answered with 422."""
    if not cursor:
        return None
    try:
        place = decode_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise HTTPException(422, "the cursor is not one of this list") from error
    fits = isinstance(place, list) and len(place) == len(kinds)
    if not fits or not all(isinstance(part, kind) for part, kind in zip(place, kinds, strict=True)):
        raise HTTPException(422, "the cursor is not one of this list")
    return tuple(place)


def listing(
    request: Request, items: Sequence[Mapping[str, Any]], next_cursor: str | None, **headers: str
) -> Response:
    """A page of a list, as the reader accepts it."""
    if wants_csv(request):
        if next_cursor is not None:
            headers["X-Next-Cursor"] = next_cursor
        return Response(as_csv(items), headers=headers, media_type="text/csv; charset=utf-8")
    return ExactJSONResponse(
        {"items": [_plain(item) for item in items], "next_cursor": next_cursor}, headers=headers
    )


def single(item: Mapping[str, Any]) -> Response:
    """One object."""
    return ExactJSONResponse(_plain(item))


def page(
    request: Request, items: Sequence[Mapping[str, Any]], limit: int, cursor: str | None, **headers: str
) -> Response:
    """A page of a list that is held in memory."""
    start = (read_cursor(cursor, (int,)) or (0,))[0]
    if start < 0:
        raise HTTPException(422, "the cursor is not one of this list")
    end = start + limit
    return listing(request, items[start:end], write_cursor((end,)) if end < len(items) else None, **headers)


def wants_csv(request: Request) -> bool:
    """Whether the reader prefers CSV to JSON."""
    accepted = [part.split(";")[0].strip() for part in request.headers.get("accept", "").split(",")]
    return "text/csv" in accepted and "application/json" not in accepted[: accepted.index("text/csv")]


def as_csv(items: Sequence[Mapping[str, Any]]) -> str:
    """Items as CSV with a header row; objects inside become columns like `reported.value`."""
    rows = [_flat(item) for item in items]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _flat(item: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    row: dict[str, str] = {}
    for name, value in item.items():
        if isinstance(value, Mapping):
            row.update(_flat(value, f"{prefix}{name}."))
        elif value is None:
            row[prefix + name] = ""
        else:
            row[prefix + name] = (
                value if isinstance(value, str) else encode_json(_plain(value)).decode().strip('"')
            )
    return row


def _plain(value: Any) -> Any:

    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
