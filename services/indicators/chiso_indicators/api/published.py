"""`/v1/published`: the figures of the source documents, with where each is filed or why it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

from chiso_shared.catalogue import PublishedEntry, published_listing
from fastapi import APIRouter, Request, Response

from chiso_indicators.api.paging import DEFAULT_LIMIT, Cursor, Limit, page
from chiso_indicators.core.keys import Key
from chiso_indicators.store import read_reports
from chiso_indicators.store.read import Reader

_FIGURE: Final = (
    *("id", "unit", "level_of_statement", "indicator", "qualifier", "value", "value_high", "numerator"),
    *("denominator", "value_text", "basis", "as_of", "as_of_precision", "window_start", "window_end"),
    *("attainment_claimed", "quote", "note", "definition_confidence"),
)
_COLUMNS: Final = (
    *_FIGURE,
    *(f"source.{name}" for name in ("document", "title", "url")),
    *(f"cell.{name}" for name in Key._fields),
    "submission_id",
    *(f"winner.{name}" for name in read_reports.WINNER),
    *("reason", "message", "message_vi"),
)


def router(reader: Callable[[], Reader]) -> APIRouter:
    """The endpoint."""
    routes = APIRouter(prefix="/v1", tags=["catalogue"])

    @routes.get("/published")
    async def published(request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
        read = reader()
        catalogue = read.assembler.planner.catalogue
        entries = published_listing(catalogue)
        keys = {entry.figure.id: _cell_key(entry) for entry in entries if entry.cell is not None}
        cells = await read_reports.cells_of(read.pool, list(set(keys.values())))
        found = [
            _published(entry, cells.get(keys[entry.figure.id]) if entry.cell else None) for entry in entries
        ]
        return page(request, found, limit, cursor, _COLUMNS, **{"X-Catalogue-Version": catalogue.version})

    return routes


def _cell_key(entry: PublishedEntry) -> Key:
    cell = entry.cell
    assert cell is not None  # noqa: S101 - filed figures only
    return Key(cell.unit, cell.indicator, cell.calendar, cell.period, cell.basis)


def _published(entry: PublishedEntry, cell: dict[str, Any] | None) -> dict[str, Any]:
    figure = entry.figure
    return {
        **{name: _json(getattr(figure, name)) for name in _FIGURE},
        "source": {"document": entry.source.code, "title": entry.source.title, "url": entry.source.url},
        "cell": _cell_key(entry)._asdict() if entry.cell is not None else None,
        "submission_id": entry.submission_id,
        "winner": cell["winner"] if cell is not None else None,
        "reason": entry.reason,
        "message": entry.message_en,
        "message_vi": entry.message_vi,
    }


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
