"""Cursors and answers of lists: JSON by default, CSV on request. Knows nothing of what is listed."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final

from chiso_shared.contracts.codec import decode_json, encode_json, plain
from chiso_shared.runtime.http import ExactJSONResponse
from chiso_shared.runtime.questions import CSV, as_csv, wants_csv
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
    request: Request,
    items: Sequence[Mapping[str, Any]],
    next_cursor: str | None,
    columns: Sequence[str],
    **headers: str,
) -> Response:
    """A page of a list, as the reader accepts it; `columns` are those of the list as CSV."""
    headers["Vary"] = "Accept"
    shown = [_plain(item) for item in items]
    if wants_csv(request):
        if next_cursor is not None:
            headers["X-Next-Cursor"] = next_cursor
        return Response(as_csv(shown, columns), headers=headers, media_type=CSV)
    return ExactJSONResponse({"items": shown, "next_cursor": next_cursor}, headers=headers)


def single(item: Mapping[str, Any]) -> Response:
    """One object."""
    return ExactJSONResponse(_plain(item))


def page(
    request: Request,
    items: Sequence[Mapping[str, Any]],
    limit: int,
    cursor: str | None,
    columns: Sequence[str],
    **headers: str,
) -> Response:
    """A page of a list that is held in memory."""
    start = (read_cursor(cursor, (int,)) or (0,))[0]
    if start < 0:
        raise HTTPException(422, "the cursor is not one of this list")
    end = start + limit
    more = write_cursor((end,)) if end < len(items) else None
    return listing(request, items[start:end], more, columns, **headers)


def _plain(value: Any) -> Any:

    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
