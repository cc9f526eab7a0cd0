"""Winners as rows: contenders are let into their cells where they win. Shared by Apply and by approvals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chiso_indicators.core.changes import Judge
from chiso_indicators.core.fold import Contender, Order, Standing
from chiso_indicators.core.keys import Key
from chiso_indicators.core.plan import Planner
from chiso_indicators.store.sql import Session, Values, as_json, figure_of, key_of, queries


async def write_cells(
    session: Session,
    contenders: Mapping[Key, Contender],
    planner: Planner,
    judge: Judge,
    applied_at: datetime,
) -> dict[Key, Standing | None]:
    """Lets the contenders have their cells where they win; what stood before, None for a new cell."""
    if not contenders:
        return {}
    rows = [_cell(contenders[key], planner, judge, applied_at) for key in sorted(contenders)]
    replaced = await session.fetch(queries().upsert_cells, as_json(rows))
    standings = {key_of(row): None if row["created"] else _standing(row) for row in replaced}
    lost = [row for row in rows if Key(*(row[name] for name in Key._fields)) not in standings]
    if lost:
        stood = await session.fetch(queries().losing_cells, as_json(lost))
        standings.update((key_of(row), _standing(row)) for row in stood)
    return standings


def _cell(contender: Contender, planner: Planner, judge: Judge, applied_at: datetime) -> dict[str, Any]:
    revision = contender.winner
    place = planner.place(revision.key.unit, revision.key.calendar, revision.key.period)
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
        "changes_after_close": int(judge.is_after_close(revision)),
        "changed_at": applied_at,
        "cause": judge.cause(revision, is_first),
    }


def _standing(row: Values) -> Standing:
    order = Order(
        row["order_date"],
        row["revision"],
        row["accepted_at"],
        row["submission_id"],
        row["agency"],
    )
    return Standing(order, figure_of(row), row["first_accepted_at"])
