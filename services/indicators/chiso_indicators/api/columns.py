"""The columns of every list as CSV (contract §3): fixed, whatever a page holds, also an empty one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chiso_shared.contracts.rollup import Rollup
from chiso_shared.runtime.questions import columns_of

from chiso_indicators.core.keys import Key
from chiso_indicators.store import read_reports


def _inside(name: str, columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{name}.{column}" for column in columns)


KEY: Final = Key._fields
_SOURCE: Final = _inside("source", ("document", "url", "published"))
_WINNER: Final = _inside("winner", read_reports.WINNER)
ROLLUPS: Final = columns_of(Rollup)
RECAST: Final = (*ROLLUPS, *_inside("break", ("effective", "predecessors", "missing")))
HISTORY: Final = (*ROLLUPS, "valid_from", "valid_to")
CHANGES: Final = (*ROLLUPS, "cursor")
CELLS: Final = (*KEY, "level", "parent", *_WINNER)
HELD: Final = (*KEY, *read_reports.REVISION, "key_id")
SUBMISSIONS: Final = ("status", *read_reports.HEAD, *_SOURCE, "observations", "outcomes", "duplicates")
MISSING: Final = ("unit", "indicator", "calendar", "period", "basis", "due_at")
REOPENINGS: Final = (
    *("unit", "calendar", "period", "reopened_at", "closes_at", "reopened_tick", "closed_tick"),
)
RANKS: Final = (
    *("unit", "rank", "cohort", "tied", "value", "completeness"),
    *("status_colour", "phase", "vintage", "version"),
)
