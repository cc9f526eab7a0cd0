"""When bad records are too many to be the senders' fault (docs/delivery.md, Traps). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

WINDOW: Final = 1_000
MOST_IN_WINDOW: Final = WINDOW // 100
MOST_IN_A_ROW: Final = 20


def remembered(history: Sequence[bool], batch: Iterable[bool]) -> tuple[bool, ...]:
    """The last 1,000 records of a partition after a batch; True is a bad one."""
    return (*history, *batch)[-WINDOW:]


def tripped(history: Sequence[bool], batch: Sequence[bool]) -> str | None:
    """Why a partition must stop before this batch: > 1 % of the last 1,000 bad, or 20 in a row; else None."""
    if not any(batch):
        return None
    in_a_row = longest = 0
    for bad in (*history, *batch):
        in_a_row = in_a_row + 1 if bad else 0
        longest = max(longest, in_a_row)
    if longest >= MOST_IN_A_ROW:
        return f"{longest} bad records in a row"
    count = sum(remembered(history, batch))
    return f"{count} bad records among the last {WINDOW}" if count > MOST_IN_WINDOW else None
