"""What became of revisions that the live store lacks: told by the core, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, takewhile
from typing import Any, Final

from chiso_indicators.core.changes import Judged
from chiso_indicators.core.rejoining import Counting, rejoin
from chiso_indicators.core.setting_aside import Gate, settled
from chiso_indicators.store.decisions import ruling_on
from chiso_indicators.store.sql import Session, Values, as_json, key_of, queries, revision_of

_CHUNK: Final = 5_000


async def settle(session: Session, gate: Gate, timeout_seconds: float) -> None:
    """Gives revisions that are to be put into the live store their outcomes."""
    await session.execute(queries().prepare_settling, timeout=timeout_seconds)
    cursor = await session.cursor(queries().open_revisions, timeout=timeout_seconds)
    waiting: list[Values] = []
    while found := await cursor.fetch(_CHUNK, timeout=timeout_seconds):
        whole, waiting = _cut([*waiting, *found])
        await _settle(session, gate, whole, timeout_seconds)
    await _settle(session, gate, waiting, timeout_seconds)


def _cut(records: list[Values]) -> tuple[list[Values], list[Values]]:
    """Whole cells, and the last one apart: it may go on in the next chunk."""
    last = key_of(records[-1])
    size = sum(1 for _ in takewhile(lambda record: key_of(record) == last, reversed(records)))
    return records[:-size], records[-size:]


async def _settle(session: Session, gate: Gate, records: Sequence[Values], timeout_seconds: float) -> None:
    ruling = await ruling_on(session, gate.in_question([revision_of(record) for record in records]))
    judged: list[Judged] = []
    for _, cell in groupby(records, key=key_of):
        counting = [
            Counting(revision_of(record), record["live_outcome"], record["live_reason"]) for record in cell
        ]
        judged += [Judged(revision, outcome, 0, None) for revision, outcome in rejoin(counting)]
    if judged:
        rows = [_row(item) for item in settled(judged, ruling)]
        await session.execute(queries().settle_revisions, as_json(rows), timeout=timeout_seconds)


def _row(item: Judged) -> dict[str, Any]:
    order = item.revision.order
    return {
        **item.revision.key._asdict(),
        "agency": order.agency,
        "submission_id": order.submission_id,
        "outcome": item.outcome.outcome,
        "reason": item.outcome.reason,
    }
