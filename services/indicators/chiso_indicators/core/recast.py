"""The series of a merged province: before the merger, its predecessors added up (semantics §5). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from chiso_shared.catalogue.indicators import Indicator

from chiso_indicators.core import value as values
from chiso_indicators.core.causes import union
from chiso_indicators.core.keys import Key
from chiso_indicators.core.plan import UNSTATED, Planner
from chiso_indicators.core.row import Row, is_stale

_PHASES: Final = ("open", "collecting", "reopened", "closed")
_MERGED: Final = "merged"


@dataclass(frozen=True, slots=True)
class Break:
    """Where a series is broken: the first day of the new unit, and whose rows stand in for it before.

    `missing` are predecessors without a row of their own; a period that contains the day has no
    predecessors in it and holds only what came after.
    """

    effective: date
    predecessors: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Merger:
    """Who went into a unit, and from which day on."""

    effective: date
    predecessors: tuple[str, ...]


def merger_of(unit: str, planner: Planner) -> Merger | None:
    """The merger that made a unit; None for one that stayed as it was."""
    found = [one for one in planner.catalogue.predecessors if one.new_code == unit and one.kind == _MERGED]
    if not found:
        return None
    return Merger(max(one.effective for one in found), tuple(sorted(one.old_code for one in found)))


def recast(units: Iterable[str], rows: Sequence[Row], planner: Planner) -> list[tuple[Row, Break | None]]:
    """The rows of units over all time, by key; `rows` are theirs and their predecessors'."""
    found: list[tuple[Row, Break | None]] = []
    for unit in dict.fromkeys(units):
        merger = merger_of(unit, planner)
        if merger is None:
            found.extend((row, None) for row in rows if row.unit == unit)
            continue
        former: dict[Key, list[Row]] = {}
        for row in rows:
            period = planner.period(row.calendar, row.period)
            if period is None:
                continue
            if period.end < merger.effective and row.unit in merger.predecessors:
                former.setdefault(row.key.at(unit=unit), []).append(row)
            elif period.end >= merger.effective and row.unit == unit:
                straddles = period.start < merger.effective
                found.append((row, Break(merger.effective, (), merger.predecessors) if straddles else None))
        found.extend(_joined(key, parts, merger, planner) for key, parts in former.items())
    return sorted(found, key=lambda pair: pair[0].key)


def _joined(key: Key, parts: Sequence[Row], merger: Merger, planner: Planner) -> tuple[Row, Break]:
    """One row out of the predecessors'; a target of one of them is not the merged unit's."""
    indicator = planner.catalogue.indicators[key.indicator]
    refusal = None
    if indicator.space_aggregation == "none":
        refusal = f"{indicator.kind} is not aggregated over units"
    elif key.basis == UNSTATED:
        refusal = "unstated figures are never added up"
    computed = [row for row in parts if row.numerator is not None and refusal is None]
    numerator = _sum([row.numerator for row in computed])
    denominator = _sum([row.denominator for row in computed])
    own = _own(indicator, parts, len(merger.predecessors)) if refusal is None else None
    shown = values.shown_value(indicator, numerator, denominator)
    if not computed and own is not None:
        shown = own["value"]
    expected, n_reported = sum(row.n_expected for row in parts), sum(row.n_reported for row in parts)
    on_time = sum(row.n_on_time for row in parts)
    untimed = all(row.timeliness is None for row in parts)
    days = [day for row in computed for day in (row.oldest_part_on, row.newest_part_on) if day is not None]
    oldest, newest = min(days, default=None), max(days, default=None)
    row = Row(
        *key,
        level="province",
        numerator=numerator,
        denominator=denominator,
        value=shown,
        value_source="computed" if computed else "reported" if own is not None else "none",
        not_aggregable=refusal,
        reported=own,
        discrepancy=None,
        n_expected=expected,
        n_reported=n_reported,
        n_contributing=sum(row.n_contributing for row in parts),
        n_on_time=on_time,
        n_percent_only=sum(row.n_percent_only for row in parts),
        n_unexpected=sum(row.n_unexpected for row in parts),
        n_withdrawn=sum(row.n_withdrawn for row in parts),
        completeness=values.share(n_reported, expected),
        timeliness=None if untimed else values.share(on_time, expected),
        stale=is_stale(oldest, newest),
        status_colour="grey",
        derived=None,
        phase=min((row.phase for row in parts), key=_PHASES.index),
        vintage=max(row.vintage for row in parts),
        version=sum(row.version for row in parts),
        causes=union(cause for row in parts for cause in row.causes),
        target=None,
        attainment=None,
        missing=None,
        tick=max(row.tick for row in parts),
        ordinal=0,
        updated_at=max(row.updated_at for row in parts),
        catalogue_version=max(parts, key=lambda row: row.updated_at).catalogue_version,
        oldest_part_on=oldest,
        newest_part_on=newest,
    )
    present = tuple(sorted(row.unit for row in parts))
    missing = tuple(code for code in merger.predecessors if code not in present)
    return row, Break(merger.effective, present, missing)


def _own(indicator: Indicator, parts: Sequence[Row], count: int) -> dict[str, Any] | None:
    """The predecessors' own figures together, where every one is there, exact and can be added.

    Kept apart from what was computed, as the own figure of a unit is.
    """
    figures = [row.reported for row in parts]
    exact = [one for one in figures if one is not None and one["qualifier"] == "eq"]
    names = ("numerator", "denominator") if indicator.is_ratio else ("value",)
    if len(exact) < count or any(one[name] is None for one in exact for name in names):
        return None
    added: dict[str, Any] = {name: _sum([one[name] for one in exact]) for name in names}
    if indicator.is_ratio:
        added["value"] = values.shown_value(indicator, added["numerator"], added["denominator"])
    dates = {one["as_of"] for one in exact}
    nothing = {"numerator": None, "denominator": None, "qualifier": "eq", "value_high": None}
    return {**nothing, **added, "as_of": dates.pop() if len(dates) == 1 else None}


def _sum(numbers: Sequence[Decimal | None]) -> Decimal | None:
    known = [number for number in numbers if number is not None]
    return sum(known, Decimal(0)) if known else None
