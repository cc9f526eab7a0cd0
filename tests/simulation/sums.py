"""What SQL adds up in the service, added up in Python, so that the core's rows have parts in a simulation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from chiso_indicators.core import figure as figures
from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.keys import Key
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.row import Row, Sums

COUNTS = ("n_reported", "n_contributing", "n_on_time", "n_percent_only", "n_unexpected", "n_withdrawn")


@dataclass
class Cell:
    """A stored cell."""

    revision: Any
    first_accepted_at: datetime


@dataclass(frozen=True)
class Parts:
    """What a row may be made of: cells, and rows that are computed already."""

    assembler: Assembler
    cells: Mapping[Key, Cell]
    rows: Mapping[Key, Row]
    marks: Marks

    def sums(self, source: str, key: Key) -> Sums:
        """The sums of one row out of cells, of months, or of provinces."""
        if source == "cells":
            return self._of_cells(key)
        alike = [row for other, row in self.rows.items() if _alike(other, key)]
        if source == "months":
            months = self.assembler.period(key).months
            return _of_rows(row for row in alike if row.unit == key.unit and row.period in months)
        return _of_rows(row for row in alike if row.level == "province" and row.period == key.period)

    def _of_cells(self, key: Key) -> Sums:
        question = self.assembler.question(0, key, self.marks)
        is_ratio = self.assembler.planner.catalogue.indicators[key.indicator].is_ratio
        counts: Counter[str] = Counter()
        sums: list[Any] = []
        ends, reporters = set[date](), set[str]()
        for unit, found in self._inside(key, bool(question["below"])).items():
            reported = [part for part, cell in found.items() if cell.revision.figure.reported]
            last = max(reported, default=None)
            if reported and question["listed"]:
                reporters.add(unit)
            for part, cell in found.items():
                counts.update(self._counted(unit, part, cell, key))
                if question["rule"] == "last" and part != last:
                    continue
                sums.append(figures.addends(cell.revision.figure, is_ratio))
                if question["rule"] == "last" and sums[-1] is not None:
                    ends.add(self.assembler.period(key.at(period=part)).end)
        added = [one for one in sums if one is not None]
        return Sums(
            numerator=_total(one.numerator for one in added),
            denominator=_total(one.denominator for one in added),
            oldest_on=min(ends, default=None),
            newest_on=max(ends, default=None),
            reporters=frozenset(reporters),
            **counts,
        )

    def _inside(self, key: Key, below: bool) -> dict[str, dict[str, Cell]]:
        """Cells by unit and month."""
        months = self.assembler.period(key).months
        found: dict[str, dict[str, Cell]] = {}
        for other, cell in self.cells.items():
            place = self.assembler.planner.place(other.unit, other.calendar, other.period)
            assert place is not None
            belongs = place.parent == key.unit if below else other.unit == key.unit
            if belongs and _alike(other, key) and other.period in months:
                found.setdefault(other.unit, {})[other.period] = cell
        return found

    def _counted(self, unit: str, part: str, cell: Cell, key: Key) -> dict[str, int]:
        planner, catalogue = self.assembler.planner, self.assembler.planner.catalogue
        period, place = planner.period(key.calendar, part), planner.place(unit, key.calendar, part)
        assert period is not None and place is not None
        figure = cell.revision.figure
        name = key.indicator, key.calendar, "month", key.basis
        counts = figure.reported and catalogue.obliged(place.level, *name, period.end)
        adds = figures.addends(figure, catalogue.indicators[key.indicator].is_ratio) is not None
        exempt = figure.status == "NA"
        on_time = cell.first_accepted_at <= period.due_at(place.level)  # type: ignore[arg-type]
        return {
            "n_cells": 1,
            "n_reported": int(counts),
            "n_contributing": int(counts and (adds or exempt)),
            "n_on_time": int(counts and on_time),
            "n_percent_only": int(counts and not adds and not exempt),
            "n_unexpected": int(figure.reported and not counts),
            "n_withdrawn": int(not figure.reported),
        }


def _alike(one: Key, other: Key) -> bool:
    return (one.indicator, one.calendar, one.basis) == (other.indicator, other.calendar, other.basis)


def _of_rows(rows: Iterable[Row]) -> Sums:
    parts = list(rows)
    return Sums(
        numerator=_total(row.numerator for row in parts),
        denominator=_total(row.denominator for row in parts),
        oldest_on=min((row.oldest_part_on for row in parts if row.oldest_part_on), default=None),
        newest_on=max((row.newest_part_on for row in parts if row.newest_part_on), default=None),
        **{name: sum(getattr(row, name) for row in parts) for name in COUNTS},
    )


def _total(numbers: Iterable[Decimal | None]) -> Decimal | None:
    found = [number for number in numbers if number is not None]
    return sum(found, Decimal(0)) if found else None
