"""Sends many submissions with bounded concurrency and keeps the account of them. Prints nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from chiso_cli.documents import Outgoing
from chiso_cli.door import UNAUTHORISED, Door, Result
from chiso_cli.exits import ALL_WELL, AWAY, SOME_REFUSED, CommandFailed

_BATCH_LINES: Final = 50
_BATCH_BYTES: Final = 512 * 1024


def batches(
    submissions: Iterable[Outgoing], most_lines: int = _BATCH_LINES, most_bytes: int = _BATCH_BYTES
) -> Iterator[list[Outgoing]]:
    """NDJSON lines together, up to the limits; everything else alone."""
    batch: list[Outgoing] = []
    size = 0
    for outgoing in submissions:
        alone = outgoing.format != "ndjson"
        full = len(batch) >= most_lines or size + len(outgoing.body) > most_bytes
        if batch and (alone or full):
            yield batch
            batch, size = [], 0
        if alone:
            yield [outgoing]
            continue
        batch.append(outgoing)
        size += len(outgoing.body)
    if batch:
        yield batch


class Shipment:
    """The account of one run: what was sent and what became of it."""

    def __init__(self, on_result: Callable[[Result], None]) -> None:
        self._on_result = on_result
        self._stopped = False
        self._unreadable: CommandFailed | None = None
        self.counts: Counter[str] = Counter()
        self.observations = 0
        self.refused_observations = 0

    def settle(self, result: Result) -> None:
        """Takes one result in."""
        self.counts[result.outcome] += 1
        if result.outcome in ("accepted", "valid") and result.receipt is not None:
            self.observations += int(result.receipt.get("observations") or 0)
            self.refused_observations += int(result.receipt.get("refused") or 0)
        if result.outcome == "undelivered" or result.status == UNAUTHORISED:
            self._stopped = True
        self._on_result(result)

    async def send(self, door: Door, submissions: Iterable[Outgoing], concurrency: int) -> None:
        """Sends them all, `concurrency` batches at a time.

        Once the door is away or the key is refused nothing new is sent: the rest settles as `not_sent`.
        Raises CommandFailed, when all else is settled, for a file that cannot be read to its end.
        """
        source = self._until_unreadable(submissions)

        async def work() -> None:
            for batch in source:
                if self._stopped:
                    results = [Result(outgoing, "not_sent") for outgoing in batch]
                else:
                    results = await door.deliver(batch)
                for result in results:
                    self.settle(result)

        async with asyncio.TaskGroup() as workers:
            for _ in range(concurrency):
                workers.create_task(work())
        if self._unreadable is not None:
            raise self._unreadable

    def _until_unreadable(self, submissions: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
        """The batches up to where reading fails: what is under way then is still settled."""
        try:
            yield from batches(submissions)
        except CommandFailed as error:
            self._unreadable = error

    def exit_code(self) -> int:
        """3 if anything was not delivered for want of the door, else 1 if anything was refused, else 0."""
        if self.counts["undelivered"]:
            return AWAY
        if self.counts["refused"] or self.counts["not_sent"] or self.refused_observations:
            return SOME_REFUSED
        return ALL_WELL
