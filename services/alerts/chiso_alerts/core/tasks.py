"""Rules of kind `task`: deadlines of the task register (semantics §7). Pure: today comes in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from chiso_shared.catalogue.registers import Task
from chiso_shared.catalogue.rules import Rule
from chiso_shared.catalogue.units import Unit
from chiso_shared.contracts.alert import AlertReading
from chiso_shared.contracts.fields import Phase, Severity
from chiso_shared.contracts.rollup import RollupEvent

from chiso_alerts.core.identity import AlertKey
from chiso_alerts.core.limits import GRAVITY
from chiso_alerts.core.state import AlertMemory
from chiso_alerts.core.transition import Step, left, with_event

TaskStanding = Literal["not_watched", "on_track", "due_soon", "overdue", "done", "done_late"]


@dataclass(frozen=True, slots=True)
class TaskDone:
    """Somebody has said that a task is done, and on which day it was."""

    task_id: str
    done_on: date


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as it stands today. `days` are counted from its due date, negative before it."""

    task: Task
    standing: TaskStanding
    days: int | None
    severity: Severity | None

    @property
    def phase(self) -> Phase:
        """Open until due, then collecting; closed when done."""
        if self.standing in ("done", "done_late"):
            return "closed"
        return "collecting" if self.standing == "overdue" else "open"


def view_of(task: Task, rule: Rule, done: TaskDone | None, today: date) -> TaskView:
    """How a task stands. Without a due date or with an unknown status it is not watched at all."""
    if task.due_date is None or (not task.status_if_known and done is None):
        return TaskView(task, "not_watched", None, None)
    days = (today - task.due_date).days
    if done is not None:
        return TaskView(task, "done_late" if done.done_on > task.due_date else "done", days, None)
    if _said_done(task, rule):
        return TaskView(task, "done", days, None)
    passed = [level.severity for level in rule.severities if level.enter <= days]
    if not passed:
        return TaskView(task, "on_track", days, None)
    severity = max(passed, key=lambda word: GRAVITY[word])
    return TaskView(task, "overdue" if days > 0 else "due_soon", days, severity)


def _said_done(task: Task, rule: Rule) -> bool:
    words = [word for word in rule.parameters.get("done_statuses", "done").split(";") if word]
    return task.status_if_known.startswith(tuple(words))


def task_key(task: Task, rule: Rule) -> AlertKey:
    """The alert about a task with a due date: its id stands as the indicator, its month as the period."""
    assert task.due_date is not None  # noqa: S101 - only watched tasks have alerts
    period = f"{task.due_date:%Y-%m}"
    return AlertKey(rule.id, task.unit, task.id, rule.calendars[0], period, rule.bases[0])


def is_about(key: AlertKey, task: Task | None, rule: Rule) -> bool:
    """Whether an alert is still the one about that task: it may be gone, or due in another month."""
    return task is not None and task.due_date is not None and task_key(task, rule) == key


def task_rollup(
    view: TaskView, key: AlertKey, unit: Unit, now: datetime, catalogue_version: str
) -> RollupEvent:
    """What is known of a task, in the form in which every alert keeps its input."""
    return RollupEvent(
        unit=key.unit,
        level=unit.level,
        indicator=key.indicator,
        calendar=key.calendar,
        period=key.period,
        basis=key.basis,
        value=None if view.days is None else Decimal(view.days),
        phase=view.phase,
        vintage=0,
        version=0,
        causes=("report",) if view.phase == "closed" else (),
        updated_at=now,
        catalogue_version=catalogue_version,
        tick=0,
    )


def step_task(memory: AlertMemory, view: TaskView, rule: Rule, now: datetime) -> Step:
    """Due soon opens, overdue makes it graver, done ends it. Total; the same standing again changes nothing.

    The reading's value is the number of days from the due date; its version counts the alert's events.
    """
    days = None if view.days is None else Decimal(view.days)
    reading = AlertReading(value=days, rollup_version=memory.sequence + 1, vintage=0)
    after = memory.model_copy(
        update={
            "rule_version": rule.version,
            "reading": reading,
            "phase": view.phase,
            "finality": "final" if view.phase == "closed" else "provisional",
        }
    )
    if view.severity is None:
        if not memory.standing:
            return memory, ()
        ended = left(after, "RESOLVED", now)
        if view.standing in ("done", "done_late"):
            return with_event(ended, "resolved", view.standing, memory.reading, now)
        return with_event(ended, "retracted", "reference", memory.reading, now)
    firing = left(after.model_copy(update={"severity": view.severity}), "FIRING", now)
    if not memory.standing:
        transition: Literal["reopened", "opened"] = "reopened" if memory.episode else "opened"
        return with_event(firing, transition, view.standing, memory.reading, now)
    if view.severity != memory.severity:
        return with_event(firing, "updated", view.standing, memory.reading, now)
    return memory, ()
