"""Keeps the indicator gauges at what the tables say. Asks the tables after ticks, never on a scrape."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

from chiso_shared.contracts.codec import decode_json
from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.metrics import Metrics
from chiso_indicators.store.sql import Values, queries

log = get_logger(__name__)

_REFRESH_SECONDS: Final = 1.0
_BETWEEN_SECONDS: Final = 3.0


class Gauges(Background):
    """Rebuilds the gauges from the tables at start and follows them, whichever instance ticks."""

    def __init__(self, pool: Callable[[], Pool], metrics: Metrics, *, name: str = "gauges") -> None:
        super().__init__(name)
        self._pool = pool
        self._metrics = metrics
        self._tick = -1
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """A tick has written."""
        self._woken.set()

    async def run(self) -> None:
        """Refreshes for ever; a database that is away leaves the gauges as they are."""
        last = await self._pool().fetchrow(queries().last_audit)
        if last is not None:
            self._metrics.drift_rows.set(last["drift_rows"])
        while True:
            self._woken.clear()
            try:
                await self.refresh()
            except Exception as error:
                log.warning("gauges not refreshed", error=describe(error))
            await asyncio.sleep(_BETWEEN_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Shows the series that changed since the last refresh."""
        clock = await self._pool().fetchrow(queries().tick_row)
        if clock is None or clock["tick"] == self._tick:
            return
        for record in await self._pool().fetch(queries().newest_rows, self._tick):
            self._metrics.show(
                (record["unit"], record["indicator"], record["calendar"], record["basis"]), numbers(record)
            )
        self._tick = clock["tick"]


def numbers(record: Values) -> dict[str, float | None]:
    """What the newest row of a series shows; an inexact value is not a number to plot."""
    reported, target = _json(record["reported"]), _json(record["target"])
    exact = record["value_source"] == "computed" or (reported or {}).get("qualifier") == "eq"
    end_at = record["end_at"]
    return {
        "value": _float(record["value"]) if exact else None,
        "target": _float(target["value"]) if target is not None else None,
        "completeness": _float(record["completeness"]),
        "period_end": end_at.timestamp() if end_at is not None else None,
    }


def _json(text: str | None) -> dict[str, Any] | None:
    return None if text is None else decode_json(text.encode())


def _float(number: Any) -> float | None:
    return None if number is None else float(number)
