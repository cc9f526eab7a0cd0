"""After a start, finds an older database and brings it to the present (delivery, Restore)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal

from chiso_shared.contracts.topics import OPERATIONS, ROLLUPS, SUBMISSIONS
from chiso_shared.runtime.backoff import Backoff
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.reading_back import read_operations, topic_ends
from chiso_shared.runtime.reasons import reason

from chiso_indicators.rollups_topic import rollups_beyond
from chiso_indicators.store.floors import note_ends, noted_ends, pass_over_versions, raise_floors
from chiso_indicators.store.read import Reader
from chiso_indicators.store.replay import replay
from chiso_indicators.store.roll import RollStore

log = get_logger(__name__)

_NOTE_SECONDS: Final = 60.0
_SHORT_SECONDS: Final = 0.1
Stage = Literal["comparing", "applying", "rolling", "present"]
_WAITS: Final[dict[Stage, str | None]] = {
    "comparing": "comparing the logs with the store",
    "applying": "an older database came back: applying the log again",
    "rolling": "an older database came back: catching up with the clock",
    "present": None,
}


class Restoration(Background):
    """Compares the logs with the store. Where they agree, everything goes on at once.

    Where an older (or an empty) database came back: raises version floors above what the topic of rollups
    holds, carries out the decisions that the operations tell of, then lets Apply go on; lets ticks go on when
    the log as it stood is applied, so that no due instant finds missing what was reported; and lets the relay
    go on when the clock's own events are rolled, so that subscribers see each row as it stands in the end.

    Afterwards it notes from time to time how far the topics go, so that the next start has little to read.
    """

    def __init__(
        self,
        reader: Callable[[], Reader],
        roll: Callable[[], RollStore],
        bootstrap: str,
        clock: Clock,
        follow: Callable[[], Awaitable[None]],
        *,
        name: str = "restoration",
    ) -> None:
        super().__init__(name)
        self._reader = reader
        self._roll = roll
        self._bootstrap = bootstrap
        self._clock = clock
        self._follow = follow
        self._ends: Mapping[int, int] = {}
        self._trouble: str | None = None
        self._stage: Stage = "comparing"
        self._compared = asyncio.Event()

    async def compared(self) -> None:
        """Returns once decisions and floors are known, so that records may be applied."""
        await self._compared.wait()

    def may_tick(self) -> bool:
        """Whether ticks may make versions."""
        return self._stage in ("rolling", "present")

    def may_publish(self) -> bool:
        """Whether versions may be told."""
        return self._stage == "present"

    def unready(self) -> str | None:
        """Ready once the store is at the present."""
        waiting = _WAITS[self._stage]
        return super().unready() or (waiting and (self._trouble or waiting))

    async def run(self) -> None:
        """Takes one step after the other; a broker or a database that is away only delays it."""
        delays = Backoff(0.2, 5.0).delays()
        while not self.stopping.is_set():
            try:
                await self._step()
                self._trouble = None
                delays = Backoff(0.2, 5.0).delays()
                pause = _NOTE_SECONDS if self._stage == "present" else _SHORT_SECONDS
            except Exception as error:
                pause = next(delays)
                self._trouble = f"the logs cannot be compared: {reason(error)}"
                log.warning("the logs were not read, will retry", error=describe(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), pause)

    async def _step(self) -> None:
        match self._stage:
            case "comparing":
                await self._compare()
            case "applying":
                if await self._roll().applied_through(self._ends) is not None:
                    self._stage = "rolling"
            case "rolling":
                if not await self._roll().is_behind(self._clock.now()):
                    await pass_over_versions(self._reader().pool)
                    self._stage = "present"
            case "present":
                for topic in (ROLLUPS, OPERATIONS):
                    await note_ends(self._reader().pool, topic, await topic_ends(self._bootstrap, topic))

    async def _compare(self) -> None:
        await self._follow()  # a decision is carried out with the catalogue in force
        read, pool = self._reader(), self._reader().pool
        surplus, ends = await rollups_beyond(self._bootstrap, await noted_ends(pool, ROLLUPS))
        raised = await raise_floors(pool, surplus, ends)
        decided, ends = await read_operations(self._bootstrap, await noted_ends(pool, OPERATIONS))
        again = await replay(pool, read.assembler, decided, ends, self._clock.now())
        if raised or again:
            log.warning("an older database came back", version_floors_raised=raised, decisions=again)
            self._ends = await topic_ends(self._bootstrap, SUBMISSIONS)
        self._stage = "applying" if raised or again else "present"
        self._compared.set()
