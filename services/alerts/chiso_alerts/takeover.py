"""Holds the stored alerts against a catalogue that is new to them (rows 17 and 18 of docs/semantics.md §7).

In chunks of short ticks, repeatable from the start after a crash.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from chiso_shared.runtime.logs import get_logger

from chiso_alerts.assessment import assess
from chiso_alerts.core.arrival import Arrival
from chiso_alerts.core.evaluate import Evaluated, Ledger
from chiso_alerts.core.identity import key_of
from chiso_alerts.core.machine import RetirementReason
from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.core.tasks import is_about
from chiso_alerts.decisions import quiet_at
from chiso_alerts.rows import Waiting
from chiso_alerts.store import Store, Tick

log = get_logger(__name__)

_CHUNK: Final = 500
_FIRST_ID: Final = UUID(int=0)
_FIRST_KEY: Final = ("", "", "", "", "")
Key = tuple[str, str, str, str, str]
Look = Callable[[Tick], Awaitable[tuple[Evaluated, ...]]]


class Takeover:
    """Rules that are gone end their alerts; open periods are evaluated again. `run` does a look in a tick."""

    def __init__(
        self, store: Store, book: RuleBook, first_started_at: datetime, run: Callable[[Look], Awaitable[None]]
    ) -> None:
        self._store = store
        self._book = book
        self._first_started_at = first_started_at
        self._run = run

    async def complete(self) -> None:
        """Everything, then the mark that it is done."""
        version = self._book.catalogue.version
        log.info("catalogue is new to the alerts", catalogue_version=version)
        after: UUID | None = _FIRST_ID
        while after is not None:
            after = await self._retire_chunk(after)
        following: Key | None = _FIRST_KEY
        while following is not None:
            following = await self._judge_chunk(following)
        async with self._store.tick() as tick:
            await tick.set_catalogue_version(version)

    async def _retire_chunk(self, after: UUID) -> UUID | None:
        """Row 17 for the alerts that follow `after`; the last one looked at, None at the end."""
        last: list[UUID] = []

        async def look(tick: Tick) -> tuple[Evaluated, ...]:
            waiting = await tick.live(after, _CHUNK)
            last.extend(one.alert_id for one in waiting[-1:])
            memories = await tick.memories(one.alert_id for one in waiting)
            ledger = Ledger(self._book, memories, tick.now, await quiet_at(tick))
            await tick.place({one.alert_id: self._book.province(one.arrival.rollup) for one in waiting})
            for one in waiting:
                reason = self._retired(one)
                if reason is not None:
                    rule = self._book.rules.get(one.rule_id)
                    ledger.retire(key_of(one.rule_id, one.arrival.rollup), one.arrival, rule, reason)
            return ledger.results()

        await self._run(look)
        return last[0] if last else None

    def _retired(self, one: Waiting) -> RetirementReason | None:
        rule, rollup = self._book.rules.get(one.rule_id), one.arrival.rollup
        if rule is None or not self._book.still_covers(rule, rollup):
            return "rule_removed"
        if rule.kind == "task":
            task = self._book.tasks.get(rollup.indicator)
            return None if is_about(key_of(rule.id, rollup), task, rule) else "rule_removed"
        return "unit_retired" if self._book.unit(rollup) is None else None

    async def _judge_chunk(self, after: Key) -> Key | None:
        """Row 18 for the open rollups that follow `after`; the key of the last one, None at the end."""
        last: list[Arrival] = []

        async def look(tick: Tick) -> tuple[Evaluated, ...]:
            arrivals = await tick.open_rollups(after, _CHUNK)
            last.extend(arrivals[-1:])
            return await assess(tick, self._book, arrivals, self._first_started_at, new_rule=True)

        await self._run(look)
        if not last:
            return None
        rollup = last[0].rollup
        return rollup.unit, rollup.indicator, rollup.calendar, rollup.period, rollup.basis
