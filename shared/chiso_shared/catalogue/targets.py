"""Targets of indicators and which one holds for a unit and a period. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from chiso_shared.catalogue.periods import CodeSpan, Period
from chiso_shared.catalogue.words import SEVERITIES, Authority, Basis, Comparator, Severity

EVERY_PROVINCE: Final = "*"


@dataclass(frozen=True, slots=True)
class Target:
    """`value` is the limit, `exit_value` the level at which a breach ends (else the limit)."""

    indicator: str
    unit: str
    period: str
    span: CodeSpan = field(repr=False)
    comparator: Comparator
    value: Decimal
    exit_value: Decimal
    severity: Severity
    basis: Basis
    number: int
    version: str
    in_force_from: date | None
    source: str
    kind: Authority
    note: str

    @property
    def alertable(self) -> bool:
        """Targets of severity `info` are shown, never alerted (docs/semantics.md §6)."""
        return self.severity != "info"

    def covers(self, unit: str, level: str, period: Period, basis: str) -> bool:
        """Whether this target speaks about that unit, period and basis, in either calendar."""
        return (
            (self.unit == unit or (self.unit == EVERY_PROVINCE and level == "province"))
            and self.span.contains(period.span)
            and basis in (self.basis, "unstated")
            and (self.in_force_from is None or self.in_force_from <= period.end)
        )

    def preference(self) -> tuple[bool, int, int, int]:
        """Sorts the target that wins first: own unit, narrowest period, newest version, gravest severity."""
        return (
            self.unit == EVERY_PROVINCE,
            self.span.length_months,
            -self.number,
            -SEVERITIES.index(self.severity),
        )


@dataclass(frozen=True, slots=True)
class Targets:
    """Every target, by indicator, the preferred ones first."""

    by_indicator: Mapping[str, tuple[Target, ...]]

    @classmethod
    def of(cls, targets: Iterable[Target]) -> "Targets":
        """Index and order the targets."""
        found: dict[str, list[Target]] = {}
        for target in targets:
            found.setdefault(target.indicator, []).append(target)
        return cls(
            MappingProxyType(
                {code: tuple(sorted(rows, key=Target.preference)) for code, rows in found.items()}
            )
        )

    def all(self) -> tuple[Target, ...]:
        """Every target, by indicator."""
        return tuple(target for rows in self.by_indicator.values() for target in rows)

    def covering(
        self, indicator: str, unit: str, level: str, calendar: str, period: Period, basis: str
    ) -> tuple[Target, ...]:
        """Every target that covers the key, the winner first (bands of one index are several targets).

        `calendar` must be the period's own: a target covers both calendars, so it does not choose."""
        if calendar != period.calendar:
            raise ValueError(f"the period is of the calendar {period.calendar}, not {calendar}")
        rows = self.by_indicator.get(indicator, ())
        return tuple(target for target in rows if target.covers(unit, level, period, basis))

    def find(
        self, indicator: str, unit: str, level: str, calendar: str, period: Period, basis: str
    ) -> Target | None:
        """The target that holds (docs/semantics.md §6): the most specific unit, then the narrowest period,
        then the newest version in force; among bands of one index the gravest. Nothing is inherited."""
        return next(iter(self.covering(indicator, unit, level, calendar, period, basis)), None)
