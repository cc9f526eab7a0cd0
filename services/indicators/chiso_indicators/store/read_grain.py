"""Finer and longer views of rollups: by level, of merged provinces, by place. Reads only, stores nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.breakdown import LEVELS, added, breakdown
from chiso_indicators.core.keys import Key
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.plan import NATION, scope_of
from chiso_indicators.core.recast import Break, merger_of, recast
from chiso_indicators.core.row import Row, Sums
from chiso_indicators.store.compute import sums_between
from chiso_indicators.store.read import Filters, Reader


async def series(
    read: Reader, filters: Filters, limit: int, at: datetime | None
) -> list[tuple[Row, Break | None]] | None:
    """The rows of the units asked for over all time; None where they are more than `limit`."""
    planner, units = (await read.assembler_at(at)).planner, filters.units or []
    mergers = [merger_of(unit, planner) for unit in units]
    former = [code for merger in mergers if merger is not None for code in merger.predecessors]
    wanted = replace(filters, units=sorted({*units, *former}), after=None)
    rows = await read.every_rollup(wanted, limit, at)
    return recast(units, rows, planner) if len(rows) <= limit else None


async def by_level(read: Reader, row: Row) -> list[dict[str, Any]]:
    """A rollup apart by the levels below it; empty where it is a unit's own, or nothing is added up."""
    assembler = read.assembler
    indicator = assembler.planner.catalogue.indicators[row.indicator]
    if indicator.space_aggregation == "none" or scope_of(row.level, indicator, row.basis) == "own":
        return []
    marks = (await read.clockwork()).marks
    sums = await _sums(read, _below(row.key, assembler, marks))
    expected = {level: assembler.expected_of(row.key, level) for level in LEVELS}
    return breakdown(indicator, sums, expected)


def _below(key: Key, assembler: Assembler, marks: Marks) -> list[dict[str, object]]:
    """The question of the key, or for the nation those of its provinces, and of the ones before them."""
    if key.unit != NATION:
        return [assembler.question(0, key, marks)]
    provinces = assembler.planner.catalogue.units.of_level("province", assembler.period(key).end)
    present = [assembler.question(0, key.at(unit=province.code), marks) for province in provinces]
    return present + assembler.former_questions(0, key)


async def _sums(read: Reader, parts: Sequence[dict[str, object]]) -> dict[str, Sums]:
    questions = [
        {**part, "n": n * len(LEVELS) + place, "below": True, "only_level": level}
        for n, part in enumerate(parts)
        for place, level in enumerate(LEVELS)
    ]
    async with read.pool.acquire() as session:
        found = await sums_between(session, questions)
    return {
        level: added([sums for n, sums in found.items() if n % len(LEVELS) == place])
        for place, level in enumerate(LEVELS)
    }
