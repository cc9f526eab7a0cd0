"""A version of a rollup says what its causes and changed cells say, whatever is applied while it is made."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from chiso_indicators.store.roll import RollStore
from chiso_shared.contracts.codec import payload_sha256

from tests.integration.indicators_chain import document, observation
from tests.model.service import Service, new_service

STARTED = datetime(2026, 9, 16, tzinfo=UTC)
CHANCE = random.Random("snapshot")


def report(unit: str, numerator: int, revision: int, second: int) -> dict[str, Any]:
    """An event as the door writes it."""
    figures = [observation(unit, numerator=numerator, denominator=100)]
    reason = "recount" if revision else None
    sent = document(CHANCE, figures, agency="H48", revision=revision, reason=reason)
    accepted_at = STARTED + timedelta(seconds=second)
    sha256 = payload_sha256(sent)
    return {
        **sent,
        "accepted_at": accepted_at,
        "payload_sha256": sha256,
        "key_id": "k",
        "catalogue_version": "t",
    }


async def versions(service: Service) -> list[tuple[Any, ...]]:
    records = await service.database.pool.fetch(
        "SELECT numerator, causes, changed_cells_count FROM indicators.rollup_history "
        "WHERE unit = '51' AND indicator = 'DVC.ONLINE_SUBMIT' AND period = '2026-09' ORDER BY version"
    )
    return [(record["numerator"], record["causes"], record["changed_cells_count"]) for record in records]


async def test_what_is_applied_during_a_tick_is_the_next_ones(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with new_service(database, STARTED) as service:
        service.clock.instants.append(STARTED + timedelta(minutes=1))
        await service.apply([report("21025", 10, 0, 1)])
        takes = RollStore._take_dirty

        async def take_and_let_in(store: RollStore, *args: Any) -> bool:
            taken = await takes(store, *args)
            monkeypatch.setattr(RollStore, "_take_dirty", takes)
            await service.apply([report("21025", 70, 1, 2), report("21028", 5, 0, 3)])
            return taken

        monkeypatch.setattr(RollStore, "_take_dirty", take_and_let_in)
        await service.tick()
        assert await versions(service) == [
            (Decimal(10), ["report"], 1),
            (Decimal(75), ["report", "correct"], 2),
        ]
        assert await service.drift() == []
