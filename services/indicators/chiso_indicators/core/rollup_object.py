"""The rollup object as the world sees it, from a stored row (contract §3). Pure; no row is judged here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from chiso_shared.contracts.codec import plain

from chiso_indicators.core.row import Row

_PLAIN_FIELDS: Final = (
    "value_source",
    "not_aggregable",
    "reported",
    "discrepancy",
    "n_expected",
    "n_reported",
    "n_contributing",
    "n_on_time",
    "n_percent_only",
    "n_unexpected",
    "completeness",
    "timeliness",
    "stale",
    "oldest_part_on",
    "newest_part_on",
    "status_colour",
    "derived",
    "phase",
    "vintage",
    "version",
    "causes",
    "target",
    "attainment",
    "updated_at",
    "catalogue_version",
)


def rollup_object(row: Row) -> dict[str, Any]:
    """The object of the contract. Additive kinds have their sum in `value` and no numerator."""
    is_ratio = row.denominator is not None
    answer: dict[str, Any] = {
        "unit": row.unit,
        "level": row.level,
        "indicator": row.indicator,
        "calendar": row.calendar,
        "period": row.period,
        "basis": row.basis,
        "numerator": _plain(row.numerator) if is_ratio else None,
        "denominator": _plain(row.denominator),
        "value": _plain(row.value),
    }
    for name in _PLAIN_FIELDS:
        answer[name] = _plain(getattr(row, name))
    return answer


def event_object(
    row: Row, changed_cells: Sequence[Mapping[str, Any]], changed_cells_count: int, mode: str
) -> dict[str, Any]:
    """The payload of `chiso.rollup.changed.v1`: the object, what moved it, and who is missing."""
    return {
        **rollup_object(row),
        "tick": row.tick,
        "mode": mode,
        "changed_cells": changed_cells,
        "changed_cells_count": changed_cells_count,
        "missing": row.missing,
    }


def _plain(value: Any) -> Any:
    """Numbers without exponent and trailing zeros, wherever they stand."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value
