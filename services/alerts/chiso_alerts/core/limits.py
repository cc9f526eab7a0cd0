"""What a reading is held against: the levels of a rule, or else of the target in force. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, cast, get_args

from chiso_shared.catalogue.rules import Rule, SeverityLevel
from chiso_shared.contracts.alert import AlertTarget
from chiso_shared.contracts.fields import Comparator, Severity
from chiso_shared.contracts.rollup import RollupTarget

from chiso_alerts.core.intervals import Interval

GRAVITY: Final[Mapping[str, int]] = {severity: rank for rank, severity in enumerate(get_args(Severity))}


@dataclass(frozen=True, slots=True)
class Limits:
    """Severity levels, the mildest first. `comparator` `ge`: a breach lies below `enter`; `le`: above it."""

    comparator: Comparator
    levels: tuple[SeverityLevel, ...]
    version: str

    def entered(self, interval: Interval) -> Severity | None:
        """The gravest severity whose `enter` the whole interval has passed; None when there is no breach."""
        passed = [level.severity for level in self.levels if self._beyond(interval, level.enter)]
        return passed[-1] if passed else None

    def left(self, interval: Interval, severity: Severity | None) -> bool:
        """Whether the whole interval is at or on the good side of that severity's `exit`.

        A severity that the limits do not know any more is left.
        """
        level = self.level(severity)
        return level is None or self._at_least(interval, level.exit)

    def recovered(self, interval: Interval) -> bool:
        """Whether the exits of all severities hold."""
        return all(self._at_least(interval, level.exit) for level in self.levels)

    def not_entered(self, interval: Interval) -> bool:
        """Whether the whole interval is on the good side of every `enter`: certainly no breach."""
        return all(self._at_least(interval, level.enter) for level in self.levels)

    def level(self, severity: Severity | None) -> SeverityLevel | None:
        """The level of a severity; None when there is none."""
        return next((level for level in self.levels if level.severity == severity), None)

    def shown(self, severity: Severity | None) -> AlertTarget:
        """What an event names as its target: the level of that severity, or else the mildest."""
        level = self.level(severity) or self.levels[0]
        return _target(self.comparator, level.enter, level.exit, self.version)

    def _beyond(self, interval: Interval, enter: Decimal) -> bool:
        if self.comparator == "le":
            return interval.mirrored().wholly_below(-enter)
        return interval.wholly_below(enter)

    def _at_least(self, interval: Interval, limit: Decimal) -> bool:
        if self.comparator == "le":
            return interval.mirrored().wholly_at_least(-limit)
        return interval.wholly_at_least(limit)


@lru_cache(maxsize=10_000)
def _target(comparator: Comparator, enter: Decimal, exit_value: Decimal, version: str) -> AlertTarget:
    return AlertTarget(comparator=comparator, value=enter, exit_value=exit_value, version=version)


def limits_of(rule: Rule, target: RollupTarget | None) -> Limits | None:
    """The rule's own severities, or else the target's; None: nothing to hold the reading against.

    Targets of severity `info` are shown, never alerted (docs/semantics.md §6). An empty exit is the target.
    """
    if rule.severities:
        levels = tuple(sorted(rule.severities, key=lambda level: GRAVITY[level.severity]))
        return Limits(_comparator(rule, levels, target), levels, rule.version)
    if rule.kind != "threshold":
        return None
    if target is None or target.severity == "info":
        return None
    severity = rule.severity or target.severity
    if severity not in GRAVITY:
        return None
    exit_value = target.exit_value if target.exit_value is not None else target.value
    level = SeverityLevel(cast(Severity, severity), target.value, exit_value)
    return Limits(target.comparator, (level,), target.version)


def _comparator(rule: Rule, levels: tuple[SeverityLevel, ...], target: RollupTarget | None) -> Comparator:
    """Which side is bad: read off the levels, else from the rule's parameters, else from the target."""
    if rule.kind in ("discrepancy", "fall"):
        return "le"
    for level in levels:
        if level.enter != level.exit:
            return "le" if level.exit < level.enter else "ge"
    if levels[0].enter != levels[-1].enter:
        return "le" if levels[0].enter < levels[-1].enter else "ge"
    if rule.parameters.get("comparator") in get_args(Comparator):
        return cast(Comparator, rule.parameters["comparator"])
    return target.comparator if target is not None else "ge"
