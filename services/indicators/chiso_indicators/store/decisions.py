"""What people decide about late reports, in the database. Whoever calls has checked the key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from chiso_shared.contracts.events import content_id
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.changes import Judge, write_changes
from chiso_indicators.core.fold import Revision
from chiso_indicators.core.keys import Key
from chiso_indicators.core.late import REJECTED, Decision, Reopening
from chiso_indicators.core.setting_aside import RevisionId, Ruling, id_of
from chiso_indicators.core.submissions import Batch
from chiso_indicators.store.cells import write_cells
from chiso_indicators.store.reference import hold_catalogue
from chiso_indicators.store.sql import Session, Values, as_json, key_of, queries, revision_of

Refusal = Literal[
    "nothing_held", "own_submission", "unknown", "not_closed", "already_reopened", "not_reopened", "past"
]


@dataclass(frozen=True, slots=True)
class Author:
    """Who decides: a key of an agency, and why."""

    agency: str
    key_id: str
    reason: str

    @property
    def name(self) -> str:
        """As operations name the author."""
        return f"{self.agency}/{self.key_id}"


class Refused(Exception):
    """A decision that cannot be taken; the text is one sentence for people."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.refusal = refusal


async def ruling_on(session: Session, revisions: Collection[Revision]) -> Ruling:
    """What was decided about revisions that are in question."""
    if not revisions:
        return Ruling()
    periods = sorted({(revision.key.calendar, revision.key.period) for revision in revisions})
    records = await session.fetch(
        queries().reopenings_of_periods, [one for one, _ in periods], [code for _, code in periods]
    )
    ids = {id_of(revision).subject: id_of(revision) for revision in revisions}
    decided = await session.fetch(queries().decisions_of_subjects, sorted(ids))
    decisions: dict[RevisionId, Decision] = {ids[row["subject"]]: row["operation"] for row in decided}
    return Ruling([_reopening(record) for record in records], decisions)


def _reopening(record: Values) -> Reopening:
    return Reopening(
        record["unit"],
        record["calendar"],
        record["period"],
        tuple(record["lineage"]),
        tuple(record["periods"]),
        record["reopened_at"],
        record["closes_at"],
    )


class Decisions:
    """Approves and refuses held revisions. Each decision is an operation, written with its effect."""

    def __init__(self, pool: Pool, assembler: Assembler, clock: Clock) -> None:
        self._pool = pool
        self._assembler = assembler
        self._clock = clock

    async def held(
        self, agency: str | None, after: tuple[datetime, UUID, str, int] | None, limit: int
    ) -> list[Values]:
        """Held revisions, the longest waiting first."""
        place = after or (None, None, None, None)
        return list(await self._pool.fetch(queries().list_held, agency, *place, limit))

    async def decide(
        self,
        decision: Decision,
        agency: str,
        submission_id: UUID,
        units: Sequence[str] | None,
        indicators: Sequence[str] | None,
        author: Author,
        check: Callable[[list[Key]], None],
    ) -> list[dict[str, Any]]:
        """Approves or refuses the held revisions of a submission; what became of each.

        `check` raises where the author's key does not speak for the cells. Raises Refused where nothing is
        held or the author's key sent the submission.
        """
        async with self._pool.acquire() as session, session.transaction():
            await session.execute(queries().announce_operation)  # first: a rebuild keeps decisions waiting
            await hold_catalogue(session, self._assembler.planner.catalogue.version)
            held = await session.fetch(queries().lock_held, agency, submission_id, units, indicators)
            if not held:
                raise Refused("nothing_held", "no such revision is held")
            if any(record["key_id"] == author.key_id for record in held):
                raise Refused("own_submission", "a held revision is decided by another than who sent it")
            check([key_of(record) for record in held])
            rows = await carry_out(session, decision, held, self._assembler, self._clock.now())
            ids = [RevisionId(agency, submission_id, key_of(record)) for record in held]
            await note(session, [_operation(decision, one, author, self._clock.now()) for one in ids])
        return rows


async def carry_out(
    session: Session, decision: Decision, held: Sequence[Values], assembler: Assembler, now: datetime
) -> list[dict[str, Any]]:
    """Gives held revisions of one submission their outcome; what became of each. The rows must be locked."""
    agency, submission_id = held[0]["agency"], held[0]["submission_id"]
    dirty_id, rows = None, [_refused(record) for record in held]
    if decision == "approved":
        dirty_id, rows = await _let_in(session, held, assembler, now)
    await session.execute(queries().decide_held, as_json(rows), agency, submission_id, dirty_id)
    outcome = "applied" if decision == "approved" else REJECTED
    await session.execute(queries().note_decided, agency, submission_id, dirty_id, outcome)
    return rows


async def _let_in(
    session: Session, held: Sequence[Values], assembler: Assembler, now: datetime
) -> tuple[int | None, list[dict[str, Any]]]:
    """Lets held revisions compete for their cells, in their own order: approval is no advantage."""
    batch = Batch([revision_of(record) for record in held])
    judge = Judge(assembler.planner, assembler.first_started_at)
    standings = await write_cells(session, batch.contenders(), assembler.planner, judge, now)
    judged, changes = judge.judge(batch, standings)
    dirty_id = None
    if changes:
        dirty_id = await session.fetchval(queries().append_dirty, len(changes), write_changes(changes))
    years = {key_of(record): record["year"] for record in held}
    rows = [
        {
            **item.revision.key._asdict(),
            "year": years[item.revision.key],
            "outcome": "applied",
            "reason": "approved"
            if item.outcome.outcome == "applied"
            else f"approved, {item.outcome.outcome}",
        }
        for item in judged
    ]
    return dirty_id, rows


def _refused(record: Values) -> dict[str, Any]:
    return {**key_of(record)._asdict(), "year": record["year"], "outcome": REJECTED, "reason": "refused"}


def _operation(decision: Decision, one: RevisionId, author: Author, at: datetime) -> dict[str, Any]:
    details = {"agency": one.agency, "submission_id": str(one.submission_id), **one.key._asdict()}
    return operation(decision, one.subject, author, at, details, content_id(decision, one.subject))


def operation(
    name: str, subject: str, author: Author, at: datetime, details: dict[str, Any], operation_id: str
) -> dict[str, Any]:
    """An operation as a row."""
    return {
        "operation_id": operation_id,
        "operation": name,
        "subject": subject,
        "author": author.name,
        "reason": author.reason,
        "at": at,
        "details": details,
    }


async def note(session: Session, operations: Sequence[dict[str, Any]]) -> None:
    """Writes operations; the same one again changes nothing."""
    await session.execute(queries().note_operations, as_json(operations))
