"""Roll: decides when to tick and what the clock asks for. The store does it, under its lock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from chiso_shared.runtime.backoff import Backoff
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.reasons import KAFKA_AWAY, reason

from chiso_indicators.metrics import Metrics
from chiso_indicators.store.reference import AnotherCatalogue
from chiso_indicators.store.roll import Peek, RollStore
from chiso_indicators.store.writing import Rolled

log = get_logger(__name__)

_RETRY_SECONDS: Final = 30.0
_LONGEST_REST_SECONDS: Final = 1.0
_LONG_TICK_SECONDS: Final = 0.5
_BEHIND_SECONDS: Final = 5.0
_CLOSE_IS_LATE_SECONDS: Final = 60.0


def rest_after(spent_seconds: float, poll_seconds: float) -> float:
    """How long to rest after a tick, in seconds.

    What comes meanwhile shares the next tick: a key that moved twice is computed and told once. Short ticks
    rest for half as long as they took, so that alerts do not wait; where much is moving, for as long.
    """
    share = 1.0 if spent_seconds > _LONG_TICK_SECONDS else 0.5
    return min(_LONGEST_REST_SECONDS, max(poll_seconds - spent_seconds, share * spent_seconds))


@dataclass(slots=True)
class Closing:
    """A close under way: it waits until everything below the log's ends is applied, then rolled."""

    at: datetime
    ends: Mapping[int, int]
    dirty_id: int | None = None


class Ticker(Background):
    """Ticks when woken, when something is dirty, and when a period ends, falls due or closes.

    Several may run: the lock in the store lets one tick at a time. `log_ends` reads the ends of the
    submissions' log; `on_rolled` hears of every tick that wrote. `follow` makes `store` give one that works
    with the catalogue in force.
    """

    grace_seconds = 5.0

    def __init__(
        self,
        store: Callable[[], RollStore],
        clock: Clock,
        metrics: Metrics,
        log_ends: Callable[[], Awaitable[Mapping[int, int]]],
        on_rolled: Callable[[], None],
        *,
        poll_ms: int = 100,
        close_grace_seconds: float = 10.0,
        may_tick: Callable[[], bool] = lambda: True,
        follow: Callable[[], Awaitable[None]] | None = None,
        name: str = "ticker",
    ) -> None:
        super().__init__(name)
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._log_ends = log_ends
        self._on_rolled = on_rolled
        self._poll_seconds = poll_ms / 1000
        self._close_grace = timedelta(seconds=close_grace_seconds)
        self._may_tick = may_tick
        self._follow = follow
        self._woken = asyncio.Event()
        self._closing: Closing | None = None
        self._trouble: str | None = None
        self._behind: str | None = None
        self._late: str | None = None

    def wake(self) -> None:
        """Something is dirty: look at once instead of at the next poll."""
        self._woken.set()

    def unready(self) -> str | None:
        """Ready while ticks succeed, the clock is not behind the newest stamp, and no close is overdue."""
        return super().unready() or self._trouble or self._behind or self._late

    async def run(self) -> None:
        """Ticks until stopped; trouble is tried again for a while, then ends the process."""
        delays, failing_since = Backoff(0.1, 3.0).delays(), None
        loop = asyncio.get_running_loop()
        while not self.stopping.is_set():
            self._woken.clear()
            started = loop.time()
            try:
                worked = await self.step()
                delays, failing_since, self._trouble = Backoff(0.1, 3.0).delays(), None, None
            except Exception as error:
                failing_since = failing_since if failing_since is not None else started
                self._trouble = f"ticks fail: {reason(error)}"
                log.warning("tick failed, will retry", error=describe(error))
                if loop.time() - failing_since > _RETRY_SECONDS:
                    raise
                await self._pause(next(delays))
                continue
            spent = loop.time() - started
            if worked:
                await self._pause(rest_after(spent, self._poll_seconds))
            else:
                await self._rest()

    async def step(self) -> bool:
        """One look and at most one tick; whether there may be more to do."""
        if not self._may_tick():
            return False
        started = asyncio.get_running_loop().time()
        now, peek = self._clock.now(), await self._store().peek()
        self._judge_clock(now, peek)
        try:
            rolled = await self._due_step(now, peek)
        except AnotherCatalogue:
            if self._follow is None:
                raise
            await self._follow()
            return True
        if rolled is None:
            return False
        if rolled.number is not None:
            self._metrics.tick_seconds.observe(asyncio.get_running_loop().time() - started)
            log.debug("tick", tick=rolled.number, written=rolled.written, looked_at=rolled.looked_at)
            self._on_rolled()
        return True

    async def _due_step(self, now: datetime, peek: Peek) -> Rolled | None:
        store = self._store()
        if peek.next_end is not None and peek.next_end <= now:
            # What was reported while the period ran is judged from now on: the reports are the cause.
            return await store.shift(now, peek.next_end, "end", frozenset({"report"}))
        due_at = peek.next_due if peek.next_due is not None and peek.next_due <= now else None
        # After standing still, what fell due before a close comes before it.
        closes = min((at for at in (peek.next_close, peek.next_reclose) if at is not None), default=None)
        if due_at is None and closes is not None and await self._may_close(now, closes):
            if closes == peek.next_close:
                return await store.shift(now, closes, "close", frozenset({"close"}))
            return await store.close_again(now, closes)
        return await store.roll(now, due_at) if peek.has_dirty or due_at is not None else None

    async def _may_close(self, now: datetime, at: datetime | None) -> bool:
        """The barrier (delivery, Close): never skipped, only delayed while Kafka or the database is away."""
        if at is None or now < at + self._close_grace:
            self._closing = self._late = None
            return False
        overdue = (now - at - self._close_grace).total_seconds()
        if self._closing is None or self._closing.at != at:
            try:
                self._closing = Closing(at, await self._log_ends())
            except Exception as error:
                self._wait_for_close(
                    at, overdue, f"the log's ends cannot be read: {reason(error, KAFKA_AWAY)}"
                )
                return False
        closing, store = self._closing, self._store()
        if closing.dirty_id is None:
            closing.dirty_id = await store.applied_through(closing.ends)
        if closing.dirty_id is None or not await store.rolled_through(closing.dirty_id):
            self._wait_for_close(at, overdue, "records accepted before it are not rolled yet")
            return False
        self._late = None
        return True

    def _wait_for_close(self, at: datetime, overdue_seconds: float, why: str) -> None:
        if overdue_seconds > _CLOSE_IS_LATE_SECONDS:
            self._late = f"the close of {at.isoformat()} is {overdue_seconds:.0f} s late: {why}"

    def _judge_clock(self, now: datetime, peek: Peek) -> None:
        behind = (peek.clockwork.stamp - now).total_seconds()
        late = behind > _BEHIND_SECONDS
        self._behind = f"the clock is {behind:.0f} s behind the newest stamp" if late else None

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), self._poll_seconds)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def stop(self) -> None:
        """Ends after the tick under way."""
        self.stopping.set()
        self.wake()
        await super().stop()
