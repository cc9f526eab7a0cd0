"""The continuous self-audit: a few rollups every few seconds in rotation, all on request. Never repairs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from chiso_shared.contracts.codec import decode_json
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger

from chiso_indicators.core.drift import DriftBook
from chiso_indicators.core.keys import Key
from chiso_indicators.metrics import Metrics
from chiso_indicators.store.audit import Drift, audit, note, sample
from chiso_indicators.store.read import Reader
from chiso_indicators.store.sql import queries

log = get_logger(__name__)

_BEGINNING: Final = Key("", "", "", "", "")
_NOTE_SECONDS: Final = 3_600.0


@dataclass(slots=True)
class Rotation:
    """How far the sampling is: `rounds` counts complete passes since the start of the process."""

    started_at: datetime | None = None
    sampled_at: datetime | None = None
    checked: int = 0
    rounds: int = 0


class Auditing(Background):
    """Compares stored rollups with their cells for as long as the service runs.

    `keys` rollups every `every_seconds`: the work is bounded whatever the size of the store. The metric
    counts the rows that differed when last looked at; a difference is logged once, with both values.
    """

    def __init__(
        self,
        reader: Callable[[], Reader],
        clock: Clock,
        metrics: Metrics,
        *,
        every_seconds: float,
        keys: int,
        name: str = "auditing",
    ) -> None:
        super().__init__(name)
        self._reader = reader
        self._clock = clock
        self._metrics = metrics
        self._every_seconds = every_seconds
        self._keys = keys
        self._after = _BEGINNING
        self._book = DriftBook()
        self._noted_at = 0.0
        self._turn = asyncio.Lock()
        self.rotation = Rotation()

    async def run(self) -> None:
        """Samples until stopped; trouble with the database is left to the next turn."""
        self._noted_at = asyncio.get_running_loop().time()
        with contextlib.suppress(Exception):
            await self._remember()
        while not self.stopping.is_set():
            try:
                await self.step()
            except Exception as error:
                log.warning("self-audit skipped a turn", error=describe(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), self._every_seconds)

    async def step(self) -> None:
        """Looks at the next few keys."""
        async with self._turn:
            read, now, rotation = self._reader(), self._clock.now(), self.rotation
            if self._after == _BEGINNING:
                rotation.started_at, rotation.checked = now, 0
            looked = await sample(read.pool, read.assembler, now, self._after, self._keys)
            rotation.sampled_at, rotation.checked = now, rotation.checked + looked.drift.checked
            new = self._book.note((key.text for key in looked.checked), looked.drift.rows)
            for difference in new:
                log.error("a rollup differs from its cells", **difference)
            self._metrics.drift_rows.set(len(self._book.rows))
            self._after = looked.after or _BEGINNING
            rotation.rounds += looked.after is None
            await self._keep(now, bool(new), looked.after is None)

    async def complete(self) -> Drift:
        """Looks at every rollup in one snapshot; one such audit at a time."""
        async with self._turn:
            loop = asyncio.get_running_loop()
            read, started = self._reader(), loop.time()
            drift = await audit(read.pool, read.assembler, self._clock.now())
            drift.seconds = Decimal(f"{loop.time() - started:.3f}")
            await note(read.pool, drift)
            self._book.replace(drift.rows)
            self._metrics.drift_rows.set(len(drift.rows))
            return drift

    def sampled(self) -> dict[str, Any]:
        """The state of the rotation, and every difference that stands."""
        rotation = self.rotation
        return {
            "rounds": rotation.rounds,
            "started_at": rotation.started_at,
            "at": rotation.sampled_at,
            "checked": rotation.checked,
            "drift_rows": len(self._book.rows),
            "drift": list(self._book.rows.values())[:100],
        }

    async def _remember(self) -> None:
        last = await self._reader().pool.fetchrow(queries().last_audit)
        if last is not None:
            self._book.replace(decode_json(last["drift"].encode()))

    async def _keep(self, now: datetime, found: bool, is_round: bool) -> None:
        """Keeps what was found at once, and a clean round from time to time."""
        seconds = asyncio.get_running_loop().time()
        if found or (is_round and seconds - self._noted_at > _NOTE_SECONDS):
            drift = Drift(now, self.rotation.checked, 0, [dict(row) for row in self._book.rows.values()])
            await note(self._reader().pool, drift, "sampled")
            self._noted_at = seconds
