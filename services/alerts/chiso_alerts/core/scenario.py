"""Tries rules on a story told in steps, before they are used: what happens, beside what was expected. Pure.

A story is a document of texts, lists and mappings as `seeds/README.md` explains; numbers are texts and stay
exact. It runs through the same functions as the service, on memories of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from chiso_shared.catalogue.periods import HO_CHI_MINH
from chiso_shared.contracts.rollup import RollupEvent, RollupTarget
from pydantic import ValidationError

from chiso_alerts.core.arrival import Arrival
from chiso_alerts.core.evaluate import Evaluated, Ledger
from chiso_alerts.core.missing import DatasetKey, Receipts
from chiso_alerts.core.rulebook import RollupKey, RuleBook
from chiso_alerts.core.state import AlertMemory
from chiso_alerts.core.tasks import TaskDone, view_of

_STEP_FIELDS: Final = ("at", "after_seconds", "rollup", "missing", "task", "expect")
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)


class BadScenario(ValueError):
    """A story that cannot be told; the text says which step and why."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A step at which something else happened than was expected; steps count from 1."""

    step: int
    expected: tuple[str, ...]
    happened: tuple[str, ...]


@dataclass(slots=True)
class _Telling:
    """One story under way."""

    book: RuleBook
    common: Mapping[str, Any]
    now: datetime = _START
    version: int = 0
    memories: dict[UUID, AlertMemory] = field(default_factory=dict)
    seen: dict[RollupKey, Arrival] = field(default_factory=dict)

    def tell(self, step: Mapping[str, Any]) -> tuple[str, ...]:
        """What happens at a step, `RULE: TRANSITION (REASON) SEVERITY` for each event, by rule."""
        unknown = sorted(set(step) - set(_STEP_FIELDS))
        if unknown:
            raise BadScenario(f"unknown: {', '.join(unknown)}; a step has {', '.join(_STEP_FIELDS)}")
        if "at" in step:
            self.now = _instant(step["at"])
        self.now += timedelta(seconds=float(step.get("after_seconds", 0)))
        ledger = Ledger(self.book, self.memories, self.now)
        if "rollup" in step:
            self._see(ledger, step["rollup"])
        elif "missing" in step:
            self._miss(ledger, step["missing"])
        elif "task" in step:
            self._task(ledger, step["task"])
        else:
            for arrival in self.seen.values():
                ledger.apply(arrival)
        return tuple(sorted(self._keep(ledger.results())))

    def _keep(self, results: Sequence[Evaluated]) -> list[str]:
        happened: list[str] = []
        for result in results:
            self.memories[result.key.alert_id] = result.memory
            for fact in result.facts:
                event = fact.event
                happened.append(
                    f"{result.key.rule}: {event.transition} ({event.reason}) {event.severity or ''}".strip()
                )
        return happened

    def _see(self, ledger: Ledger, changes: Mapping[str, Any]) -> None:
        self.version += 1
        document = {
            "phase": "collecting",
            "vintage": 0,
            "causes": ["report"],
            "value_source": "none" if changes.get("value") in (None, "") else "computed",
            "updated_at": self.now,
            "catalogue_version": self.book.catalogue.version,
            "version": self.version,
            "tick": self.version,
            **self.common,
            **changes,
        }
        rollup = RollupEvent.model_validate({name: value for name, value in document.items() if value != ""})
        if "target" not in document:
            rollup = rollup.model_copy(update={"target": self._target(rollup)})
        before, after = self.book.neighbour(rollup, -1), self.book.neighbour(rollup, 1)
        earlier = self.seen.get(before) if before is not None else None
        arrival = Arrival(rollup, previous=earlier.rollup if earlier is not None else None)
        self.seen[rollup.unit, rollup.indicator, rollup.calendar, rollup.period, rollup.basis] = arrival
        ledger.apply(arrival)
        if after is not None and after in self.seen:
            later = Arrival(self.seen[after].rollup, previous=rollup, moved_by_previous=True)
            self.seen[after] = Arrival(later.rollup, previous=rollup)
            ledger.apply(later)

    def _target(self, rollup: RollupEvent) -> RollupTarget | None:
        period = self.book.period(rollup.calendar, rollup.period)
        if period is None:
            raise BadScenario(f"{rollup.period} is no period of the {rollup.calendar} calendar")
        found = self.book.catalogue.targets.find(
            rollup.indicator, rollup.unit, rollup.level, rollup.calendar, period, rollup.basis
        )
        names = ("comparator", "value", "exit_value", "severity", "version")
        if found is None:
            return None
        return RollupTarget.model_validate({name: getattr(found, name) for name in names})

    def _miss(self, ledger: Ledger, given: Mapping[str, Any]) -> None:
        self.version += 1
        key = DatasetKey(
            given["province"], given["dataset"], given["calendar"], given["period"], given["basis"]
        )
        latest = RollupEvent(
            unit=key.province,
            level="province",
            indicator=key.dataset,
            calendar=key.calendar,
            period=key.period,
            basis=key.basis,
            phase=given.get("phase", "collecting"),
            vintage=int(given.get("vintage", 0)),
            version=self.version,
            causes=tuple(given.get("causes", ("report",))),
            updated_at=self.now,
            catalogue_version=self.book.catalogue.version,
            tick=self.version,
        )
        missing = frozenset(given.get("units", ()))
        found = Receipts(key, missing, latest.phase, self.version, latest.vintage, latest)
        known = [unit.code for unit in self.book.catalogue.units.all() if unit.parent == key.province]
        for rule in self.book.of_kind("missing"):
            if key.dataset in rule.indicators:
                ledger.apply_receipts(found, rule, known)

    def _task(self, ledger: Ledger, given: Mapping[str, Any]) -> None:
        task = self.book.tasks.get(str(given.get("id")))
        if task is None:
            raise BadScenario(f"{given.get('id')!r} is no task")
        done_on = given.get("done_on")
        done = TaskDone(task.id, date.fromisoformat(done_on)) if done_on else None
        today = self.now.astimezone(HO_CHI_MINH).date()
        for rule in self.book.of_kind("task"):
            ledger.apply_task(view_of(task, rule, done, today), rule)


def differences(book: RuleBook, story: Mapping[str, Any]) -> list[Difference]:
    """Where a story went another way than expected. Raises BadScenario when it cannot be told.

    An expectation may leave out the severity.
    """
    telling = _Telling(book, story.get("rollup", {}))
    found: list[Difference] = []
    for number, step in enumerate(story.get("steps", ()), 1):
        try:
            happened = telling.tell(step)
        except (ValidationError, KeyError, TypeError, ValueError) as error:
            raise BadScenario(f"step {number}: {_first_line(error)}") from error
        expected = tuple(sorted(step.get("expect", ())))
        if not _agree(expected, happened):
            found.append(Difference(number, expected, happened))
    return found


def _agree(expected: Sequence[str], happened: Sequence[str]) -> bool:
    pairs = zip(expected, happened, strict=False)
    return len(expected) == len(happened) and all(
        wanted in (real, real.rsplit(" ", 1)[0]) for wanted, real in pairs
    )


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=HO_CHI_MINH)


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
