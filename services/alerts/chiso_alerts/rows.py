"""How values become the rows of alerts' tables, and rows become values. Talks to no database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from chiso_shared.contracts.codec import decode_model, encode_json
from chiso_shared.contracts.rollup import RollupEvent
from chiso_shared.runtime.consumer import Record

from chiso_alerts.core.arrival import Arrival
from chiso_alerts.core.evaluate import Evaluated
from chiso_alerts.core.state import NEVER_SEEN, AlertMemory
from chiso_alerts.remembered import Remembered


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that could not be applied, and why."""

    record: Record
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert whose timer is due, or whose rule must be looked at again, with the rollup it last saw."""

    alert_id: UUID
    rule_id: str
    arrival: Arrival


def alert_row(result: Evaluated, memory_text: str) -> tuple[Any, ...]:
    key, memory = result.key, result.memory
    return (
        key.alert_id,
        key.rule,
        key.unit,
        key.indicator,
        key.calendar,
        key.period,
        key.basis,
        result.rollup.level,
        result.province,
        memory.name,
        memory.severity,
        result.rollup.phase,
        memory.finality,
        memory.episode,
        memory.sequence,
        memory.rule_version or "",
        memory.reading.rollup_version if memory.reading is not None else 0,
        memory.due_at,
        memory.updated_at,
        memory_text,
        as_json(result.document),
        result.suppressed,
        memory.resolved_at,
        as_json(result.rollup) if result.owns_input else None,
    )


def rollup_key(rollup: RollupEvent) -> tuple[str, str, str, str, str]:
    return rollup.unit, rollup.indicator, rollup.calendar, rollup.period, rollup.basis


def memory_of(row: asyncpg.Record, remembered: Remembered) -> AlertMemory:
    """What is remembered, its counters raised above what has been published before."""
    text = row["memory"]
    memory = NEVER_SEEN if text is None else remembered.read(row["alert_id"], text)
    if row["floor_sequence"] is None or row["floor_sequence"] <= memory.sequence:
        return memory
    episode = max(memory.episode, row["floor_episode"])
    return memory.model_copy(update={"sequence": row["floor_sequence"], "episode": episode})


def waiting_of(rows: Iterable[asyncpg.Record]) -> list[Waiting]:
    return [Waiting(row["alert_id"], row["rule_id"], arrival_of(row)) for row in rows]


def arrival_of(row: asyncpg.Record) -> Arrival:
    return Arrival(decode_model(RollupEvent, row["body"].encode()), row["traceparent"])


def as_json(value: Any) -> str:
    return encode_json(value).decode()


def by_column(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
