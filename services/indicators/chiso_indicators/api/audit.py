"""`/v1/audit`: the last self-audit, and one on request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from time import monotonic
from typing import Any

from chiso_shared.contracts.codec import decode_json
from fastapi import APIRouter, Response

from chiso_indicators.api.paging import single
from chiso_indicators.metrics import Metrics
from chiso_indicators.store.audit import audit, note
from chiso_indicators.store.read import Reader
from chiso_indicators.store.sql import queries


def router(reader: Callable[[], Reader], metrics: Metrics) -> APIRouter:
    """The endpoints. One audit at a time: a second request waits for the first."""
    routes = APIRouter(prefix="/v1", tags=["audit"])
    turn = asyncio.Lock()

    @routes.get("/audit")
    async def last() -> Response:
        record = await reader().pool.fetchrow(queries().last_audit)
        if record is None:
            return single({"checked": 0, "drift_rows": 0, "at": None, "pending": 0, "drift": []})
        return single(_object(dict(record) | {"drift": decode_json(record["drift"].encode())}))

    @routes.post("/audit")
    async def run() -> Response:
        async with turn:
            read, started = reader(), monotonic()
            drift = await audit(read.pool, read.assembler, read.clock.now())
            drift.seconds = Decimal(f"{monotonic() - started:.3f}")
            await note(read.pool, drift)
            metrics.drift_rows.set(len(drift.rows))
        return single(
            _object(
                {
                    "checked": drift.checked,
                    "drift_rows": len(drift.rows),
                    "at": drift.at,
                    "pending": drift.pending,
                    "seconds": drift.seconds,
                    "drift": drift.rows[:100],
                }
            )
        )

    return routes


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    names = ("checked", "drift_rows", "at", "pending", "seconds", "drift")
    return {name: fields[name] for name in names}
