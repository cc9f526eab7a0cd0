"""History as the outbox of `chiso.rollups.v1`: what is committed and not yet published."""

from __future__ import annotations

from typing import Final

from chiso_shared.contracts.codec import decode_json, encode_json
from chiso_shared.contracts.events import SOURCE_INDICATORS, Event, content_id
from chiso_shared.contracts.topics import ROLLUPS
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.postgres import Pool
from chiso_shared.runtime.relay import OutboxMessage, Position

from chiso_indicators.core.keys import Key
from chiso_indicators.core.rollup_object import event_object
from chiso_indicators.store.compute import row_of
from chiso_indicators.store.sql import Values, key_of, queries

EVENT_TYPE: Final = ROLLUPS.event_types[0]


class RollupOutbox:
    """Reads history after the published position, the newest version of each key of a batch."""

    def __init__(self, pool: Pool, clock: Clock, batch: int) -> None:
        self._pool = pool
        self._clock = clock
        self._batch = batch

    async def pending(self) -> tuple[list[OutboxMessage], Position] | None:
        """The next versions in their order; events carry full state, so older ones of a key are merged."""
        records = await self._pool.fetch(queries().pending_history, ROLLUPS.name, self._batch)
        if not records:
            return None
        newest: dict[Key, Values] = {}
        for record in records:
            newest.pop(key_of(record), None)
            newest[key_of(record)] = record
        last = records[-1]
        return [rollup_message(record) for record in newest.values()], (last["tick"], last["ordinal"])

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
        type=EVENT_TYPE,
        id=content_id(key, row.version),
        source=SOURCE_INDICATORS,
        subject=key,
        time=row.updated_at,
        data=encode_json(payload),
        partitionkey=key,
        sequence=row.version,
    )
    return OutboxMessage(ROLLUPS, key.encode(), event)
