"""How an alert's memory changes with an event, the same for every kind of rule. Decides nothing."""

from __future__ import annotations

from datetime import datetime

from chiso_shared.contracts.alert import AlertReading, AlertStateName, Transition

from chiso_alerts.core.state import AlertMemory, Change

Step = tuple[AlertMemory, tuple[Change, ...]]


def with_event(
    memory: AlertMemory,
    transition: Transition,
    reason: str,
    before: AlertReading | None,
    now: datetime,
    *,
    by_catalogue: bool = False,
) -> Step:
    """The memory after an event and the event itself. `memory.name` is the state already entered.

    `memory.reading` must be the reading of this event; `before` is the one to compare it with.
    `by_catalogue`: the reading is the old one, what it is held against has changed.
    """
    updates: dict[str, object] = {
        "sequence": memory.sequence + 1,
        "announced": memory.reading,
        "announced_target": memory.target.version if memory.target is not None else None,
        "last_event_at": now,
        "last_transition": transition,
        "last_reason": reason,
        "update_due": None,
    }
    if transition in ("opened", "reopened"):
        updates |= {"episode": memory.episode + 1, "opened_at": now, "resolved_at": None}
    if memory.name == "RESOLVED":
        updates["resolved_at"] = now
    after = memory.model_copy(update=updates)
    assert after.reading is not None  # noqa: S101 - an event always follows a reading
    return after, (Change(transition, reason, before, after.reading, after, now, by_catalogue),)


def left(memory: AlertMemory, name: AlertStateName, now: datetime) -> AlertMemory:
    """Another state, all timers ended."""
    timers = dict.fromkeys(("hold_until", "keep_until", "update_due", "entered_from", "pending_reason"))
    return memory.model_copy(update={**timers, "name": name, "updated_at": now})
