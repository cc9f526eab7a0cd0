"""What people decided about alerts and tasks, as rows of the same tick as its effects. Grants nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
from chiso_shared.contracts.codec import decode_json, encode_json
from chiso_shared.contracts.operation import OperationEvent

from chiso_alerts.core.identity import known_key
from chiso_alerts.core.suppression import Acknowledgement, Quiet, Silence
from chiso_alerts.core.tasks import TaskDone
from chiso_alerts.store import Tick

OURS: Final = ("acknowledged", "silenced", "task_done")


async def quiet_at(tick: Tick) -> Quiet:
    """The acknowledgements and silences that are not over yet."""
    silences = await tick.connection.fetch(tick.queries.running_silences, tick.now)
    taken = await tick.connection.fetch(tick.queries.running_acknowledgements, tick.now)
    return Quiet(
        {row["alert_id"]: Acknowledgement(row["episode"], row["until"]) for row in taken},
        tuple(map(_silence, silences)),
    )


async def tasks_done(tick: Tick) -> dict[str, TaskDone]:
    """The tasks that somebody has said are done."""
    rows = await tick.connection.fetch(tick.queries.tasks_done)
    return {row["task_id"]: TaskDone(row["task_id"], row["done_on"]) for row in rows}


async def record(tick: Tick, operations: Sequence[OperationEvent], *, publish: bool = True) -> int:
    """Stores decisions and their direct effects; how many were new. The same decision again is not.

    With `publish` False they were read from the log and are not sent again.
    """
    new = 0
    for operation in operations:
        added = await tick.connection.fetchval(
            tick.queries.add_operation,
            operation.operation_id,
            tick.number if publish else None,
            operation.operation,
            operation.subject,
            operation.author,
            operation.reason,
            operation.at,
            encode_json(operation.details).decode(),
        )
        if added is not None:
            new += 1
            await _take_effect(tick, operation)
    return new


async def _take_effect(tick: Tick, operation: OperationEvent) -> None:
    details = operation.details
    said = operation.author, operation.reason, operation.at
    match operation.operation:
        case "acknowledged":
            until = _instant(details.get("until"))
            await tick.connection.execute(
                tick.queries.put_acknowledgement,
                UUID(operation.subject),
                int(details["episode"]),
                until,
                *said,
            )
        case "silenced":
            await tick.connection.execute(
                tick.queries.put_silence,
                UUID(operation.subject),
                encode_json(details["matchers"]).decode(),
                _instant(details["starts_at"]),
                _instant(details["ends_at"]),
                *said,
                operation.author if details.get("ended") else None,
            )
        case "task_done":
            done_on = date.fromisoformat(details["done_on"])
            await tick.connection.execute(tick.queries.put_task_done, operation.subject, done_on, *said)


async def refresh_suppressed(tick: Tick) -> int:
    """Marks the states of pending and standing alerts anew; how many the state topic must learn of."""
    quiet = await quiet_at(tick)
    rows = await tick.connection.fetch(tick.queries.standing_alerts)
    changed = {
        row["alert_id"]: now_quiet
        for row in rows
        if (now_quiet := _is_quiet(quiet, row, tick.now)) != row["suppressed"]
    }
    if changed:
        await tick.mark_suppressed(changed)
    return len(changed)


def _is_quiet(quiet: Quiet, row: asyncpg.Record, now: datetime) -> bool:
    key = known_key(
        row["rule_id"], row["unit"], row["indicator"], row["calendar"], row["period"], row["basis"]
    )
    return quiet.suppresses(key, row["province"], row["severity"], row["episode"], now)


def _silence(row: asyncpg.Record) -> Silence:
    matchers: Mapping[str, Sequence[str]] = decode_json(row["matchers"].encode())
    return Silence(
        {name: frozenset(values) for name, values in matchers.items()}, row["starts_at"], row["ends_at"]
    )


def _instant(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
