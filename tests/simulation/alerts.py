"""Alerts in the simulation: its core decides, dictionaries stand where PostgreSQL stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from chiso_alerts.core import evaluate, told
from chiso_alerts.core.arrival import Arrival
from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.core.state import AlertMemory
from chiso_shared.catalogue import Catalogue
from chiso_shared.contracts.codec import decode_model, encode_json
from chiso_shared.contracts.rollup import RollupEvent

from tests.simulation.indicators import Crash, OffsetsMoved
from tests.simulation.log import Message


@dataclass(frozen=True)
class Sent:
    """An event as a subscriber gets it."""

    alert_id: str
    ce_id: str
    sequence: int
    transition: str
    state: str


@dataclass
class Alerts:
    """The store and what works on it; `evaluated` remembers what was looked at, in the order of commits."""

    catalogue: Catalogue
    offsets: list[int] = field(default_factory=lambda: [0] * 12)
    memories: dict[UUID, AlertMemory] = field(default_factory=dict)
    states: dict[UUID, Any] = field(default_factory=dict)
    seen: dict[str, Arrival] = field(default_factory=dict)
    rule_of: dict[UUID, tuple[str, str]] = field(default_factory=dict)
    facts: list[told.Fact] = field(default_factory=list)
    evaluated: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    unpublished: list[tuple[list[told.Fact], list[UUID]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book = RuleBook.of(self.catalogue)

    def apply(self, batch: Sequence[Message], now: datetime, crash: str | None) -> None:
        """One batch as one transaction. A compacted log may have holes, but never goes back."""
        after = list(self.offsets)
        for partition in {message.partition for message in batch}:
            first = next(message.offset for message in batch if message.partition == partition)
            if first < after[partition]:
                raise OffsetsMoved
        for message in batch:
            after[message.partition] = message.offset + 1
        self._look([_arrival(message) for message in batch], now, crash)
        self.offsets = after
        if crash == "after commit":
            raise Crash

    def reload(self, messages: Sequence[Message], now: datetime) -> None:
        """Records that were seen long ago come again, beside the offsets."""
        self._look([_arrival(message) for message in messages], now, None)

    def fire(self, now: datetime) -> None:
        """The ticker: alerts whose timer is due."""
        due = [
            key for key, memory in self.memories.items() if memory.due_at is not None and memory.due_at <= now
        ]
        if not due:
            return
        ledger = evaluate.Ledger(self.book, {key: self.memories[key] for key in due}, now)
        for key in sorted(due):
            rule, rollup = self.rule_of[key]
            ledger.apply_rule(self.seen[rollup], self.book.rules[rule])
        self._commit(ledger.results())

    def _look(self, arrivals: Sequence[Arrival], now: datetime, crash: str | None) -> None:
        ledger = evaluate.Ledger(self.book, dict(self.memories), now)
        for arrival in arrivals:
            ledger.apply(arrival)
        results = ledger.results()
        if crash == "before commit":
            raise Crash
        for arrival in arrivals:
            key = arrival.rollup.key
            if key not in self.seen or self.seen[key].rollup.version < arrival.rollup.version:
                self.seen[key] = arrival
                self.evaluated.setdefault(key, []).append(arrival.rollup.model_dump())
        self._commit(results)

    def _commit(self, results: Sequence[evaluate.Evaluated]) -> None:
        if not results:
            return
        facts = [fact for one in results for fact in one.facts]
        for one in results:
            alert_id = one.key.alert_id
            # As it is stored: through its text and back.
            self.memories[alert_id] = decode_model(AlertMemory, encode_json(one.memory))
            self.rule_of[alert_id] = (one.key.rule, one.rollup.key)
            if one.published:
                self.states[alert_id] = one.state if one.memory.visible else None
        self.facts.extend(facts)
        self.unpublished.append((facts, [one.key.alert_id for one in results if one.published]))


def _arrival(message: Message) -> Arrival:
    return Arrival(decode_model(RollupEvent, message.value), None)
