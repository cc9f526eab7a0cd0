"""Cells that a rebuild replaces, as changes that ticks understand. Pure; the rows come as decoded JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from chiso_indicators.core.changes import Change
from chiso_indicators.core.figure import Figure, difference
from chiso_indicators.core.plan import Planner

_GONE = Figure("withdraw", "A", None, None, None, None, "eq", None)


def replaced(stored: Mapping[str, Any], computed: Mapping[str, Any], planner: Planner) -> list[Change]:
    """What a cell's replacement moves; an empty side has no such cell.

    One change, or two where the cell stands under another unit now: both have to be looked at.
    """
    row = computed or stored
    indicator = planner.catalogue.indicators.get(row["indicator"])
    if indicator is None:
        return []  # no rollup is made of it any more
    before = _figure(stored) if stored else None
    after = _figure(computed) if computed else _GONE
    numerator, denominator = difference(before, after, indicator.is_ratio)
    cause = "withdraw" if after.op == "withdraw" else "correct"
    places = {(side["level"], side["parent"]): None for side in (stored, computed) if side}
    return [
        Change(
            row["unit"],
            level,
            parent,
            row["indicator"],
            row["calendar"],
            row["period"],
            row["basis"],
            [cause],
            str(row["submission_id"]),
            row["agency"],
            int(row["revision"]),
            datetime.fromisoformat(row["accepted_at"]),
            numerator,
            denominator,
            after.value,
            row["reason"],
        )
        for level, parent in places
    ]


def _figure(row: Mapping[str, Any]) -> Figure:
    as_of = date.fromisoformat(row["as_of"]) if row["as_of"] else None
    return Figure(
        row["op"],
        row["status"],
        _exact(row["numerator"]),
        _exact(row["denominator"]),
        _exact(row["value"]),
        _exact(row["value_high"]),
        row["qualifier"],
        as_of,
    )


def _exact(number: int | Decimal | None) -> Decimal | None:
    return None if number is None else Decimal(number)
