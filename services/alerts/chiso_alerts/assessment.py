"""Loads what the rules need beside the arrivals themselves, and lets the core judge. Stores nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chiso_shared.catalogue.rules import Rule

from chiso_alerts.core.arrival import Arrival
from chiso_alerts.core.evaluate import Evaluated, Ledger
from chiso_alerts.core.identity import key_of
from chiso_alerts.core.missing import DatasetKey, Receipts, receipts
from chiso_alerts.core.rulebook import RollupKey, RuleBook
from chiso_alerts.decisions import quiet_at
from chiso_alerts.rows import Waiting
from chiso_alerts.store import Tick


@dataclass(frozen=True, slots=True)
class Overdue:
    """A missing rule, what it sees, and the units that have an alert of it already."""

    rule: Rule
    found: Receipts
    units: tuple[str, ...]

    @property
    def concerned(self) -> list[str]:
        """Every unit whose alert may change."""
        return sorted(self.found.missing.union(self.units))


async def assess(
    tick: Tick,
    book: RuleBook,
    arrivals: Sequence[Arrival],
    first_started_at: datetime,
    *,
    new_rule: bool = False,
) -> tuple[Evaluated, ...]:
    """What becomes of every alert that these rollups say something about, in the order of the arrivals.

    The rollups have been remembered in this tick. `new_rule`: they are old, it is the rules that are new.
    """
    whole = await with_neighbours(tick, book, arrivals)
    overdue = await _overdue(tick, book, arrivals, first_started_at)
    ids = [key_of(rule.id, one.rollup).alert_id for one in whole for rule in book.covering(one.rollup)]
    ids += [one.found.key.alert_key(one.rule.id, unit).alert_id for one in overdue for unit in one.concerned]
    ledger = Ledger(book, await tick.memories(ids), tick.now, await quiet_at(tick))
    for arrival in whole:
        for rule in book.covering(arrival.rollup):
            ledger.apply_rule(arrival, rule, new_rule=new_rule)
    for one in overdue:
        ledger.apply_receipts(one.found, one.rule, one.units)
    return ledger.results()


async def look_again(tick: Tick, book: RuleBook, waiting: Sequence[Waiting]) -> tuple[Evaluated, ...]:
    """Alerts whose timer is due, with what they last saw."""
    whole = await with_neighbours(tick, book, [one.arrival for one in waiting])
    previous = {one.rollup.key: one.previous for one in whole if not one.moved_by_previous}
    ids = [one.alert_id for one in waiting]
    ledger = Ledger(book, await tick.memories(ids), tick.now, await quiet_at(tick))
    for one in waiting:
        rule = book.rules.get(one.rule_id)
        if rule is not None and book.covers(rule, one.arrival.rollup):
            ledger.apply_rule(replace(one.arrival, previous=previous.get(one.arrival.rollup.key)), rule)
    return ledger.results()


async def with_neighbours(tick: Tick, book: RuleBook, arrivals: Iterable[Arrival]) -> list[Arrival]:
    """The arrivals with the periods before them where falls are measured, and then the periods after them."""
    arrivals = list(arrivals)
    before = [book.neighbour(one.rollup, -1) for one in arrivals]
    after = [book.neighbour(one.rollup, 1) for one in arrivals]
    wanted = [key for key in (*before, *after) if key is not None]
    wanted += [_key(one) for one, key in zip(arrivals, after, strict=True) if key is not None]
    if not wanted:
        return arrivals
    seen = await tick.seen(wanted)
    whole: list[Arrival] = []
    for one, earlier_key, later_key in zip(arrivals, before, after, strict=True):
        earlier, later = _found(seen, earlier_key), _found(seen, later_key)
        whole.append(replace(one, previous=earlier.rollup if earlier is not None else None))
        newest = seen.get(_key(one), one)
        if later is not None:
            following = replace(later, traceparent=one.traceparent, previous=newest.rollup)
            whole.append(replace(following, moved_by_previous=True))
    return whole


async def _overdue(
    tick: Tick, book: RuleBook, arrivals: Sequence[Arrival], first_started_at: datetime
) -> list[Overdue]:
    """The datasets that the arrivals say something about, where the due instant has passed."""
    wanted: dict[tuple[str, DatasetKey], Rule] = {}
    for one in arrivals:
        if one.rollup.missing is not None:
            for rule, key in book.watched_datasets(one.rollup):
                if _counts(book, key, first_started_at):
                    wanted[rule.id, key] = rule
    obliged = {key: book.obliged(key) for _, key in wanted}
    seen = await tick.seen(
        (key.province, code, key.calendar, key.period, key.basis)
        for key, codes in obliged.items()
        for code in codes
    )
    found: list[tuple[tuple[str, DatasetKey], Rule, Receipts]] = []
    for (rule_id, key), rule in sorted(wanted.items()):
        parts = {
            code: seen[place].rollup
            for code in obliged[key]
            if (place := (key.province, code, key.calendar, key.period, key.basis)) in seen
        }
        read = receipts(key, parts, obliged[key], rule)
        if read is not None:
            found.append(((rule_id, key), rule, read))
    units = await tick.missing_alerts([place for place, _, _ in found])
    return [Overdue(rule, read, tuple(known)) for (_, rule, read), known in zip(found, units, strict=True)]


def _counts(book: RuleBook, key: DatasetKey, first_started_at: datetime) -> bool:
    """Only due instants after the installation's first start are anybody's fault (semantics §7)."""
    period = book.period(key.calendar, key.period)
    return period is not None and period.due_at("province") > first_started_at


def _key(one: Arrival) -> RollupKey:
    rollup = one.rollup
    return rollup.unit, rollup.indicator, rollup.calendar, rollup.period, rollup.basis


def _found(seen: dict[RollupKey, Arrival], key: RollupKey | None) -> Arrival | None:
    return seen.get(key) if key is not None else None
