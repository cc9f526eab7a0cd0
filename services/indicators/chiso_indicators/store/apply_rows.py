"""The rows that a batch of Apply writes beside cells: submissions, revisions, conflicts, quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.consumer import Record

from chiso_indicators.core.changes import Judged
from chiso_indicators.core.fold import Order
from chiso_indicators.core.plan import Planner
from chiso_indicators.core.records import Bad
from chiso_indicators.core.submissions import Accepted, Sorted, SubmissionId
from chiso_indicators.store.sql import Session, as_json, queries, schema

_REVISION_COLUMNS: Final[tuple[str, ...]] = (
    "year",
    "unit",
    "indicator",
    "calendar",
    "period",
    "basis",
    "agency",
    "submission_id",
    "ordinal",
    "revision",
    "accepted_at",
    "applied_at",
    "outcome",
    "outcome_reason",
    "op",
    "status",
    "numerator",
    "denominator",
    "value",
    "value_high",
    "qualifier",
    "as_of",
    "stage",
    "reason",
    "late",
    "dirty_id",
)


class SubmissionAppeared(Exception):
    """Somebody else stored a submission in between: nothing was written, try the batch again."""


async def insert_submissions(
    session: Session,
    found: Sorted,
    judged: Sequence[Judged],
    dirty_id: int | None,
    applied_at: datetime,
) -> None:
    if not found.new:
        return
    outcomes: dict[tuple[str, int], set[str]] = {}
    for item in judged:
        outcomes.setdefault(_identity(item.revision.order), set()).add(item.outcome.outcome)
    rows = [
        _submission(accepted, sorted(outcomes.get(_identity(accepted.id), ())), dirty_id, applied_at)
        for accepted in found.new.values()
    ]
    stored = await session.fetch(queries().insert_submissions, rows)
    if len(stored) != len(rows):
        raise SubmissionAppeared(f"{len(rows) - len(stored)} submissions were stored meanwhile")


def _identity(one: Order | SubmissionId) -> tuple[str, int]:
    """What a submission is known by, quicker to look up than a UUID is."""
    return one.agency, one.submission_id.int


def _submission(
    accepted: Accepted, outcomes: list[str], dirty_id: int | None, applied_at: datetime
) -> tuple[Any, ...]:
    """A row of the table `submission`, in the order of its columns."""
    event = accepted.event
    return (
        event.agency,
        event.submission_id,
        event.payload_sha256,
        event.accepted_at,
        applied_at,
        accepted.partition,
        accepted.offset,
        event.key_id,
        event.catalogue_version,
        event.calendar,
        event.period,
        event.basis,
        event.as_of,
        event.stage,
        event.revision,
        event.reason,
        as_json(event.source),
        len(event.observations),
        outcomes,
        0,  # duplicates
        dirty_id,
        accepted.key,
        as_json(accepted.headers),
        accepted.document,
    )


async def insert_revisions(
    session: Session,
    judged: Sequence[Judged],
    dirty_id: int | None,
    applied_at: datetime,
    planner: Planner | None = None,
) -> None:
    """Stores every observation with what became of it, and what tells the tick of it.

    With a planner, as a generation keeps them: with the place where their units stand.
    """
    if not judged:
        return
    if planner is None:
        columns, rows = _REVISION_COLUMNS, [_revision(item, applied_at, dirty_id) for item in judged]
    else:
        columns = (*_REVISION_COLUMNS, "level", "parent")
        rows = [_revision(item, applied_at, dirty_id, *_place(item, planner)) for item in judged]
    await session.copy_records_to_table("revision", schema_name=schema(), columns=columns, records=rows)


def _place(item: Judged, planner: Planner) -> tuple[str | None, str | None]:
    key = item.revision.key
    return planner.place(key.unit, key.calendar, key.period) or (None, None)


def _revision(
    item: Judged, applied_at: datetime, dirty_id: int | None, *place: str | None
) -> tuple[Any, ...]:
    revision, order, figure = item.revision, item.revision.order, item.revision.figure
    return (
        item.year,
        *revision.key,
        order.agency,
        order.submission_id,
        revision.ordinal,
        order.revision,
        order.accepted_at,
        applied_at,
        item.outcome.outcome,
        item.outcome.reason,
        *figure,
        revision.stage,
        revision.reason,
        item.late,
        dirty_id,
        *place,
    )


async def note_repeated(session: Session, found: Sorted) -> None:
    """Counts submissions sent again and keeps other payloads under a known id."""
    if found.duplicates:
        ids = sorted(found.duplicates)
        await session.execute(
            queries().count_duplicates,
            [item.agency for item in ids],
            [item.submission_id for item in ids],
            [found.duplicates[item] for item in ids],
        )
    if found.conflicts:
        rows = [
            {
                "agency": item.event.agency,
                "submission_id": item.event.submission_id,
                "partition": item.partition,
                "log_offset": item.offset,
                "payload_sha256": item.event.payload_sha256,
                "accepted_at": item.event.accepted_at,
                "document": item.document,
            }
            for item in found.conflicts
        ]
        await session.execute(queries().insert_conflicts, as_json(rows))


async def insert_quarantine(
    session: Session, bad: Sequence[tuple[Record, Bad]], quarantined_at: datetime
) -> None:
    """Keeps records that cannot be applied, whole, with the reason."""
    await session.execute(
        queries().insert_quarantine,
        SUBMISSIONS.name,
        quarantined_at,
        [record.partition for record, _ in bad],
        [record.offset for record, _ in bad],
        [content.reason for _, content in bad],
        [content.detail.replace("\x00", "\N{REPLACEMENT CHARACTER}") for _, content in bad],
        [record.key for record, _ in bad],
        [as_json(record.headers).replace("\\u0000", "\\ufffd") for record, _ in bad],
        [record.value for record, _ in bad],
    )
