"""What the relay publishes: events, states, quarantined records, tick by tick. Changes only its own mark."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Final

import asyncpg
from chiso_shared.contracts.codec import decode_json, encode_json
from chiso_shared.contracts.events import SOURCE_ALERTS, Event, content_id
from chiso_shared.contracts.operation import OperationEvent
from chiso_shared.contracts.quarantine import QuarantinedRecord
from chiso_shared.contracts.topics import ALERTS, ALERTS_STATE, OPERATIONS, QUARANTINE
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.postgres import Database, Queries, load_queries
from chiso_shared.runtime.relay import OutboxMessage, Position

from chiso_alerts.core.identity import known_key
from chiso_alerts.store import PACKAGE

TRANSACTIONAL_ID: Final = "chiso-alerts-relay-0"
_MOST_TICKS: Final = 200
_MOST_MESSAGES: Final = 2_000


class AlertOutbox:
    """The outbox of alerts. A position is a tick: everything of the ticks up to it has been sent.

    Events are history and are sent one by one; of the states the newest is sent, after its tick's events.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._queries: Queries = load_queries(PACKAGE)

    async def pending(self) -> tuple[Sequence[OutboxMessage], Position] | None:
        """Whole ticks, as many as fit into one batch, at least one."""
        async with self._database.pool.acquire() as connection:
            ticks = await connection.fetch(self._queries.unpublished_ticks, _MOST_TICKS)
            if not ticks:
                return None
            span = ticks[0]["published_tick"], _last_that_fits(ticks)
            changed = {alert_id for row in ticks if row["tick"] <= span[1] for alert_id in row["states"]}
            events = await connection.fetch(self._queries.outbox_events, *span)
            states = await connection.fetch(self._queries.outbox_states, list(changed), span[1])
            refused = await connection.fetch(self._queries.outbox_quarantined, *span)
            decided = await connection.fetch(self._queries.outbox_operations, *span)
        messages = [
            *map(_operation, decided),
            *map(_event, events),
            *map(_state, states),
            *map(_quarantined, refused),
        ]
        return messages, span[1]

    async def advance(self, position: Position) -> None:
        """Everything up to that tick is published."""
        await self._database.pool.execute(self._queries.advance, position)

    async def oldest_seconds(self) -> float:
        """How long the oldest unpublished tick waits."""
        stamp = await self._database.pool.fetchval(self._queries.oldest_unpublished)
        return max(0.0, (self._clock.now() - stamp).total_seconds()) if stamp is not None else 0.0


def _last_that_fits(ticks: Sequence[asyncpg.Record]) -> int:
    total = 0
    last: int = ticks[0]["tick"]
    for row in ticks:
        total += row["messages"]
        if total > _MOST_MESSAGES:
            break
        last = row["tick"]
    return last


def _event(row: asyncpg.Record) -> OutboxMessage:
    alert_id = str(row["alert_id"])
    event = Event(
        type=f"chiso.alert.{row['transition']}.v1",
        id=row["ce_id"],
        source=SOURCE_ALERTS,
        subject=alert_id,
        time=row["at"],
        data=row["body"].encode(),
        partitionkey=alert_id,
        sequence=row["sequence"],
        traceparent=row["traceparent"],
    )
    return OutboxMessage(ALERTS, alert_id.encode(), event)


def _state(row: asyncpg.Record) -> OutboxMessage:
    """The state of an alert; one that is INACTIVE again is taken off the compacted topic."""
    alert_id = str(row["alert_id"])
    key = known_key(
        row["rule_id"], row["unit"], row["indicator"], row["calendar"], row["period"], row["basis"]
    )
    event = Event(
        type="chiso.alert.state.v1",
        id=key.state_id(row["sequence"], row["rollup_version"], row["state"], row["state_tick"]),
        source=SOURCE_ALERTS,
        subject=alert_id,
        time=row["updated_at"],
        data=row["body"].encode(),
        partitionkey=alert_id,
        sequence=row["sequence"],
    )
    return OutboxMessage(ALERTS_STATE, alert_id.encode(), event, tombstone=row["state"] == "INACTIVE")


def _operation(row: asyncpg.Record) -> OutboxMessage:
    decided = OperationEvent(
        operation_id=row["operation_id"],
        operation=row["operation"],
        subject=row["subject"],
        author=row["author"],
        reason=row["reason"],
        at=row["at"],
        details=decode_json(row["details"].encode()),
    )
    event = Event(
        type=f"chiso.operation.{decided.operation}.v1",
        id=str(decided.operation_id),
        source=SOURCE_ALERTS,
        subject=decided.subject,
        time=decided.at,
        data=encode_json(decided),
        partitionkey=decided.subject,
    )
    return OutboxMessage(OPERATIONS, decided.subject.encode(), event)


def _quarantined(row: asyncpg.Record) -> OutboxMessage:
    where = row["topic"], row["partition"], row["log_offset"]
    value = None if row["value"] is None else b64encode(row["value"]).decode()
    record = QuarantinedRecord(
        topic=where[0],
        partition=where[1],
        offset=where[2],
        reason=row["reason"],
        detail=row["detail"],
        quarantined_at=row["quarantined_at"],
        value_base64=value,
    )
    key = row["record_key"] or b""
    event = Event(
        type="chiso.record.quarantined.v1",
        id=content_id("alerts", *where),
        source=SOURCE_ALERTS,
        subject="/".join(str(part) for part in where),
        time=row["quarantined_at"],
        data=encode_json(record),
        partitionkey=key.decode("utf-8", errors="replace"),
    )
    return OutboxMessage(QUARANTINE, key, event)
