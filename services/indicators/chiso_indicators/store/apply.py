"""One batch of Apply as one transaction: offsets, submissions, revisions, winners, dirty keys, quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg
from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.consumer import HandlerWaits, OffsetsMoved, Record
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.changes import Change, Judge, Judged, write_changes
from chiso_indicators.core.plan import Planner
from chiso_indicators.core.records import Bad
from chiso_indicators.core.setting_aside import Gate, Ruling, settled
from chiso_indicators.core.submissions import Accepted, Batch, SubmissionId, sort_out, take_apart
from chiso_indicators.store.apply_rows import (
    insert_quarantine,
    insert_revisions,
    insert_submissions,
    note_repeated,
)
from chiso_indicators.store.cells import write_cells
from chiso_indicators.store.decisions import ruling_on
from chiso_indicators.store.reference import hold_catalogue
from chiso_indicators.store.sql import Session, queries


@dataclass(frozen=True, slots=True)
class Decoded:
    """One record of a batch: a submission, or why it is none."""

    record: Record
    content: Accepted | Bad


@dataclass(slots=True)
class Applied:
    """What a committed batch did: observations by outcome, quarantined records by reason, cells changed."""

    outcomes: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    accepted_at: list[datetime] = field(default_factory=list)
    changed_cells: int = 0


class ApplyStore:
    """Writes batches. `first_started_at` is the installation's first start."""

    def __init__(self, pool: Pool, planner: Planner, first_started_at: datetime) -> None:
        self._pool = pool
        self._planner = planner
        self._judge = Judge(planner, first_started_at)
        self._gate = Gate(planner, first_started_at)

    def cannot_place(self, accepted: Accepted) -> bool:
        """Whether the catalogue does not know a unit, indicator or period of a submission."""
        return bool(take_apart([accepted], self._planner).unplaced)

    @property
    def catalogue_version(self) -> str:
        """The catalogue that batches are judged by."""
        return self._planner.catalogue.version

    async def stored_offsets(self, partitions: Collection[int]) -> Mapping[int, int]:
        """The next offset to apply of each partition; new partitions start at 0."""
        rows = await self._pool.fetch(queries().stored_offsets, SUBMISSIONS.name, sorted(partitions))
        return {row["partition"]: row["next_offset"] for row in rows}

    async def apply(self, batch: Sequence[Decoded], applied_at: datetime) -> Applied:
        """Stores a batch whose records follow each other in each partition, all of it or nothing.

        Raises OffsetsMoved when the stored offsets are not where the batch begins, AnotherCatalogue,
        SubmissionAppeared, HandlerWaits while a rebuild compares, and database errors as they come.
        """
        try:
            return await self._apply(batch, applied_at)
        except asyncpg.LockNotAvailableError as error:
            if await self._pool.fetchval(queries().is_rebuilding):
                raise HandlerWaits("a rebuild compares the stores") from error
            raise

    async def _apply(self, batch: Sequence[Decoded], applied_at: datetime) -> Applied:
        async with self._pool.acquire() as session, session.transaction():
            await _move_offsets(session, [decoded.record for decoded in batch])
            await hold_catalogue(session, self._planner.catalogue.version)
            result = Applied()
            accepted = [item.content for item in batch if isinstance(item.content, Accepted)]
            if accepted:
                await self._apply_submissions(session, accepted, applied_at, result)
            bad = [(item.record, item.content) for item in batch if isinstance(item.content, Bad)]
            if bad:
                await insert_quarantine(session, bad, applied_at)
                result.quarantined.update(content.reason for _, content in bad)
            return result

    async def _apply_submissions(
        self, session: Session, accepted: Sequence[Accepted], applied_at: datetime, result: Applied
    ) -> None:
        found = sort_out(accepted, await _known(session, accepted))
        batch = take_apart(found.new.values(), self._planner)
        ruling = Ruling()
        if not self._gate.lets_all_pass(batch.revisions):
            ruling = await ruling_on(session, self._gate.in_question(batch.revisions))
            batch.set_aside(lambda revision: self._gate.aside(revision, ruling))
        judged, changes = await self._judged(session, batch, applied_at)
        judged = settled(judged, ruling)
        dirty_id = await _append_dirty(session, changes)
        await insert_submissions(session, found, judged, dirty_id, applied_at)
        await self._insert_revisions(session, judged, dirty_id, applied_at)
        await note_repeated(session, found)
        result.outcomes.update(item.outcome.outcome for item in judged)
        result.accepted_at.extend(item.event.accepted_at for item in found.new.values())
        result.changed_cells = len(changes)

    async def _judged(
        self, session: Session, batch: Batch, applied_at: datetime
    ) -> tuple[list[Judged], list[Change]]:
        """Lets the batch into its cells; what became of each revision, and which cells changed."""
        standings = await write_cells(session, batch.contenders(), self._planner, self._judge, applied_at)
        return self._judge.judge(batch, standings)

    async def _insert_revisions(
        self, session: Session, judged: Sequence[Judged], dirty_id: int | None, applied_at: datetime
    ) -> None:
        await insert_revisions(session, judged, dirty_id, applied_at)


async def _move_offsets(session: Session, records: Sequence[Record]) -> None:
    """The compare-and-set: nothing is written unless every partition stands where the batch begins."""
    low: dict[int, int] = {}
    high: dict[int, int] = {}
    for record in records:
        low.setdefault(record.partition, record.offset)
        high[record.partition] = record.offset + 1
    partitions = sorted(low)
    moved = await session.fetch(
        queries().move_offsets,
        SUBMISSIONS.name,
        partitions,
        [low[partition] for partition in partitions],
        [high[partition] for partition in partitions],
    )
    if len(moved) != len(partitions):
        raise OffsetsMoved(f"{len(partitions) - len(moved)} of {len(partitions)} partitions stand elsewhere")


async def _known(session: Session, accepted: Sequence[Accepted]) -> dict[SubmissionId, str]:
    rows = await session.fetch(
        queries().known_submissions,
        [item.event.agency for item in accepted],
        [item.event.submission_id for item in accepted],
    )
    return {SubmissionId(row["agency"], row["submission_id"]): row["payload_sha256"] for row in rows}


async def _append_dirty(session: Session, changes: Sequence[Change]) -> int | None:
    if not changes:
        return None
    dirty_id: int = await session.fetchval(queries().append_dirty, len(changes), write_changes(changes))
    return dirty_id
