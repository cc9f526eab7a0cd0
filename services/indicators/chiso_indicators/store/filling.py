"""Apply for a generation: keeps the revisions of a batch. Writes no cells and no dirty rows.

Its cells are the winners among its revisions, which one statement finds when all are there; what became of
revisions is asked only where the live store lacks them (`settling`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chiso_indicators.core.changes import Change, Judged
from chiso_indicators.core.submissions import Batch
from chiso_indicators.store.apply import ApplyStore
from chiso_indicators.store.apply_rows import insert_revisions
from chiso_indicators.store.sql import Session


class FillingStore(ApplyStore):
    """Writes batches into the generation."""

    async def _judged(
        self, session: Session, batch: Batch, applied_at: datetime
    ) -> tuple[list[Judged], list[Change]]:
        return self._judge.counted(batch), []

    async def _insert_revisions(
        self, session: Session, judged: Sequence[Judged], dirty_id: int | None, applied_at: datetime
    ) -> None:
        await insert_revisions(session, judged, dirty_id, applied_at, self._planner)
