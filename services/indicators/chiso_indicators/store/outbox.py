"""What is committed and not yet published: history for `chiso.rollups.v1`, and quarantined records."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

from chiso_shared.contracts.codec import decode_json, encode_json
from chiso_shared.contracts.events import SOURCE_INDICATORS, Event, content_id
from chiso_shared.contracts.topics import MAX_MESSAGE_BYTES, QUARANTINE, ROLLUPS
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.postgres import Pool
from chiso_shared.runtime.relay import OutboxMessage, Position

from chiso_indicators.core.keys import Key
from chiso_indicators.core.rollup_object import event_object
from chiso_indicators.store.compute import row_of
from chiso_indicators.store.floors import floors_of
from chiso_indicators.store.sql import Values, key_of, queries

ROLLUP_CHANGED: Final = ROLLUPS.event_types[0]
QUARANTINED: Final = QUARANTINE.event_types[0]
_LARGEST_VALUE_BYTES: Final = MAX_MESSAGE_BYTES // 2


class RollupOutbox:
    """Reads history after the published position, the newest version of each key of a batch."""

    def __init__(
        self, pool: Pool, clock: Clock, batch: int, may_publish: Callable[[], bool] = lambda: True
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._batch = batch
        self._may_publish = may_publish

    async def pending(self) -> tuple[list[OutboxMessage], Position] | None:
        """The next versions in their order; events carry full state, so older ones of a key are merged.

        Versions up to a key's floor are passed over: the topic holds something newer.
        """
        if not self._may_publish():
            return None
        records = await self._pool.fetch(queries().pending_history, ROLLUPS.name, self._batch)
        if not records:
            return None
        newest: dict[Key, Values] = {}
        for record in records:
            newest.pop(key_of(record), None)
            newest[key_of(record)] = record
        last, floors = records[-1], await floors_of(self._pool, newest)
        told = [record for key, record in newest.items() if record["version"] > floors.get(key, 0)]
        return [rollup_message(record) for record in told], (last["tick"], last["ordinal"])

    async def advance(self, position: Position) -> None:
        """Everything up to the position is published. Never goes back."""
        await self._pool.execute(queries().advance_published, ROLLUPS.name, *position)

    async def oldest_seconds(self) -> float:
        """Age of the oldest unpublished version."""
        stamp = await self._pool.fetchval(queries().oldest_unpublished, ROLLUPS.name)
        return 0.0 if stamp is None else max(0.0, (self._clock.now() - stamp).total_seconds())


def rollup_message(record: Values) -> OutboxMessage:
    """The event of one version. The same version always has the same `ce_id`."""
    row = row_of(record)
    key = row.key.text
    cells = decode_json(record["changed_cells"].encode())
    payload = event_object(row, cells, record["changed_cells_count"], record["mode"])
    event = Event(
        type=ROLLUP_CHANGED,
        id=content_id(key, row.version),
        source=SOURCE_INDICATORS,
        subject=key,
        time=row.updated_at,
        data=encode_json(payload),
        partitionkey=key,
        sequence=row.version,
    )
    return OutboxMessage(ROLLUPS, key.encode(), event)


class QuarantineOutbox:
    """Reads quarantined records that nobody was told of; each is marked by itself, for they have no order."""

    def __init__(self, pool: Pool, clock: Clock, batch: int) -> None:
        self._pool = pool
        self._clock = clock
        self._batch = batch

    async def pending(self) -> tuple[list[OutboxMessage], Position] | None:
        """The next records; the position is the list of them."""
        records = await self._pool.fetch(queries().pending_quarantine, self._batch)
        if not records:
            return None
        places = [(record["topic"], record["partition"], record["log_offset"]) for record in records]
        return [quarantine_message(record) for record in records], places

    async def advance(self, position: Position) -> None:
        """These records have been published."""
        topics, partitions, offsets = zip(*position, strict=True)
        await self._pool.execute(
            queries().quarantine_published, self._clock.now(), topics, partitions, offsets
        )


def quarantine_message(record: Values) -> OutboxMessage:
    """The event of one quarantined record; the key is the record's own."""
    place = f"{record['topic']}/{record['partition']}/{record['log_offset']}"
    value, key = record["value"], record["record_key"] or b""
    if value is not None and len(value) > _LARGEST_VALUE_BYTES:
        value = None  # base64 would not fit into a record; the row in quarantine has it whole
    payload = {
        "topic": record["topic"],
        "partition": record["partition"],
        "offset": record["log_offset"],
        "reason": record["reason"],
        "detail": record["detail"],
        "quarantined_at": record["quarantined_at"],
        "value_base64": base64.b64encode(value).decode() if value is not None else None,
    }
    event = Event(
        type=QUARANTINED,
        id=content_id(place),
        source=SOURCE_INDICATORS,
        subject=place,
        time=record["quarantined_at"],
        data=encode_json(payload),
        partitionkey=key.decode("utf-8", errors="replace"),
    )
    return OutboxMessage(QUARANTINE, key, event)
