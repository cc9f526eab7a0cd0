"""After a start, finds out whether an older database came back (delivery, Restore). Publishes nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from chiso_shared.runtime.backoff import Backoff
from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.postgres import Pool
from chiso_shared.runtime.reasons import reason

from chiso_indicators.rollups_topic import RollupsTopic
from chiso_indicators.store.floors import note_ends, noted_ends, raise_floors

log = get_logger(__name__)

_NOTE_SECONDS: Final = 60.0


class Restoration(Background):
    """Raises version floors above what the topic holds beyond the store; ticks and relay wait for that.

    Then it notes from time to time how far the topic goes, so that the next start has little to read.
    """

    def __init__(
        self,
        pool: Callable[[], Pool],
        topic: RollupsTopic,
        *,
        name: str = "restoration",
    ) -> None:
        super().__init__(name)
        self._pool = pool
        self._topic = topic
        self._trouble: str | None = None
        self._known = False

    def known(self) -> bool:
        """Whether the floors are known, so that versions may be made and published."""
        return self._known

    def unready(self) -> str | None:
        """Ready once the floors are known."""
        waiting = None if self._known else self._trouble or "comparing the topic of rollups with the store"
        return super().unready() or waiting

    async def run(self) -> None:
        """Compares until it succeeds; a broker that is away only delays it."""
        delays = Backoff(0.2, 5.0).delays()
        while not self.stopping.is_set():
            pause = next(delays)
            try:
                await (self._note() if self._known else self._compare())
                delays, pause = Backoff(0.2, 5.0).delays(), _NOTE_SECONDS
            except Exception as error:
                self._trouble = f"the topic of rollups cannot be compared: {reason(error)}"
                log.warning("topic of rollups not read, will retry", error=describe(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), pause)

    async def _compare(self) -> None:
        surplus, ends = await self._topic.surplus(await noted_ends(self._pool()))
        raised = await raise_floors(self._pool(), surplus, ends)
        if raised:
            log.warning("an older database came back: version floors raised", keys=raised)
        self._known = True

    async def _note(self) -> None:
        await note_ends(self._pool(), await self._topic.ends())
