"""Winners as rows: contenders are let into their cells where they win. Shared by Apply and by approvals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chiso_indicators.core.changes import Judge
from chiso_indicators.core.fold import Contender, Order, Standing
from chiso_indicators.core.keys import Key
from chiso_indicators.core.plan import Planner
from chiso_indicators.store.sql import Session, Values, figure_of, key_of, queries


async def write_cells(
    session: Session,
    contenders: Mapping[Key, Contender],
    planner: Planner,
    judge: Judge,
    applied_at: datetime,
) -> dict[Key, Standing | None]:
    """Lets the contenders have their cells where they win; what stood before, None for a new cell.

    Once a transaction for a cell, and in no savepoint: who lost is told by who wrote the cell.
    """
    if not contenders:
        return {}
    rows = [_cell(one, planner, judge, applied_at) for one in contenders.values()]
    written = await session.fetch(queries().upsert_cells, rows)
    standings: dict[Key, Standing | None] = dict.fromkeys(contenders)
    standings.update((key_of(row), _standing(row)) for row in written if row["unit"] is not None)
    if written[0]["written"] < len(rows):
        stood = await session.fetch(queries().losing_cells, rows)
        standings.update((key_of(row), _standing(row)) for row in stood)
    return standings


def _cell(contender: Contender, planner: Planner, judge: Judge, applied_at: datetime) -> tuple[Any, ...]:
    """A row of the table `cell`, in the order of its columns."""
    revision, first_accepted_at = contender.winner, contender.first_accepted_at
    key, order = revision.key, revision.order
    place = planner.place(key.unit, key.calendar, key.period)
    assert place is not None  # noqa: S101 - placed cells only
    return (
        *key,
        place.level,
        place.parent,
        *revision.figure,
        *order,
        revision.stage,
        revision.reason,
        first_accepted_at,
        1,
        int(judge.is_after_close(revision)),
        applied_at,
        judge.cause(revision, first_accepted_at == order.accepted_at),
    )


def _standing(row: Values) -> Standing:
    order = Order(
        row["order_date"],
        row["revision"],
        row["accepted_at"],
        row["submission_id"],
        row["agency"],
    )
    return Standing(order, figure_of(row), row["first_accepted_at"])
