"""The outbox of decisions for `chiso.operations.v1`: what is committed and not yet told."""

from __future__ import annotations

from typing import Final

from chiso_shared.contracts.codec import decode_json, encode_json
from chiso_shared.contracts.events import SOURCE_INDICATORS, Event
from chiso_shared.contracts.operation import OperationEvent
from chiso_shared.contracts.topics import OPERATIONS
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.postgres import Pool
from chiso_shared.runtime.relay import OutboxMessage, Position

from chiso_indicators.store.sql import Values, queries

_FIELDS: Final = ("operation_id", "operation", "subject", "author", "reason", "at")


class OperationOutbox:
    """Reads decisions that nobody was told of, in the order of their instants."""

    def __init__(self, pool: Pool, clock: Clock, batch: int) -> None:
        self._pool = pool
        self._clock = clock
        self._batch = batch

    async def pending(self) -> tuple[list[OutboxMessage], Position] | None:
        """The next decisions; the position is the list of them."""
        records = await self._pool.fetch(queries().pending_operations, self._batch)
        if not records:
            return None
        return [operation_message(record) for record in records], [row["operation_id"] for row in records]

    async def advance(self, position: Position) -> None:
        """These decisions have been published."""
        await self._pool.execute(queries().operations_published, self._clock.now(), position)


def operation_message(record: Values) -> OutboxMessage:
    """The event of one decision; its id is the operation's own."""
    fields = {name: record[name] for name in _FIELDS}
    payload = OperationEvent(**fields, details=decode_json(record["details"].encode()))
    event = Event(
        type=f"chiso.operation.{payload.operation}.v1",
        id=str(payload.operation_id),
        source=SOURCE_INDICATORS,
        subject=payload.subject,
        time=payload.at,
        data=encode_json(payload),
        partitionkey=payload.subject,
    )
    return OutboxMessage(OPERATIONS, payload.subject.encode(), event)
