"""What alerts tells of a tick: its events, and of its states those that no later tick has changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import chiso_alerts
import pytest
from chiso_alerts import relay
from chiso_alerts.assessment import assess
from chiso_alerts.core.arrival import Arrival
from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.relay import AlertOutbox
from chiso_alerts.store import PACKAGE, Store
from chiso_shared.contracts.rollup import RollupEvent
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.migrations import migrate
from chiso_shared.runtime.postgres import Database
from chiso_shared.runtime.relay import OutboxMessage

from tests.unit.alerts_examples import rollup
from tests.unit.catalogue_seeds import seeds

MIGRATION = Path(chiso_alerts.__path__[0]) / "migrations" / "0003_states.sql"
BEFORE_MIGRATION = """
    ALTER TABLE tick_log DROP COLUMN states;
    CREATE INDEX alert_state_tick ON alert (state_tick) WHERE state_tick IS NOT NULL;
"""
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
OPENED = rollup("79.61", 118)
CONFIRMED = rollup("79.61", 119, phase="closed", vintage=1, causes=("close",))
# What every version of an alert or of a rollup changes. `due_at` and `resolved_at` change with few of them.
CHANGED = {
    "version",
    "rollup_version",
    "sequence",
    "updated_at",
    "state_tick",
    "memory",
    "body",
    "traceparent",
}


class Alerts:
    """The tables of alerts without anything that runs."""

    def __init__(self, database: Database) -> None:
        self.store = Store(database, Clock())
        self.outbox = AlertOutbox(database, Clock())
        self._book = RuleBook.of(seeds())

    async def judge(self, event: RollupEvent) -> None:
        """One tick with one rollup."""
        async with self.store.tick() as tick:
            await tick.see_rollups([Arrival(event)])
            await tick.finish(await assess(tick, self._book, [Arrival(event)], LONG_AGO))

    async def tell(self) -> list[tuple[str, int | None]]:
        """Takes what is pending as published: types and sequences."""
        found = await self.outbox.pending()
        if found is None:
            return []
        messages, position = found
        await self.outbox.advance(position)
        return [_shown(message) for message in messages]


def _shown(message: OutboxMessage) -> tuple[str, int | None]:
    return message.event.type, message.event.sequence


@pytest.fixture
async def alerts(database: str) -> AsyncIterator[Alerts]:
    await migrate(database, "alerts", PACKAGE)
    opened = Database(database, "chiso_alerts", min_size=1, max_size=2)
    await opened.start()
    yield Alerts(opened)
    await opened.stop()


async def test_a_state_is_told_with_the_last_tick_that_changed_it_and_not_before_its_events(
    alerts: Alerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_MOST_MESSAGES", 1)  # a batch is one tick
    await alerts.judge(OPENED)
    await alerts.judge(CONFIRMED)
    assert await alerts.tell() == [("chiso.alert.opened.v1", 1)]
    assert await alerts.tell() == [("chiso.alert.confirmed.v1", 2), ("chiso.alert.state.v1", 2)]
    assert await alerts.tell() == []


async def test_ticks_of_one_batch_show_their_last_state_once(alerts: Alerts) -> None:
    await alerts.judge(OPENED)
    await alerts.judge(CONFIRMED)
    told = await alerts.tell()
    assert [sequence for event, sequence in told if event == "chiso.alert.state.v1"] == [2]
    assert len(told) == 3


async def test_what_was_not_told_before_the_migration_is_told_after_it(alerts: Alerts, database: str) -> None:
    await alerts.judge(OPENED)
    connection = await asyncpg.connect(database, server_settings={"search_path": "alerts"})
    await connection.execute(BEFORE_MIGRATION)
    await connection.execute(MIGRATION.read_text())
    await connection.close()
    assert await alerts.tell() == [("chiso.alert.opened.v1", 1), ("chiso.alert.state.v1", 1)]


async def test_what_every_version_changes_is_in_no_index(alerts: Alerts, database: str) -> None:
    connection = await asyncpg.connect(database)
    rows = await connection.fetch(
        """SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
        WHERE indrelid IN ('alerts.alert'::regclass, 'alerts.rollup_seen'::regclass)"""
    )
    await connection.close()
    indexed = {row["attname"] for row in rows}
    assert "alert_id" in indexed and not indexed & CHANGED
