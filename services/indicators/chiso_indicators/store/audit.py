"""The self-audit: recomputes rollups from cells and compares bit for bit. Reports, and never repairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.changes import read_changes
from chiso_indicators.core.keys import Key
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.row import Row
from chiso_indicators.core.tick import Touched, touched_by
from chiso_indicators.core.version import TELLING
from chiso_indicators.store.compute import by_source, drafts, own_figures, row_of, stored_rows, sums_of
from chiso_indicators.store.roll import clockwork_of
from chiso_indicators.store.sql import Session, as_json, queries

_CHUNK: Final = 2_000
_SHOWN: Final = 100
# Closed rows keep what the catalogue said when they closed.
_OF_THE_CATALOGUE: Final = frozenset(
    {"n_expected", "completeness", "timeliness", "target", "status_colour", "attainment", "missing"}
)


@dataclass(slots=True)
class Drift:
    """What an audit found. `pending` rows were left out because a tick has still to look at them."""

    at: datetime
    checked: int = 0
    pending: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    seconds: Decimal = Decimal(0)


async def audit(pool: Pool, assembler: Assembler, at: datetime) -> Drift:
    """Compares every stored rollup with what its cells give, in one snapshot; writes nothing."""
    found = Drift(at)
    async with (
        pool.acquire() as session,
        session.transaction(isolation="repeatable_read", readonly=True),
    ):
        clockwork = clockwork_of(await _the_row(session))
        pending = await _pending(session, assembler)
        everything = await _all_pending(session, assembler)
        after = Key("", "", "", "", "")
        while True:
            records = await session.fetch(queries().rollups_after, *after, _CHUNK)
            if not records:
                return found
            rows = [row_of(record) for record in records]
            after = rows[-1].key
            sound = [] if everything else [row for row in rows if row.key not in pending]
            found.pending += len(rows) - len(sound)
            found.checked += len(sound)
            found.rows.extend(await _compare(session, sound, assembler, clockwork.marks))


@dataclass(frozen=True, slots=True)
class Sample:
    """A small audit of neighbouring keys. `after` is where the next one begins; None behind the last key."""

    drift: Drift
    checked: list[Key]
    after: Key | None


async def sample(pool: Pool, assembler: Assembler, at: datetime, after: Key, most: int) -> Sample:
    """Compares at most `most` rollups behind a key, in one short snapshot; writes nothing.

    Rows that a tick has still to look at are left for the next round.
    """
    async with (
        pool.acquire() as session,
        session.transaction(isolation="repeatable_read", readonly=True),
    ):
        clockwork = clockwork_of(await _the_row(session))
        records = await session.fetch(queries().rollups_after, *after, most)
        rows = [row_of(record) for record in records]
        pending = await _pending(session, assembler)
        everything = await _all_pending(session, assembler)
        sound = [] if everything else [row for row in rows if row.key not in pending]
        found = Drift(at, len(sound), len(rows) - len(sound))
        found.rows = await _compare(session, sound, assembler, clockwork.marks)
    return Sample(found, [row.key for row in sound], rows[-1].key if len(rows) == most else None)


async def note(pool: Pool, drift: Drift, scope: Literal["complete", "sampled"] = "complete") -> None:
    """Keeps the result of an audit."""
    shown = as_json(drift.rows[:_SHOWN])
    await pool.execute(
        queries().note_audit,
        drift.at,
        drift.checked,
        len(drift.rows),
        drift.pending,
        drift.seconds,
        shown,
        scope,
    )


async def _the_row(session: Session) -> Any:
    return await session.fetchrow(queries().tick_row)


async def _all_pending(session: Session, assembler: Assembler) -> bool:
    """Whether any row may change at the next tick: after a new catalogue, also one unknown here."""
    in_force = await session.fetchval(queries().reference_version)
    if in_force != assembler.planner.catalogue.version:
        return True
    waiting: bool = await session.fetchval(queries().pending_everywhere)
    return waiting


async def _pending(session: Session, assembler: Assembler) -> dict[Key, Touched]:
    touched: dict[Key, Touched] = {}
    for record in await session.fetch(queries().pending_dirty):
        touched_by(read_changes(record["changes"]), assembler.planner, touched)
    return touched


async def _compare(
    session: Session, rows: Sequence[Row], assembler: Assembler, marks: Marks
) -> list[dict[str, Any]]:
    stored = {row.key: row for row in rows if assembler.known(row.key)}
    keys = list(stored)
    before = await stored_rows(session, keys, assembler)
    own = await own_figures(session, keys)
    differences: list[dict[str, Any]] = []
    for source, part in by_source(keys, assembler):
        sums = await sums_of(session, source, part, assembler, marks)
        for key in part:
            made = drafts([key], sums, own, before, assembler, marks, stored[key].updated_at)[key]
            difference = _difference(stored[key], made)
            if difference:
                differences.append({"key": key.text, "fields": difference})
    return differences


def _difference(stored: Row, computed: Row) -> dict[str, Any]:
    same_catalogue = stored.catalogue_version == computed.catalogue_version
    return {
        name: {"stored": getattr(stored, name), "computed": getattr(computed, name)}
        for name in TELLING
        if getattr(stored, name) != getattr(computed, name)
        and (same_catalogue or name not in _OF_THE_CATALOGUE)
    }
