"""Feeds the clock and catalogue changes into the same functions, under the same lock, as the consumer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from chiso_shared.catalogue.periods import HO_CHI_MINH
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.postgres import classify
from chiso_shared.runtime.reasons import reason
from chiso_shared.runtime.seeds import LOOK_SECONDS

from chiso_alerts.assessment import look_again
from chiso_alerts.books import Books
from chiso_alerts.core.evaluate import Evaluated
from chiso_alerts.decisions import refresh_suppressed
from chiso_alerts.metrics import AlertMetrics
from chiso_alerts.register import look_at_tasks
from chiso_alerts.store import Store, Tick
from chiso_alerts.takeover import Takeover

log = get_logger(__name__)

_CHUNK: Final = 500
_PATIENCE_SECONDS: Final = 60.0
_FORGET_SECONDS: Final = 10.0
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
Work = Callable[[Tick], Awaitable[tuple[Evaluated, ...]]]


class Ticker(Background):
    """Fires hold, keep-firing, update and task timers, ends silences, follows the seeds, keeps the gauges.

    `start` first holds the stored alerts against a catalogue that is new to them.
    """

    def __init__(
        self,
        store: Store,
        books: Books,
        metrics: AlertMetrics,
        clock: Clock,
        committed: Callable[[], None],
        interval_ms: int = 250,
        retention: timedelta = timedelta(days=400),
    ) -> None:
        super().__init__("ticker")
        self._store = store
        self._books = books
        self._metrics = metrics
        self._clock = clock
        self._committed = committed
        self._interval_seconds = interval_ms / 1000
        self._retention = retention
        self._counted_tick = -1
        self._trouble: str | None = None
        self._tasks_seen: tuple[date, str] | None = None
        self._quiet_seen = _LONG_AGO
        self._looked_at_seeds = self._forgot_at = 0.0

    async def start(self) -> None:
        """Takes in a changed catalogue, fills the gauges, then begins to tick."""
        await self._take_in_catalogue()
        await self.count()
        await super().start()

    def unready(self) -> str | None:
        """Ready while its looks into the database succeed."""
        return super().unready() or self._trouble

    async def run(self) -> None:
        """Looks again and again. A database away for long is a failure; the supervisor starts anew."""
        silent_since: float | None = None
        while not self.stopping.is_set():
            try:
                await self._look()
                silent_since, self._trouble = None, None
            except Exception as error:
                now = asyncio.get_running_loop().time()
                silent_since = silent_since or now
                self._trouble = f"timers do not run: {reason(error)}"
                log.warning("timers did not run, will retry", error=describe(error))
                if classify(error) != "transient" or now - silent_since > _PATIENCE_SECONDS:
                    raise
            await asyncio.sleep(self._interval_seconds)

    async def _look(self) -> None:
        """One look at everything that time alone can change."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at_seeds >= LOOK_SECONDS:
            self._looked_at_seeds = now
            await self._books.look()
        await self._take_in_catalogue()
        await self._fire_due()
        await self._follow_tasks()
        await self._follow_silences()
        if now - self._forgot_at >= _FORGET_SECONDS:
            self._forgot_at = now
            await self._forget()
        tick = await self._store.current_tick()
        if tick != self._counted_tick:
            await self._count(tick)

    async def _take_in_catalogue(self) -> None:
        """Also after a crash in the middle of it: the stored version is written last."""
        book = self._books.current
        if await self._store.catalogue_version() != book.catalogue.version:
            first = await self._store.first_started_at()
            await Takeover(self._store, book, first, self._tick).complete()

    async def _fire_due(self) -> None:
        due = await self._store.next_due()
        if due is None or due > self._clock.now():
            return

        async def look(tick: Tick) -> tuple[Evaluated, ...]:
            return await look_again(tick, self._books.current, await tick.due(_CHUNK))

        await self._tick(look)

    async def _follow_tasks(self) -> None:
        """Once a day in Asia/Ho_Chi_Minh, and for every new catalogue."""
        book = self._books.current
        seen = self._clock.now().astimezone(HO_CHI_MINH).date(), book.catalogue.version
        if seen == self._tasks_seen:
            return

        async def look(tick: Tick) -> tuple[Evaluated, ...]:
            return await look_at_tasks(tick, book)

        await self._tick(look)
        self._tasks_seen = seen

    async def _follow_silences(self) -> None:
        """When a silence begins or ends, the states say so."""
        change = await self._store.next_quiet_change(self._quiet_seen)
        now = self._clock.now()
        if self._quiet_seen != _LONG_AGO and (change is None or change > now):
            return
        async with self._store.tick() as tick:
            changed = await refresh_suppressed(tick)
            await tick.finish(())
        self._quiet_seen = now
        if changed:
            self._committed()

    async def _forget(self) -> None:
        """Resolved alerts past the retention leave the state topic; their history stays."""
        async with self._store.tick() as tick:
            forgotten = await tick.forget_resolved(tick.now - self._retention, _CHUNK)
            await tick.finish(())
        if forgotten:
            self._committed()

    async def count(self) -> None:
        """Fills the gauges."""
        await self._count(await self._store.current_tick())

    async def _count(self, tick: int) -> None:
        self._metrics.alerts.replace(await self._store.counts())
        self._counted_tick = tick

    async def _tick(self, look: Work) -> None:
        async with self._store.tick() as tick:
            results = await look(tick)
            await tick.finish(results)
        self._metrics.evaluated(results)
        if results:
            self._committed()
