"""Rows of single units from their own cells: what `sums_from_cells` says of them, in memory. Pure.

A test holds that both agree on random histories.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from chiso_shared.catalogue.periods import Period

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.figure import Addends, Figure, addends
from chiso_indicators.core.fold import Order
from chiso_indicators.core.keys import Key
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.plan import YTD, parts_inside, rule_of
from chiso_indicators.core.row import Row, Sums


class Taken(NamedTuple):
    """A revision that competes for its cell, and the tick that took it in.

    `effective` ones won and said something new; each stands above those before it in the order of winning.
    """

    cell: Key
    order: Order
    figure: Figure
    tick: int
    stamp: datetime
    effective: bool


class Cell(NamedTuple):
    """A cell: the winner so far and when its first revision was accepted."""

    order: Order
    figure: Figure
    first_accepted_at: datetime


class UnitCells:
    """The cells of one unit, by period, as ticks take their revisions in."""

    def __init__(self, revisions: Iterable[Taken]) -> None:
        self._waiting = sorted(revisions, key=lambda one: one.tick, reverse=True)
        self._first: dict[str, datetime] = {}
        self.standing: dict[str, Cell] = {}

    def advance(self, tick: int) -> bool:
        """Takes in what ticks up to this one took; whether any cell became another one."""
        moved = False
        while self._waiting and self._waiting[-1].tick <= tick:
            moved |= self._take(self._waiting.pop())
        return moved

    def _take(self, one: Taken) -> bool:
        period, accepted_at = one.cell.period, one.order.accepted_at
        first = self._first[period] = min(self._first.get(period, accepted_at), accepted_at)
        before = self.standing.get(period)
        if one.effective and (before is None or one.order > before.order):
            self.standing[period] = Cell(one.order, one.figure, first)
        elif before is not None:
            self.standing[period] = before._replace(first_accepted_at=first)
        return self.standing.get(period) != before


class UnitRows:
    """Makes the rows by one catalogue; bounded by the periods in use."""

    def __init__(self, assembler: Assembler) -> None:
        self.assembler = assembler
        self._parts: dict[tuple[str, str], tuple[Period, ...]] = {}

    def parts(self, calendar: str, code: str) -> tuple[Period, ...]:
        """The period and the finer ones that tile it; empty for an unknown one."""
        if (calendar, code) not in self._parts:
            self._parts[calendar, code] = self._find_parts(calendar, code)
        return self._parts[calendar, code]

    def _find_parts(self, calendar: str, code: str) -> tuple[Period, ...]:
        planner = self.assembler.planner
        whole = planner.period(calendar, code)
        return () if whole is None else (whole, *parts_inside(whole, planner.catalogue))

    def cells(self, key: Key) -> list[Key]:
        """The cells that a row may be made of, those of the period before it too where it is cumulative."""
        previous = self.assembler.planner.previous(key) if key.basis == YTD else None
        wanted = (key,) if previous is None else (key, previous)
        return [one.at(period=part.code) for one in wanted for part in self.parts(one.calendar, one.period)]

    def draft(
        self, key: Key, cells: UnitCells, before: UnitCells | None, marks: Marks, stamp: datetime
    ) -> Row:
        """The row of a known key, without version; `before` are the cells of the period before it."""
        row = self._draft(key, cells, marks, stamp)
        if key.basis != YTD:
            return row
        previous, rows = self.assembler.planner.previous(key), {key: row}
        if previous is not None and before is not None and self.assembler.known(previous):
            rows[previous] = self._draft(previous, before, marks, stamp)
        return self.assembler.with_derived(row, rows)

    def _draft(self, key: Key, cells: UnitCells, marks: Marks, stamp: datetime) -> Row:
        own = cells.standing.get(key.period)
        figure = own.figure if own is not None else None
        return self.assembler.draft(key, self.sums(key, cells.standing), figure, marks, stamp)

    def sums(self, key: Key, cells: Mapping[str, Cell]) -> Sums:
        """What the unit's cells add up to for the row of a key."""
        indicator = self.assembler.planner.catalogue.indicators[key.indicator]
        rule, parts = rule_of(indicator, key.basis), self._own_parts(key)
        counted = [
            (part, cells[part.code])
            for part in parts
            if part.code in cells
            and (part.code == key.period or rule != "own")
            and not _has_finer(part, parts, cells)
        ]
        if not counted:
            return Sums()
        adding = [(part, cell) for part, cell in counted if cell.figure.reported]
        is_dated = rule == "last" and self.assembler.period(key).frequency != "month"
        if is_dated:
            adding = [max(adding, key=lambda pair: pair[0].end)] if adding else []
        added = [found for _, cell in adding if (found := addends(cell.figure, indicator.is_ratio))]
        sums = self._counted(key, counted, added, indicator.is_ratio)
        if not is_dated or not added:
            return sums
        [(stock, _)] = adding
        return replace(sums, oldest_on=stock.end, newest_on=stock.end)

    def _own_parts(self, key: Key) -> list[Period]:
        """The parts that are about the unit itself, and not about another one that had its code."""
        tenure = self.assembler.planner.tenure(key.unit, key.calendar, key.period)
        parts = self.parts(key.calendar, key.period)
        return [] if tenure is None else [part for part in parts if tenure.first <= part.end]

    def _counted(
        self, key: Key, counted: Sequence[tuple[Period, Cell]], added: Sequence[Addends], is_ratio: bool
    ) -> Sums:
        planner = self.assembler.planner
        reported = contributing = on_time = unexpected = withdrawn = 0
        for part, cell in counted:
            if not cell.figure.reported:
                withdrawn += 1
                continue
            place = planner.place(key.unit, key.calendar, part.code)
            instants = planner.instants(key.calendar, part.code)
            if place is None or instants is None or not self._obliges(place.level, key, part):
                unexpected += 1
                continue
            reported += 1
            contributing += cell.figure.status == "NA" or addends(cell.figure, is_ratio) is not None
            on_time += cell.first_accepted_at <= instants.due_at[place.level]
        return Sums(
            numerator=sum((one.numerator for one in added[1:]), added[0].numerator) if added else None,
            denominator=_denominator(added),
            n_cells=len(counted),
            n_reported=reported,
            n_contributing=contributing,
            n_on_time=on_time,
            n_percent_only=reported - contributing,
            n_unexpected=unexpected,
            n_withdrawn=withdrawn,
        )

    def _obliges(self, level: str, key: Key, part: Period) -> bool:
        catalogue = self.assembler.planner.catalogue
        return catalogue.obliged(level, key.indicator, key.calendar, part.frequency, key.basis, part.end)


def _denominator(added: Sequence[Addends]) -> Decimal | None:
    known = [one.denominator for one in added if one.denominator is not None]
    return sum(known[1:], known[0]) if known else None


def _has_finer(part: Period, parts: Sequence[Period], cells: Mapping[str, Cell]) -> bool:
    """Whether a finer cell inside a longer one is reported: then that one does not count."""
    if part.frequency == "month":
        return False
    return any(
        part.code in other.coarser and other.code in cells and cells[other.code].figure.reported
        for other in parts
    )
