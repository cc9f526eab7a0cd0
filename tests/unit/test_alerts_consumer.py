"""Records that look right and cannot be judged: set aside one by one until the fault must be here.

The real store's side is in tests/integration/test_alerts_service.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast

import pytest
from chiso_alerts import consumer
from chiso_alerts.books import Books
from chiso_alerts.consumer import RollupHandler, TooManyBadRecords
from chiso_alerts.metrics import AlertMetrics
from chiso_alerts.store import Store
from chiso_shared.contracts.codec import encode_json
from chiso_shared.runtime.breaker import MOST_IN_WINDOW
from chiso_shared.runtime.consumer import OffsetsMoved, Record
from chiso_shared.runtime.metrics import new_registry

from tests.unit.alerts_examples import START, rollup


class OnePartition:
    """A store and its tick: where the partition stands, and what was set aside."""

    now = START
    following = 0
    refused = 0

    async def first_started_at(self) -> datetime:
        return START

    @asynccontextmanager
    async def tick(self) -> AsyncIterator[OnePartition]:
        before = self.following, self.refused
        try:
            yield self
        except BaseException:
            self.following, self.refused = before
            raise

    async def apply_offsets(self, records: Sequence[Record]) -> None:
        if records[0].offset != self.following:
            raise OffsetsMoved
        self.following = records[-1].offset + 1

    async def see_rollups(self, _arrivals: Any) -> None: ...

    async def finish(self, _results: Any, bad: Sequence[Any]) -> None:
        self.refused += len(bad)


async def test_a_fault_of_ours_quarantines_no_more_however_often_it_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(_tick: Any, _book: Any, arrivals: Sequence[Any], _started: Any) -> Any:
        if arrivals:
            raise ValueError("a defect")
        return ()

    class NoBooks:
        current = None

    monkeypatch.setattr(consumer, "assess", broken)
    store = OnePartition()
    metrics = AlertMetrics(new_registry("alerts", "0"))
    handler = RollupHandler(cast(Store, store), cast(Books, NoBooks()), metrics, lambda: None)
    log = [Record("t", 0, offset, 0, b"k", {}, encode_json(rollup(70, offset + 1))) for offset in range(100)]
    for _ in range(5):
        with pytest.raises((TooManyBadRecords, OffsetsMoved)):
            await handler(log[store.following :] if store.following else log)
    assert store.refused == store.following == MOST_IN_WINDOW
