"""Feeds the clock and catalogue changes into the same functions, under the same lock, as the consumer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.postgres import classify

from chiso_alerts.core.evaluate import Arrival, Evaluated, Ledger
from chiso_alerts.core.identity import key_of
from chiso_alerts.core.machine import RetirementReason
from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.metrics import AlertMetrics
from chiso_alerts.store import Store, Tick, Waiting

log = get_logger(__name__)

_CHUNK: Final = 500
_FIRST_ID: Final = UUID(int=0)
_FIRST_KEY: Final = ("", "", "", "", "")
_PATIENCE_SECONDS: Final = 60.0


class Ticker(Background):
    """Fires hold, keep-firing and update timers, and keeps the gauges at what the table says.

    `start` first holds the stored alerts against a catalogue that is new to them (rows 17 and 18 of
    docs/semantics.md §7): rules that are gone end their alerts, open periods are evaluated again.
    """

    def __init__(
        self,
        store: Store,
        book: RuleBook,
        metrics: AlertMetrics,
        clock: Clock,
        committed: Callable[[], None],
        interval_ms: int = 250,
    ) -> None:
        super().__init__("ticker")
        self._store = store
        self._book = book
        self._metrics = metrics
        self._clock = clock
        self._committed = committed
        self._interval_seconds = interval_ms / 1000
        self._counted_tick = -1
        self._trouble: str | None = None

    async def start(self) -> None:
        """Takes in a changed catalogue, fills the gauges, then begins to tick."""
        if await self._store.catalogue_version() != self._book.catalogue.version:
            await self._take_in_catalogue()
        await self._count()
        await super().start()

    def unready(self) -> str | None:
        """Ready while its looks into the database succeed."""
        return super().unready() or self._trouble

    async def run(self) -> None:
        """Looks again and again. A database away for long is a failure; the supervisor starts anew."""
        silent_since: float | None = None
        while not self.stopping.is_set():
            try:
                await self._fire_due()
                await self._count()
                silent_since, self._trouble = None, None
            except Exception as error:
                now = asyncio.get_running_loop().time()
                silent_since = silent_since or now
                self._trouble = f"timers do not run: {describe(error)}"
                if classify(error) != "transient" or now - silent_since > _PATIENCE_SECONDS:
                    raise
            await asyncio.sleep(self._interval_seconds)

    async def _fire_due(self) -> None:
        due = await self._store.next_due()
        if due is None or due > self._clock.now():
            return
        await self._tick(self._look_at_due)

    async def _count(self) -> None:
        tick = await self._store.current_tick()
        if tick != self._counted_tick:
            self._metrics.alerts.replace(await self._store.counts())
            self._counted_tick = tick

    async def _tick(self, look: Callable[[Tick], Awaitable[tuple[Evaluated, ...]]]) -> None:
        async with self._store.tick() as tick:
            results = await look(tick)
            await tick.finish(results)
        self._metrics.evaluated(results)
        if results:
            self._committed()

    async def _look_at_due(self, tick: Tick) -> tuple[Evaluated, ...]:
        waiting = await tick.due(_CHUNK)
        ledger = await self._ledger(tick, waiting)
        for one in waiting:
            rule = self._book.rules.get(one.rule_id)
            if rule is not None:
                ledger.apply_rule(one.arrival, rule)
        return ledger.results()

    async def _ledger(self, tick: Tick, waiting: list[Waiting]) -> Ledger:
        return Ledger(self._book, await tick.memories(one.alert_id for one in waiting), tick.now)

    # A catalogue that is new to the stored alerts: in chunks, repeatable from the start after a crash

    async def _take_in_catalogue(self) -> None:
        log.info("catalogue is new to the alerts", catalogue_version=self._book.catalogue.version)
        await self._retire_uncovered()
        await self._judge_open_again()
        async with self._store.tick() as tick:
            await tick.set_catalogue_version(self._book.catalogue.version)

    async def _retire_uncovered(self) -> None:
        after: UUID | None = _FIRST_ID
        while after is not None:
            after = await self._retire_chunk(after)

    async def _retire_chunk(self, after: UUID) -> UUID | None:
        """Row 17 for the alerts that follow `after`; the last one looked at, None at the end."""
        last: list[UUID] = []

        async def look(tick: Tick) -> tuple[Evaluated, ...]:
            waiting = await tick.live(after, _CHUNK)
            last.extend(one.alert_id for one in waiting[-1:])
            ledger = await self._ledger(tick, waiting)
            for one in waiting:
                reason = self._retired(one)
                if reason is not None:
                    rule = self._book.rules.get(one.rule_id)
                    ledger.retire(key_of(one.rule_id, one.arrival.rollup), one.arrival, rule, reason)
            return ledger.results()

        await self._tick(look)
        return last[0] if last else None

    def _retired(self, one: Waiting) -> RetirementReason | None:
        rule, rollup = self._book.rules.get(one.rule_id), one.arrival.rollup
        if rule is None or rollup.indicator not in self._book.catalogue.indicators:
            return "rule_removed"
        if not self._book.covers(rule, rollup):
            return "rule_removed"
        return "unit_retired" if self._book.unit(rollup) is None else None

    async def _judge_open_again(self) -> None:
        after: tuple[str, str, str, str, str] | None = _FIRST_KEY
        while after is not None:
            after = await self._judge_chunk(after)

    async def _judge_chunk(
        self, after: tuple[str, str, str, str, str]
    ) -> tuple[str, str, str, str, str] | None:
        """Row 18 for the open rollups that follow `after`; the key of the last one, None at the end."""
        last: list[Arrival] = []

        async def look(tick: Tick) -> tuple[Evaluated, ...]:
            arrivals = await tick.open_rollups(after, _CHUNK)
            last.extend(arrivals[-1:])
            pairs = [(one, rule) for one in arrivals for rule in self._book.covering(one.rollup)]
            ids = [key_of(rule.id, one.rollup).alert_id for one, rule in pairs]
            ledger = Ledger(self._book, await tick.memories(ids), tick.now)
            for one, rule in pairs:
                ledger.apply_rule(one, rule, new_rule=True)
            return ledger.results()

        await self._tick(look)
        if not last:
            return None
        rollup = last[0].rollup
        return rollup.unit, rollup.indicator, rollup.calendar, rollup.period, rollup.basis
