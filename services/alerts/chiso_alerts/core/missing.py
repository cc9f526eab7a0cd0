"""Rules of kind `missing`: who owes a dataset's report for a period and sent none (semantics §7). Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from chiso_shared.catalogue.catalogue import Catalogue
from chiso_shared.catalogue.periods import Period
from chiso_shared.catalogue.rules import Rule
from chiso_shared.catalogue.units import Unit
from chiso_shared.contracts.alert import AlertReading, Finality
from chiso_shared.contracts.fields import Basis, CalendarName, Phase
from chiso_shared.contracts.rollup import RollupEvent

from chiso_alerts.core.identity import AlertKey, known_key
from chiso_alerts.core.state import AlertMemory
from chiso_alerts.core.transition import Step, left, with_event


@dataclass(frozen=True, slots=True, order=True)
class DatasetKey:
    """One dataset of one province's units for one month."""

    province: str
    dataset: str
    calendar: CalendarName
    period: str
    basis: Basis

    def alert_key(self, rule_id: str, unit: str) -> AlertKey:
        """The alert about one of the units; the dataset's code stands as the indicator."""
        return known_key(rule_id, unit, self.dataset, self.calendar, self.period, self.basis)


@dataclass(frozen=True, slots=True)
class Receipts:
    """What the province's rollups of all indicators of a dataset say together.

    `version` is the sum of their versions: it grows with any of them, as long as the same are `obliged` in
    the same province.
    """

    key: DatasetKey
    missing: frozenset[str]
    phase: Phase
    version: int
    vintage: int
    latest: RollupEvent
    obliged: str = ""

    @property
    def closed(self) -> bool:
        """Whether every indicator of the dataset is closed for the province's period."""
        return self.phase == "closed"

    @property
    def finality(self) -> Finality:
        """As for every rollup: provisional until closed, restated after a change that followed."""
        if not self.closed:
            return "provisional"
        return "final" if self.vintage <= 1 else "restated"

    def rollup(self, unit: Unit, is_missing: bool) -> RollupEvent:
        """What is known of one unit's report, in the form in which every alert keeps its input."""
        return RollupEvent(
            unit=unit.code,
            level=unit.level,
            indicator=self.key.dataset,
            calendar=self.key.calendar,
            period=self.key.period,
            basis=self.key.basis,
            n_expected=1,
            n_reported=0 if is_missing else 1,
            phase=self.phase,
            vintage=self.vintage,
            version=self.version,
            causes=self.latest.causes,
            updated_at=self.latest.updated_at,
            catalogue_version=self.latest.catalogue_version,
            tick=self.latest.tick,
            mode=self.latest.mode,
        )


def obliged_indicators(
    catalogue: Catalogue, dataset: str, calendar: str, basis: str, period: Period
) -> frozenset[str]:
    """The indicators of a dataset that somebody owes for that period."""
    return frozenset(
        code
        for obligation in catalogue.obligations
        if obligation.dataset == dataset
        for code in obligation.indicators
        if obligation.obliges(obligation.level, code, calendar, period.frequency, basis, period.end)
    )


def receipts(
    key: DatasetKey, parts: Mapping[str, RollupEvent], obliged: Collection[str], rule: Rule
) -> Receipts | None:
    """Who is missing; None until every obliged indicator's rollup lists its missing units (from due on).

    By `received_by: any_indicator` (the default) a unit has reported with its first indicator of the dataset,
    by `every_indicator` with its last one.
    """
    lists = [parts[code].missing for code in obliged if code in parts]
    known = [frozenset(one) for one in lists if one is not None]
    if not obliged or len(known) < len(obliged):
        return None
    every = rule.parameters.get("received_by") == "every_indicator"
    missing = known[0].union(*known) if every else known[0].intersection(*known)
    owed = [parts[code] for code in sorted(obliged)]
    phases = {part.phase for part in owed}
    phase: Phase = "closed" if phases == {"closed"} else "reopened" if "reopened" in phases else "collecting"
    return Receipts(
        key=key,
        missing=missing,
        phase=phase,
        version=sum(part.version for part in owed),
        vintage=max(part.vintage for part in owed),
        latest=max(owed, key=lambda part: (part.tick, part.updated_at)),
        obliged=" ".join(sorted(obliged)),
    )


def step_missing(memory: AlertMemory, is_missing: bool, found: Receipts, rule: Rule, now: datetime) -> Step:
    """Opened at due, confirmed at close, resolved on receipt; a withdrawn report is missing again.

    Total. What is not newer than the receipts evaluated, under the same version of the rule, changes nothing.
    """
    seen, anew = memory.reading, _is_judged_anew(memory, found, rule)
    is_newer = seen is None or _is_newer(found, seen.rollup_version, anew)
    if not is_newer and not _has_moved(memory, found):
        return memory, ()
    before = memory.model_copy(
        update={
            "severity": rule.severity,
            "rule_version": rule.version,
            "retired": False,
            "obliged": found.obliged,
            "province": found.key.province,
            "reading": AlertReading(rollup_version=found.version, vintage=found.vintage),
            "phase": found.phase,
            "finality": found.finality,
            "updated_at": now,
        }
    )
    if is_missing:
        return _missing(memory, before, found, now, by_catalogue=anew)
    if not memory.standing:
        return before, ()
    late = found.closed and (memory.phase == "closed" or found.vintage > 1)
    reason = "received_late" if late else "received"
    return with_event(left(before, "RESOLVED", now), "resolved", reason, seen, now, by_catalogue=anew)


def _is_judged_anew(memory: AlertMemory, found: Receipts, rule: Rule) -> bool:
    """Whether there is another version of the rule, or it is back, or others are obliged, or elsewhere."""
    others = memory.obliged not in (None, found.obliged)
    return rule.version != memory.rule_version or memory.retired or others or _has_moved(memory, found)


def _has_moved(memory: AlertMemory, found: Receipts) -> bool:
    """Whether the unit was in another province, whose versions are no older and no newer than these."""
    return memory.province not in (None, found.key.province)


def _is_newer(found: Receipts, seen_version: int, is_judged_anew: bool) -> bool:
    """Receipts that are no newer count again only where they are judged anew, and only while open (row 18).

    Their versions are compared only among the same obliged indicators; the rows they come from are always
    the present ones.
    """
    return found.version > seen_version or (is_judged_anew and not found.closed)


def _missing(
    memory: AlertMemory, before: AlertMemory, found: Receipts, now: datetime, *, by_catalogue: bool
) -> Step:
    standing, seen = left(before, "FIRING", now), memory.reading
    if not memory.standing:
        if memory.episode:
            reason = "rule_changed" if memory.retired else "withdrawn"
            return with_event(standing, "reopened", reason, seen, now, by_catalogue=by_catalogue)
        return with_event(standing, "opened", "close" if found.closed else "due", seen, now)
    if found.closed and memory.phase != "closed":
        return with_event(standing, "confirmed", "close", seen, now, by_catalogue=by_catalogue)
    return standing, ()
