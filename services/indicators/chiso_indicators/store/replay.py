"""Carries out again what people decided and an older database does not know. Publishes nothing as new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

import msgspec
from chiso_shared.contracts.operation import OperationEvent
from chiso_shared.contracts.topics import OPERATIONS
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.late import Reopening
from chiso_indicators.core.phases import Clockwork
from chiso_indicators.core.standing import Said, standing
from chiso_indicators.store.decisions import carry_out
from chiso_indicators.store.floors import note_ends_of
from chiso_indicators.store.hierarchy import ask_again
from chiso_indicators.store.reference import hold_catalogue
from chiso_indicators.store.reopenings import reopening_of, scope_of_recomputation
from chiso_indicators.store.roll import lock_tick, rows_in_phase
from chiso_indicators.store.sql import Session, Values, as_json, queries
from chiso_indicators.store.writing import TickWriter

OURS: Final = ("reopened", "approved", "refused", "catalogue_applied")


class Beginning(NamedTuple):
    """What an empty database begins with: the installation's first start, and the catalogue last in force."""

    first_started_at: datetime
    catalogue_version: str | None


def beginning(operations: Sequence[OperationEvent], now: datetime) -> Beginning:
    """As the operations tell, in their order; now, where they tell nothing."""
    told = [one for one in operations if one.operation == "catalogue_applied" and "unit" not in one.details]
    starts = (
        datetime.fromisoformat(one.details.get("first_started_at") or one.at.isoformat()) for one in told
    )
    return Beginning(min(starts, default=now), told[-1].subject if told else None)


async def replay(
    pool: Pool,
    assembler: Assembler,
    operations: Sequence[OperationEvent],
    ends: Mapping[int, int],
    now: datetime,
) -> int:
    """Takes in decisions read back, before ticks and batches go on; how many were new. Again changes nothing.

    Held reports that were decided get their outcome now; reports that are applied later find the decision.
    """
    async with pool.acquire() as session, session.transaction():
        await session.execute(queries().announce_operation)
        clockwork = await lock_tick(session)
        await hold_catalogue(session, assembler.planner.catalogue.version)
        await session.execute(queries().pause_apply)
        new = await _new(session, [one for one in operations if one.operation in OURS], now)
        if new:
            await _settle_held(session, assembler, now)
            await _reopen(session, assembler, clockwork, new, now)
            await _recompute(session, assembler, new)
        await note_ends_of(session, OPERATIONS, ends)
    return len(new)


async def _new(session: Session, read: Sequence[OperationEvent], now: datetime) -> list[OperationEvent]:
    rows = as_json([{**one.model_dump(), "details": one.details} for one in read])
    records = await session.fetch(queries().note_read_operations, rows, now)
    ids = {record["operation_id"] for record in records}
    return [one for one in read if one.operation_id in ids]


async def _settle_held(session: Session, assembler: Assembler, now: datetime) -> None:
    def place(record: Values) -> tuple[Any, ...]:
        return record["agency"], record["submission_id"], record["decision"]

    held = sorted(await session.fetch(queries().decided_but_held), key=place)
    for (_, _, decision), records in groupby(held, key=place):
        await carry_out(session, decision, list(records), assembler, now)


async def _reopen(
    session: Session,
    assembler: Assembler,
    clockwork: Clockwork,
    new: Sequence[OperationEvent],
    now: datetime,
) -> None:
    """Every reopening as it stands after the last word about it, and the rows in the phase that follows."""
    said = [one for operation in new if (one := _said(operation, assembler)) is not None]
    if not said:
        return
    stamp, tick = clockwork.next_stamp(now), clockwork.tick + 1
    stored = await session.fetch(queries().all_reopenings)
    known = [Said(record["reopened_at"], _stored(record)) for record in stored]
    found = standing([*known, *said], stamp)
    rows = [{**_row(one), "reopened_tick": tick, "closed_tick": tick} for one in found.over]
    rows += [{**_row(one), "reopened_tick": tick, "closed_tick": None} for one in found.running]
    await session.execute(queries().put_reopening_ends, as_json(rows))
    await session.execute(queries().add_reopenings, as_json(rows))
    marks = replace(clockwork.marks, reopened=found.running)
    writer = TickWriter(session, tick, stamp, assembler)
    concerned = [*found.running, *clockwork.marks.reopened]
    for phase, cause in (("closed", "correct"), ("reopened", "close")) if concerned else ():
        await writer.rephase(await rows_in_phase(session, concerned, phase), marks, frozenset({cause}))
    await writer.finish(marks)


def _said(operation: OperationEvent, assembler: Assembler) -> Said | None:
    """What a decision says of a reopening; None for one of a period that the catalogue does not know."""
    if operation.operation != "reopened":
        return None
    told = msgspec.convert(operation.details, dict[str, str | None])
    period = assembler.planner.period(told["calendar"] or "", told["period"] or "")
    if period is None:
        return None
    begins, ends = told["reopened_at"], told["closes_at"]
    closes_at = datetime.fromisoformat(ends) if ends else None
    reopened_at = datetime.fromisoformat(begins) if begins else operation.at
    one = reopening_of(assembler.planner, told["unit"] or "VN", period, reopened_at, closes_at)
    return Said(operation.at, one)


def _stored(record: Values) -> Reopening:
    names = ("unit", "calendar", "period", "lineage", "periods", "reopened_at", "closes_at")
    fields = {name: record[name] for name in names}
    return Reopening(**{**fields, "lineage": tuple(fields["lineage"]), "periods": tuple(fields["periods"])})


def _row(one: Reopening) -> dict[str, Any]:
    return msgspec.structs.asdict(one)


async def _recompute(session: Session, assembler: Assembler, new: Sequence[OperationEvent]) -> None:
    """Lets the catalogue in force count again where somebody asked for it."""
    for operation in new:
        details = operation.details
        if operation.operation != "catalogue_applied" or "unit" not in details:
            continue
        period = assembler.planner.period(details["calendar"], details["period"])
        if period is not None:
            await ask_again(session, scope_of_recomputation(assembler.planner, details["unit"], period))
