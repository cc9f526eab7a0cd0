"""A rebuild on request: the store anew from the log, beside the live one, and compared with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.lifecycle import describe
from chiso_shared.runtime.logs import get_logger
from prometheus_client import CollectorRegistry

from chiso_indicators.consumer import Apply
from chiso_indicators.metrics import Metrics
from chiso_indicators.store.filling import FillingStore
from chiso_indicators.store.generation import (
    GENERATION,
    Comparison,
    RebuildRuns,
    compare,
    decisions,
    hold_generation,
    live_offsets,
    new_generation,
    paused_apply,
    write,
)
from chiso_indicators.store.read import Reader
from chiso_indicators.store.sql import working_in
from chiso_indicators.submissions_log import read_between

log = get_logger(__name__)

_ROUNDS: Final = 20
# One stores while another decodes; more would only wait for each other.
_SIDE_BY_SIDE: Final = 2


class DecidedMeanwhile(Exception):
    """Somebody decided about held reports or closed periods during the rebuild: it has to be run again."""


@dataclass(slots=True)
class Progress:
    """How a rebuild goes: `records` of `of` have been applied to the generation."""

    state: Literal["filling", "comparing", "done", "failed"]
    started_at: datetime
    finished_at: datetime | None = None
    records: int = 0
    of: int = 0
    seconds: float | None = None
    error: str | None = None
    comparison: Comparison | None = None
    written: bool = False
    reached: dict[int, int] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """The object of `/v1/rebuild`."""
        found = asdict(self)
        del found["reached"]
        return found


class Rebuilding:
    """A component that does nothing until it is asked. The live store goes on meanwhile."""

    name = "rebuilding"

    def __init__(
        self,
        reader: Callable[[], Reader],
        clock: Clock,
        bootstrap: str,
        on_written: Callable[[], None],
        *,
        max_records: int,
    ) -> None:
        self._on_written = on_written
        self._reader = reader
        self._clock = clock
        self._bootstrap = bootstrap
        self._max_records = max_records
        self._task: asyncio.Task[None] | None = None
        self._progress: Progress | None = None

    async def start(self) -> None:
        """Nothing to begin."""

    async def stop(self) -> None:
        """Ends a rebuild under way; its schema goes with it."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def unready(self) -> str | None:
        """Always ready."""
        return None

    def state(self) -> dict[str, Any] | None:
        """The last rebuild of this process; None before the first."""
        return self._progress.shown() if self._progress is not None else None

    def request(self, compare_only: bool) -> dict[str, Any]:
        """Begins a rebuild; `compare_only` leaves the live store alone. Raises RebuildRuns while one runs."""
        if self._task is not None and not self._task.done():
            raise RebuildRuns("a rebuild is running")
        self._progress = Progress("filling", self._clock.now())
        self._task = asyncio.create_task(self._run(self._progress, compare_only), name=self.name)
        return self._progress.shown()

    async def _run(self, progress: Progress, compare_only: bool) -> None:
        started = asyncio.get_running_loop().time()
        try:
            progress.comparison = await self._rebuild(progress, compare_only)
            progress.state, progress.written = "done", not compare_only
            self._on_written()
        except BaseException as error:
            progress.state, progress.error = "failed", describe(error)
            if not isinstance(error, Exception):
                raise
            log.warning("rebuild failed", error=progress.error)
        finally:
            progress.finished_at = self._clock.now()
            progress.seconds = round(asyncio.get_running_loop().time() - started, 3)

    async def _rebuild(self, progress: Progress, compare_only: bool) -> Comparison:
        read = self._reader()
        pool = read.pool
        decided = await decisions(pool)
        async with new_generation(pool):
            applies = [self._apply() for _ in range(_SIDE_BY_SIDE)]
            await self._fill_nearly(applies, progress)
            async with paused_apply(pool) as (session, offsets):
                await self._fill(applies, progress, offsets)
                if await decisions(session) != decided:
                    raise DecidedMeanwhile("a decision was taken during the rebuild: run it again")
                await hold_generation(session, offsets)
                progress.state = "comparing"
                found = await compare(pool, offsets)
                if not compare_only and not found.agrees:
                    await write(session, read.assembler, self._clock.now())
                return found

    def _apply(self) -> Apply:
        """Apply as it runs live, with counters of its own: what is applied again is not counted again.

        It stops at no bad records: the live one has passed them, or stands before them.
        """
        read = self._reader()
        store = FillingStore(read.pool, read.assembler.planner, read.assembler.first_started_at)
        metrics = Metrics(CollectorRegistry(), read.assembler.planner.catalogue.version)
        return Apply(lambda: store, self._clock, metrics, lambda: None, stops=False)

    async def _fill_nearly(self, applies: Sequence[Apply], progress: Progress) -> None:
        """Until the live store is at most one batch ahead; it may go on growing, so not for ever."""
        for _ in range(_ROUNDS):
            ends = await live_offsets(self._reader().pool)
            ahead = sum(ends.values()) - sum(progress.reached.values())
            if progress.reached and ahead <= self._max_records:
                return
            await self._fill(applies, progress, ends)

    async def _fill(self, applies: Sequence[Apply], progress: Progress, ends: Mapping[int, int]) -> None:
        """Each Apply has partitions of its own, as instances have: one decodes while another's are stored."""
        progress.of = sum(ends.values())
        try:
            async with asyncio.TaskGroup() as tasks:
                for number, apply in enumerate(applies):
                    share = {one: end for one, end in ends.items() if one % len(applies) == number}
                    tasks.create_task(self._fill_share(apply, progress, share))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        progress.reached = dict(ends)

    async def _fill_share(self, apply: Apply, progress: Progress, ends: Mapping[int, int]) -> None:
        with working_in(GENERATION):
            await apply.stored_offsets(ends)
            async for batch in read_between(self._bootstrap, progress.reached, ends, self._max_records):
                await apply.handle(batch)
                progress.records += len(batch)
