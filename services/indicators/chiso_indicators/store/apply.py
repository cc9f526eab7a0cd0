"""One batch of Apply as one transaction: offsets, submissions, revisions, winners, dirty keys, quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.consumer import OffsetsMoved, Record
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.changes import Change, Judge, write_changes
from chiso_indicators.core.fold import Contender, Order, Standing
from chiso_indicators.core.keys import Key
from chiso_indicators.core.plan import Planner
from chiso_indicators.core.records import Bad
from chiso_indicators.core.submissions import Accepted, SubmissionId, sort_out, take_apart
from chiso_indicators.store.apply_rows import (
    insert_quarantine,
    insert_revisions,
    insert_submissions,
    note_repeated,
)
from chiso_indicators.store.sql import Session, Values, as_json, figure_of, key_of, queries


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

    async def stored_offsets(self, partitions: Collection[int]) -> Mapping[int, int]:
        """The next offset to apply of each partition; new partitions start at 0."""
        rows = await self._pool.fetch(queries().stored_offsets, SUBMISSIONS.name, sorted(partitions))
        return {row["partition"]: row["next_offset"] for row in rows}

    async def apply(self, batch: Sequence[Decoded], applied_at: datetime) -> Applied:
        """Stores a batch whose records follow each other in each partition, all of it or nothing.

        Raises OffsetsMoved when the stored offsets are not where the batch begins, SubmissionAppeared, and
        database errors as they come.
        """
        async with self._pool.acquire() as session, session.transaction():
            await _move_offsets(session, [decoded.record for decoded in batch])
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
        contenders = batch.contenders()
        standings = await self._write_cells(session, contenders, applied_at)
        judged, changes = self._judge.judge(batch, standings)
        dirty_id = await _append_dirty(session, changes)
        await insert_submissions(session, found, judged, dirty_id, applied_at)
        await insert_revisions(session, judged, applied_at)
        await note_repeated(session, found)
        result.outcomes.update(item.outcome.outcome for item in judged)
        result.accepted_at.extend(item.event.accepted_at for item in found.new.values())
        result.changed_cells = len(changes)

    async def _write_cells(
        self, session: Session, contenders: Mapping[Key, Contender], applied_at: datetime
    ) -> dict[Key, Standing | None]:
        """Lets the contenders have their cells where they win; what stood before, None for a new cell."""
        if not contenders:
            return {}
        rows = [self._cell(contenders[key], applied_at) for key in sorted(contenders)]
        replaced = await session.fetch(queries().upsert_cells, as_json(rows))
        standings = {key_of(row): None if row["created"] else _standing(row) for row in replaced}
        lost = [row for row in rows if Key(*(row[name] for name in Key._fields)) not in standings]
        if lost:
            stood = await session.fetch(queries().losing_cells, as_json(lost))
            standings.update((key_of(row), _standing(row)) for row in stood)
        return standings

    def _cell(self, contender: Contender, applied_at: datetime) -> dict[str, Any]:
        revision = contender.winner
        place = self._planner.place(revision.key.unit, revision.key.calendar, revision.key.period)
        assert place is not None  # noqa: S101 - placed cells only
        is_first = contender.first_accepted_at == revision.order.accepted_at
        return {
            **revision.key._asdict(),
            **revision.figure._asdict(),
            "level": place.level,
            "parent": place.parent,
            "order_date": revision.order.as_of,
            "revision": revision.order.revision,
            "accepted_at": revision.order.accepted_at,
            "submission_id": revision.order.submission_id,
            "agency": revision.order.agency,
            "stage": revision.stage,
            "reason": revision.reason,
            "first_accepted_at": contender.first_accepted_at,
            "changes": 1,
            "changes_after_close": int(self._judge.is_after_close(revision)),
            "changed_at": applied_at,
            "cause": self._judge.cause(revision, is_first),
        }


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
    ids = sorted({item.id for item in accepted})
    rows = await session.fetch(
        queries().known_submissions, [item.agency for item in ids], [item.submission_id for item in ids]
    )
    return {SubmissionId(row["agency"], row["submission_id"]): row["payload_sha256"] for row in rows}


def _standing(row: Values) -> Standing:
    order = Order(
        row["order_date"],
        row["revision"],
        row["accepted_at"],
        row["submission_id"],
        row["agency"],
    )
    return Standing(order, figure_of(row), row["first_accepted_at"])


async def _append_dirty(session: Session, changes: Sequence[Change]) -> int | None:
    if not changes:
        return None
    dirty_id: int = await session.fetchval(queries().append_dirty, len(changes), write_changes(changes))
    return dirty_id
