"""Why a cell changed (semantics §5). Pure: instants come in, the clock is never asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from chiso_shared.contracts.fields import Cause

CAUSES: Final[tuple[Cause, ...]] = (
    "report",
    "correct",
    "withdraw",
    "reference",
    "hierarchy",
    "backfill",
    "close",
)


def cause_of(
    op: str, is_first: bool, accepted_at: datetime, close_at: datetime, first_started_at: datetime
) -> Cause:
    """The cause of one effective revision.

    `is_first`: no revision of the cell counted before. A period that had closed before the installation first
    started is being loaded, not corrected: its cells' first revisions are `backfill`.
    """
    if is_first and close_at <= first_started_at:
        return "backfill"
    if op == "withdraw":
        return "withdraw"
    return "report" if is_first and accepted_at <= close_at else "correct"


def union(causes: Iterable[str]) -> list[str]:
    """Each cause once, in the order of the contract."""
    found = set(causes)
    return [cause for cause in CAUSES if cause in found]


def is_late(
    accepted_at: datetime, due_at: datetime, close_at: datetime, first_started_at: datetime
) -> bool | None:
    """Whether a report came after its due instant; None where the past is being loaded."""
    if close_at <= first_started_at:
        return None
    return accepted_at > due_at
