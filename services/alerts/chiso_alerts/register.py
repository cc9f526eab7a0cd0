"""The register of tasks under the rules of kind `task`, within a tick. Decides nothing itself."""

from __future__ import annotations

from collections.abc import Sequence

from chiso_shared.catalogue.periods import HO_CHI_MINH
from chiso_shared.catalogue.rules import Rule

from chiso_alerts.core.evaluate import Evaluated, Ledger
from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.core.tasks import TaskView, task_key, view_of
from chiso_alerts.decisions import quiet_at, tasks_done
from chiso_alerts.store import Tick


async def look_at_tasks(tick: Tick, book: RuleBook, only: Sequence[str] = ()) -> tuple[Evaluated, ...]:
    """What becomes of the tasks' alerts today; `only` names the tasks to look at, none of them: all."""
    pairs = await views(tick, book, only)
    ids = [task_key(view.task, rule).alert_id for rule, view in pairs if view.task.due_date is not None]
    ledger = Ledger(book, await tick.memories(ids), tick.now, await quiet_at(tick))
    for rule, view in pairs:
        ledger.apply_task(view, rule)
    return ledger.results()


async def views(tick: Tick, book: RuleBook, only: Sequence[str] = ()) -> list[tuple[Rule, TaskView]]:
    """How the tasks stand today under each rule that watches tasks of their unit's level."""
    today = tick.now.astimezone(HO_CHI_MINH).date()
    done = await tasks_done(tick)
    found: list[tuple[Rule, TaskView]] = []
    for rule in book.of_kind("task"):
        for task in book.tasks.values():
            unit = book.catalogue.units.get(task.unit, today)
            if unit is not None and unit.level in rule.levels and (not only or task.id in only):
                found.append((rule, view_of(task, rule, done.get(task.id), today)))
    return found
