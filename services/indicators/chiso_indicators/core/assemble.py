"""Puts rows together from sums, own figures and the catalogue, for ticks, audits and reads alike. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal

import msgspec
from chiso_shared.catalogue.periods import Period
from chiso_shared.contracts.fields import Phase

from chiso_indicators.core.derived import derive
from chiso_indicators.core.expectation import Expectations
from chiso_indicators.core.figure import Figure
from chiso_indicators.core.keys import Key
from chiso_indicators.core.late import Reopening
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.plan import NATION, YTD, Planner, rule_of, scope_of
from chiso_indicators.core.row import Context, Row, Sums, draft

Source = Literal["cells", "months", "provinces"]
SOURCES: tuple[Source, ...] = ("cells", "months", "provinces")
_MOST_CONTEXTS: Final = 20_000


class Assembler:
    """Knows one catalogue and when the installation first started; everything else is passed in."""

    def __init__(self, planner: Planner, first_started_at: datetime) -> None:
        self.planner = planner
        self.first_started_at = first_started_at
        self._expectations = Expectations(planner.catalogue)
        self._context_of = lru_cache(maxsize=_MOST_CONTEXTS)(self._make_context)

    def known(self, key: Key) -> bool:
        """Whether the catalogue has the key's indicator, period and unit at the period's end."""
        return (
            key.indicator in self.planner.catalogue.indicators
            and self.planner.place(key.unit, key.calendar, key.period) is not None
        )

    def source(self, key: Key) -> Source:
        """Out of what the sums of a key are made: in the order of SOURCES, each from the one before."""
        indicator = self.planner.catalogue.indicators[key.indicator]
        scope = scope_of(self._level(key), indicator, key.basis)
        if scope != "below":
            return "cells" if scope == "own" else "provinces"
        longer = self.period(key).frequency != "month"
        return "months" if longer and rule_of(indicator, key.basis) == "sum" else "cells"

    def question(self, n: int, key: Key, marks: Marks) -> dict[str, object]:
        """The key as `sums_from_cells` and `sums_from_months` want it.

        Parts that end before `since` are of another unit that had the code; `until` is the period's last day.
        """
        indicator = self.planner.catalogue.indicators[key.indicator]
        period, tenure = self.period(key), self.planner.tenure(key.unit, key.calendar, key.period)
        rule = rule_of(indicator, key.basis)
        below = scope_of(self._level(key), indicator, key.basis) == "below"
        return {
            "n": n,
            **key._asdict(),
            "below": below,
            "rule": "sum" if period.frequency == "month" and rule == "last" else rule,
            "listed": below and period.frequency == "month" and marks.is_due(period),
            "since": tenure.first if tenure is not None else None,
            "until": period.end,
        }

    def former_questions(self, n: int, key: Key) -> list[dict[str, object]]:
        """What provinces that are none at the period's end add to the nation, for `sums_from_cells`.

        Their reports count, and flows add up. A stock of then stands in what they went into, or nowhere:
        theirs is left out (`gone`).
        """
        indicator = self.planner.catalogue.indicators[key.indicator]
        rule = rule_of(indicator, key.basis)
        if key.unit != NATION or rule == "own":
            return []
        gone = {
            "n": n,
            **key._asdict(),
            "below": scope_of("province", indicator, key.basis) == "below",
            "rule": "gone" if rule == "last" else rule,
            "listed": False,
        }
        former = self.planner.former(key.calendar, key.period)
        return [gone | {"unit": one.code, "since": one.first, "until": one.last} for one in former]

    def period(self, key: Key) -> Period:
        """The key's period; the key must be known."""
        period = self.planner.period(key.calendar, key.period)
        if period is None:
            raise ValueError(f"unknown period in {key.text}")
        return period

    def phase(self, key: Key, marks: Marks) -> Phase:
        """The phase of the row of a key."""
        period = self.period(key)
        if not marks.reopened:
            return marks.phase(period)
        concerning = tuple(one for one in marks.reopened if self._concerns(one, key))
        return replace(marks, reopened=concerning).phase(period, self.planner.lineage(key))

    def _goes_on(self, before: Key, after: Key) -> bool:
        """Whether the unit of a key is still that of a later one."""
        return self.planner.same_unit(after.unit, after.calendar, before.period, after.period)

    def _concerns(self, one: Reopening, key: Key) -> bool:
        """Whether the unit that a reopening and a key share by its code is the same unit in both periods."""
        shared = key.unit if key.unit in one.lineage else one.unit
        return self.planner.same_unit(shared, key.calendar, one.period, key.period)

    def draft(self, key: Key, sums: Sums, own: Figure | None, marks: Marks, stamp: datetime) -> Row:
        """The row without `derived` and version."""
        return draft(key, sums, own, self._context(key, marks), stamp, self.planner.catalogue.version)

    def with_derived(self, row: Row, rows: Mapping[Key, Row]) -> Row:
        """The row with `derived`, if it is cumulative; `rows` must hold the row before it."""
        if row.basis != YTD:
            return row
        previous = self.planner.previous(row.key)
        before = rows.get(previous) if previous is not None and self._goes_on(previous, row.key) else None
        indicator = self.planner.catalogue.indicators[row.indicator]
        return msgspec.structs.replace(row, derived=derive(indicator, row, previous is not None, before))

    def expected_of(self, key: Key, wanted: str) -> int:
        """How many reports units of one level owe under a key's unit."""
        return self._expectations.count_of(key, self._level(key), self.period(key), wanted)

    def obliged_keys(self, period: Period) -> list[Key]:
        """The rows of provinces and the nation that obligations make exist for a month."""
        catalogue = self.planner.catalogue
        names = {
            (indicator, obligation.basis)
            for obligation in catalogue.obligations
            for indicator in obligation.indicators
        }
        units = [
            *catalogue.units.of_level("nation", period.end),
            *catalogue.units.of_level("province", period.end),
        ]
        keys = [
            (Key(unit.code, indicator, period.calendar, period.code, basis), unit.level)
            for unit in units
            for indicator, basis in sorted(names)
        ]
        return sorted(key for key, level in keys if self._expectations.count(key, level, period))

    def _level(self, key: Key) -> str:
        place = self.planner.place(key.unit, key.calendar, key.period)
        if place is None:
            raise ValueError(f"unknown unit in {key.text}")
        return place.level

    def _context(self, key: Key, marks: Marks) -> Context:
        """What the catalogue says of a key; it depends on the time by the phase and the due instant alone."""
        return self._context_of(key, self.phase(key, marks), marks.is_due(self.period(key)))

    def _make_context(self, key: Key, phase: Phase, is_due: bool) -> Context:
        catalogue = self.planner.catalogue
        indicator, period, level = catalogue.indicators[key.indicator], self.period(key), self._level(key)
        scope = scope_of(level, indicator, key.basis)
        expected = self._expectations.count(key, level, period)
        listed = scope == "below" and period.frequency == "month" and expected > 0 and is_due
        return Context(
            level=level,
            indicator=indicator,
            scope=scope,
            rule=rule_of(indicator, key.basis),
            is_month=period.frequency == "month",
            target=catalogue.targets.find(key.indicator, key.unit, level, key.calendar, period, key.basis),
            status_rule=catalogue.status_rule_on(period.end),
            n_expected=expected,
            expected_units=self._expectations.obliged(key, level, period) if listed else None,
            is_backfill=period.close_at <= self.first_started_at,
            phase=phase,
        )
