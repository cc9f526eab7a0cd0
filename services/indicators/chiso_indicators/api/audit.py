"""`/v1/audit`: the last self-audit, the state of the continuous one, and a complete one on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from chiso_shared.contracts.codec import decode_json
from fastapi import APIRouter, Response

from chiso_indicators.api.paging import single
from chiso_indicators.auditing import Auditing
from chiso_indicators.store.read import Reader
from chiso_indicators.store.sql import queries

_NOTHING: Final[Mapping[str, Any]] = {
    "checked": 0,
    "drift_rows": 0,
    "at": None,
    "pending": 0,
    "seconds": None,
    "drift": [],
    "scope": None,
}


def router(reader: Callable[[], Reader], auditing: Auditing) -> APIRouter:
    """The endpoints. One audit at a time: a second request waits for the first."""
    routes = APIRouter(prefix="/v1", tags=["audit"])

    @routes.get("/audit")
    async def last() -> Response:
        record = await reader().pool.fetchrow(queries().last_audit)
        if record is None:
            return single({**_NOTHING, "sampled": auditing.sampled()})
        kept = _object(dict(record) | {"drift": decode_json(record["drift"].encode())})
        return single({**kept, "sampled": auditing.sampled()})

    @routes.post("/audit")
    async def run() -> Response:
        drift = await auditing.complete()
        return single(
            _object(
                {
                    "checked": drift.checked,
                    "drift_rows": len(drift.rows),
                    "at": drift.at,
                    "pending": drift.pending,
                    "seconds": drift.seconds,
                    "drift": drift.rows[:100],
                    "scope": "complete",
                }
            )
        )

    return routes


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    names = ("checked", "drift_rows", "at", "pending", "seconds", "drift", "scope")
    return {name: fields[name] for name in names}
