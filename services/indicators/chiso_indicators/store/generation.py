"""The store computed anew in a schema of its own, and compared with the live one (delivery, Rebuild)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from chiso_shared.contracts.codec import decode_json
from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.changes import COUNTS, Change, write_changes
from chiso_indicators.core.plan import Planner
from chiso_indicators.core.rebuilt import replaced
from chiso_indicators.core.setting_aside import Gate
from chiso_indicators.store.reference import hold_catalogue
from chiso_indicators.store.settling import settle
from chiso_indicators.store.sql import Session, Values, key_of, queries

GENERATION: Final = "indicators_rebuild"
_PATIENCE_SECONDS: Final = 600
_PATIENCE: Final = (
    f"SET LOCAL statement_timeout = '{_PATIENCE_SECONDS}s';"
    f" SET LOCAL idle_in_transaction_session_timeout = '{_PATIENCE_SECONDS}s';"
    " SET LOCAL work_mem = '64MB'"
)
_OWN: Final = (
    "consumer_offset",
    "submission",
    "submission_conflict",
    "revision",
    "quarantine",
)
_SHOWN: Final = 100
COUNTING: Final = frozenset({"applied", "unchanged", "superseded"})
_CHUNK: Final = 2_000
# What tells how a value came about here, not what it is; it is not compared.
_OWN_STORY: Final = frozenset(
    {
        "changes",
        "changes_after_close",
        "changed_at",
        "cause",
        "applied_at",
        "outcome_reason",
        "late",
        "dirty_id",
    }
)


class RebuildRuns(Exception):
    """Another rebuild of this store is running."""


class GenerationLost(Exception):
    """The generation is not as it was filled: its session ended, or the database started again."""


@dataclass(slots=True)
class Comparison:
    """What a generation holds, and where the live store differs; at most 100 of each kind are shown."""

    offsets: dict[int, int]
    counts: dict[str, int]
    differing: dict[str, int] = field(default_factory=dict)
    cells: list[dict[str, Any]] = field(default_factory=list)
    revisions: list[dict[str, Any]] = field(default_factory=list)
    submissions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether the live store is what the log gives."""
        return not any(self.differing.values())


@asynccontextmanager
async def new_generation(pool: Pool) -> AsyncIterator[None]:
    """An empty generation for the time of the context. Raises RebuildRuns: one at a time in a store."""
    async with pool.acquire() as session, _leading(session):
        try:
            await session.execute(queries().make_generation, list(_OWN))
            await session.execute(queries().lighten_generation)
            await session.execute(queries().make_differences)
            yield
        finally:
            await session.execute(queries().drop_generation)


@asynccontextmanager
async def _leading(session: Session) -> AsyncIterator[None]:
    """Holds the rebuild's lock. A session that cannot let go of it is ended: the pool would keep both."""
    try:
        if not await session.fetchval(queries().lead_rebuild):
            raise RebuildRuns("another rebuild is running")
        yield
    finally:
        try:
            await session.execute(queries().leave_rebuild)
        except BaseException:
            session.terminate()
            raise


async def live_offsets(pool: Pool) -> dict[int, int]:
    """Up to where the live store has applied the log."""
    return _offsets(await pool.fetch(queries().live_offsets, SUBMISSIONS.name))


async def decisions(session: Pool | Session) -> int:
    """How many decisions of people the live store holds."""
    count: int = await session.fetchval(queries().count_decisions)
    return count


@asynccontextmanager
async def paused_apply(pool: Pool) -> AsyncIterator[tuple[Session, dict[int, int]]]:
    """Keeps live batches and decisions waiting; the live offsets, which stand still inside the context."""
    async with pool.acquire() as session, session.transaction():
        await session.execute(_PATIENCE)
        await session.execute(queries().pause_decisions, timeout=_PATIENCE_SECONDS)
        locked = await session.fetch(queries().lock_live_offsets, SUBMISSIONS.name, timeout=_PATIENCE_SECONDS)
        yield session, _offsets(locked)


async def hold_generation(session: Session, offsets: Mapping[int, int]) -> None:
    """Keeps the generation from being dropped. Raises GenerationLost unless it stands at these offsets."""
    reached = _offsets(await session.fetch(queries().generation_offsets, SUBMISSIONS.name))
    if reached != offsets:
        raise GenerationLost("what was filled is gone: run the rebuild again")


async def compare(pool: Pool, offsets: Mapping[int, int]) -> Comparison:
    """Where the live store differs from the generation; both must stand at these offsets, and stay there."""
    try:
        async with asyncio.TaskGroup() as tasks:
            counting = tasks.create_task(_patiently(pool, queries().generation_counts))
            cells_task = tasks.create_task(_differing_cells(pool))
            revisions_task = tasks.create_task(_patiently(pool, queries().differing_revisions, _SHOWN))
            submissions_task = tasks.create_task(_patiently(pool, queries().differing_submissions, _SHOWN))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    [counts], cells = counting.result(), cells_task.result()
    revisions, submissions = revisions_task.result(), submissions_task.result()
    found = Comparison(dict(offsets), dict(counts))
    if cells:
        found.counts["cells"] += cells[0]["missing"] - cells[0]["invented"]
    listed = {"cells": cells, "revisions": revisions, "submissions": submissions}
    found.differing = {kind: rows[0]["differing"] if rows else 0 for kind, rows in listed.items()}
    found.cells = [_difference(record) for record in cells]
    found.revisions = [
        {
            "agency": record["agency"],
            "submission_id": record["submission_id"],
            **_difference(record),
        }
        for record in revisions
    ]
    shown = ("agency", "submission_id", "is_missing", "is_invented")
    found.submissions = [{name: record[name] for name in shown} for record in submissions]
    return found


async def _differing_cells(pool: Pool) -> list[Any]:
    await _patiently(pool, queries().note_questionable)
    await _patiently(pool, queries().weigh_questionable)
    return await _patiently(pool, queries().differing_cells, _SHOWN)


async def _patiently(pool: Pool, statement: str, *arguments: Any) -> list[Any]:
    async with pool.acquire() as session, session.transaction():
        await session.execute(_PATIENCE)
        return await session.fetch(statement, *arguments, timeout=_PATIENCE_SECONDS)


async def write(session: Session, assembler: Assembler, now: datetime) -> int:
    """Makes the live store what the generation is and appends dirty rows; how many cells differed.

    Within the transaction that keeps live batches waiting. History and versions stay: ticks add to them.
    """
    planner = assembler.planner
    await hold_catalogue(session, planner.catalogue.version)
    await _run(session, queries().note_rebuilt_reports)
    await settle(session, Gate(planner, assembler.first_started_at), _PATIENCE_SECONDS)
    count, dirty_id = await _append(session, planner)
    await _run(session, queries().replace_submissions)
    await _run(session, queries().replace_revisions)
    await _run(session, queries().note_rebuilt_cells)
    await _run(session, queries().remove_rebuilt_cells)
    await _run(session, queries().insert_rebuilt_cells, now)
    await _run(session, queries().date_rebuilt_revisions, dirty_id)
    await _run(session, queries().retell_submissions)
    return count


async def _run(session: Session, statement: str, *arguments: Any) -> None:
    """The client's own time limit is for those who answer somebody."""
    await session.execute(statement, *arguments, timeout=_PATIENCE_SECONDS)


async def _append(session: Session, planner: Planner) -> tuple[int, int]:
    """Appends dirty rows of the cells that differ, chunk by chunk; how many cells, and the newest row's id.

    The last row may hold no cell: revisions that came back are told by it also where their cell was right.
    """
    changes: list[Change] = []
    count = 0
    cells = session.cursor(queries().differing_cells, None, prefetch=_CHUNK, timeout=_PATIENCE_SECONDS)
    async for record in cells:
        changes += replaced(_object(record["stored"]), _object(record["computed"]), planner)
        count += 1
        if len(changes) >= _CHUNK:
            await session.fetchval(queries().append_rebuilt, len(changes), write_changes(changes))
            changes = []
    newest: int = await session.fetchval(queries().append_rebuilt, len(changes), write_changes(changes))
    return count, newest


def _offsets(records: list[Any]) -> dict[int, int]:
    return {record["partition"]: record["next_offset"] for record in records}


def _difference(record: Values) -> dict[str, Any]:
    """A key with the fields that differ, and both values; `null` where one side has nothing."""
    stored, computed = (_compared(_object(record[side])) for side in ("stored", "computed"))
    differs = {
        name: {"stored": stored[name], "computed": computed[name]}
        for name in stored
        if computed and name not in _OWN_STORY and stored[name] != computed.get(name)
    }
    missing = "stored" if not stored else "computed" if not computed else None
    return {"key": key_of(record).text, "absent": missing, "fields": differs}


def _compared(row: dict[str, Any]) -> dict[str, Any]:
    """What became of a revision that counts is no part of the comparison."""
    return row | {"outcome": COUNTS} if row.get("outcome") in COUNTING else row


def _object(text: str | None) -> dict[str, Any]:
    found: dict[str, Any] = decode_json(text.encode()) if text is not None else {}
    return found
