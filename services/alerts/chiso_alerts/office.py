"""Carries out what people decided: the operation, its effect and the alerts it touches in one tick.

It is handed requests that were checked and keys that may make them; it refuses only what does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Any, Final, Literal
from uuid import UUID

import asyncpg
from chiso_shared.catalogue.periods import HO_CHI_MINH
from chiso_shared.contracts.codec import decode_json
from chiso_shared.contracts.events import content_id, rfc3339
from chiso_shared.contracts.operation import OperationEvent
from chiso_shared.runtime.postgres import Database, Queries, load_queries

from chiso_alerts.books import Books
from chiso_alerts.core.permission import Operator
from chiso_alerts.core.requests import Acknowledge, MarkDone, NewSilence, Said
from chiso_alerts.decisions import record, refresh_suppressed
from chiso_alerts.metrics import AlertMetrics
from chiso_alerts.register import look_at_tasks, views
from chiso_alerts.store import PACKAGE, Store, Tick

MOST_SILENCES: Final = 1_000


class Office:
    """Decisions in, facts out. `committed` is told after every stored decision."""

    def __init__(
        self,
        store: Store,
        database: Database,
        books: Books,
        metrics: AlertMetrics,
        committed: Callable[[], None],
    ) -> None:
        self._store = store
        self._database = database
        self._books = books
        self._metrics = metrics
        self._committed = committed
        self._queries: Queries = load_queries(PACKAGE)

    def ancestors(self, unit: str, now: datetime) -> Sequence[str]:
        """The codes above a unit today."""
        return self._books.current.catalogue.units.ancestors(unit, now.date())

    async def alert(self, alert_id: UUID) -> Mapping[str, Any] | None:
        """What a decision about an alert needs to know of it; None if there is none."""
        row = await self._database.pool.fetchrow(self._queries.alert_for_decision, alert_id)
        return None if row is None else dict(row)

    async def acknowledge(self, alert_id: UUID, asked: Acknowledge, operator: Operator) -> dict[str, Any]:
        """Takes on the present episode of an alert that is known to exist."""
        async with self._store.tick() as tick:
            alert = await tick.connection.fetchrow(tick.queries.alert_for_decision, alert_id)
            if alert is None:
                raise LookupError(f"the alert {alert_id} is gone")
            details = {"episode": alert["episode"], "until": _text(asked.until)}
            decided = await _acknowledgement(tick, alert_id, asked, operator, details)
            await self._settle(tick, decided)
        self._committed()
        return {"alert_id": alert_id, **_shown(decided)}

    async def silence(self, asked: NewSilence, operator: Operator) -> dict[str, Any]:
        """Begins a silence."""
        async with self._store.tick() as tick:
            starts_at = asked.starts_at or tick.now
            matchers = {name: list(values) for name, values in sorted(asked.matchers.items())}
            silence_id = await _silence_id(tick, asked, matchers)
            details = {
                "silence_id": silence_id,
                "matchers": matchers,
                "starts_at": _text(starts_at),
                "ends_at": _text(asked.ends_at),
            }
            decided = _operation("silenced", silence_id, asked, operator, tick.now, details, salt=silence_id)
            await self._settle(tick, decided)
            shown = await _one_silence(tick, UUID(silence_id))
        self._committed()
        return shown

    async def one_silence(self, silence_id: UUID) -> dict[str, Any] | None:
        """A silence; None if there is none."""
        row = await self._database.pool.fetchrow(self._queries.one_silence, silence_id)
        return None if row is None else _silence(row)

    async def silences(self, now: datetime, *, past: bool) -> list[dict[str, Any]]:
        """Those that have not ended, with `past` all, the one that ends last first."""
        rows = await self._database.pool.fetch(self._queries.list_silences, past, now, MOST_SILENCES)
        return [_silence(row) for row in rows]

    async def end_silence(self, silence_id: UUID, said: Said, operator: Operator) -> dict[str, Any]:
        """Ends a silence that is known to exist, now; one that is over stays as it ended."""
        async with self._store.tick() as tick:
            row = await tick.connection.fetchrow(tick.queries.one_silence, silence_id)
            if row is None:
                raise LookupError(f"the silence {silence_id} is gone")
            if row["ends_at"] > tick.now:
                details = {
                    "silence_id": str(silence_id),
                    "matchers": decode_json(row["matchers"].encode()),
                    "starts_at": _text(row["starts_at"]),
                    "ends_at": _text(tick.now),
                    "ended": True,
                }
                salt = f"{silence_id} ended"
                decided = _operation(
                    "silenced", str(silence_id), said, operator, tick.now, details, salt=salt
                )
                await self._settle(tick, decided)
            shown = await _one_silence(tick, silence_id)
        self._committed()
        return shown

    async def _settle(self, tick: Tick, decided: OperationEvent) -> None:
        """The decision, and the states that are or are no longer suppressed by it."""
        new = await record(tick, [decided])
        await refresh_suppressed(tick)
        await tick.finish((), further_messages=new)

    # Tasks

    def task_unit(self, task_id: str) -> str | None:
        """The unit of a task; None if there is no such task."""
        task = self._books.current.tasks.get(task_id)
        return None if task is None else task.unit

    async def mark_done(self, task_id: str, asked: MarkDone, operator: Operator) -> dict[str, Any]:
        """A task that is known to exist is done; the first word on it stands."""
        book = self._books.current
        async with self._store.tick() as tick:
            done_on = asked.done_on or tick.now.astimezone(HO_CHI_MINH).date()
            details = {"done_on": done_on.isoformat()}
            decided = _operation("task_done", task_id, asked, operator, tick.now, details, salt=task_id)
            new = await record(tick, [decided])
            results = await look_at_tasks(tick, book, (task_id,)) if new else ()
            await tick.finish(results, further_messages=new)
        self._metrics.evaluated(results)
        self._committed()
        return next(one for one in await self.tasks() if one["id"] == task_id)

    async def tasks(self) -> list[dict[str, Any]]:
        """The register as it stands today, with the alerts about it."""
        book = self._books.current
        async with self._store.look() as tick:
            pairs = await views(tick, book)
            done = {row["task_id"]: row for row in await tick.connection.fetch(tick.queries.tasks_done)}
            alerts: dict[str, asyncpg.Record] = {}
            for rule in book.of_kind("task"):
                rows = await tick.connection.fetch(tick.queries.states_of_tasks, rule.id)
                alerts |= {row["task_id"]: row for row in rows}
        return [
            {
                "id": view.task.id,
                "unit": view.task.unit,
                "text_vi": view.task.text_vi,
                "text_en": view.task.text_en,
                "owner": view.task.owner,
                "due_date": view.task.due_date.isoformat() if view.task.due_date else None,
                "count": view.task.count,
                "status": view.task.status_if_known,
                "standing": view.standing,
                "days_from_due": view.days,
                "done": _done(done.get(view.task.id)),
                "alert": _alert(alerts.get(view.task.id)),
            }
            for _, view in pairs
        ]


def _operation(
    operation: Literal["acknowledged", "silenced", "task_done"],
    subject: str,
    said: Said,
    operator: Operator,
    now: datetime,
    details: Mapping[str, Any],
    *,
    salt: str | None = None,
    again: int = 0,
) -> OperationEvent:
    """The fact. The same request has the same id, so that a retry is not a second decision; `again` counts
    the decisions in the same words.
    """
    whole = {**details, "key_id": operator.key_id, "agency": operator.agency}
    cause = (salt,) if salt is not None else (said.author, said.reason, *map(str, details.values()))
    return OperationEvent(
        operation_id=UUID(content_id("operation", operation, subject, *cause, *([again] if again else []))),
        operation=operation,
        subject=subject,
        author=said.author,
        reason=said.reason,
        at=now,
        details=whole,
    )


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant)


def _shown(decided: OperationEvent) -> dict[str, Any]:
    return {
        "operation_id": decided.operation_id,
        "author": decided.author,
        "reason": decided.reason,
        "at": decided.at,
        **decided.details,
    }


async def _acknowledgement(
    tick: Tick, alert_id: UUID, asked: Acknowledge, operator: Operator, details: Mapping[str, Any]
) -> OperationEvent:
    """The same request is the same decision: a retry is no second one, unless another has come between."""
    for again in count():
        decided = _operation("acknowledged", str(alert_id), asked, operator, tick.now, details, again=again)
        row = await tick.connection.fetchrow(
            tick.queries.known_acknowledgement, decided.operation_id, alert_id
        )
        if row is None:
            return decided
        if row["stands"]:
            return decided.model_copy(update={"at": row["at"]})
    raise AssertionError("unreachable: some number is free")


async def _silence_id(tick: Tick, asked: NewSilence, matchers: Mapping[str, list[str]]) -> str:
    """The same request is the same silence, so that a retry begins no second one; not once it was ended."""
    cause = (matchers, _text(asked.starts_at), _text(asked.ends_at), asked.author, asked.reason)
    found = content_id("silence", *cause)
    for number in count(1):
        row = await tick.connection.fetchrow(tick.queries.one_silence, UUID(found))
        if row is None or row["ended_by"] is None:
            break
        found = content_id("silence", *cause, number)
    return found


async def _one_silence(tick: Tick, silence_id: UUID) -> dict[str, Any]:
    row = await tick.connection.fetchrow(tick.queries.one_silence, silence_id)
    if row is None:
        raise LookupError(f"the silence {silence_id} is gone")
    return _silence(row)


def _silence(row: asyncpg.Record) -> dict[str, Any]:
    return {**dict(row), "matchers": decode_json(row["matchers"].encode())}


def _done(row: asyncpg.Record | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "done_on": row["done_on"].isoformat(),
        "author": row["author"],
        "reason": row["reason"],
        "at": row["at"],
    }


def _alert(row: asyncpg.Record | None) -> dict[str, Any] | None:
    return (
        None if row is None else {name: row[name] for name in ("alert_id", "state", "severity", "suppressed")}
    )
