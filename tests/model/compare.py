"""Compares what the service stored with what the model says. No service code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tests.model.histories import History
from tests.model.judge import Cell, CellKey, Judge, Rollup, Slot, winners


@dataclass
class Verdict:
    """How much was compared, and what differs, by the seed of the history."""

    cells: int = 0
    rollups: int = 0
    wrong: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))


def compare(
    histories: Iterable[History],
    cells: Mapping[CellKey, Cell],
    rollups: Mapping[CellKey, Rollup],
    now: datetime,
    first_started_at: datetime,
) -> Verdict:
    """Every cell and rollup of the histories' slots, both ways: nothing may lack, nothing be invented."""
    verdict = Verdict()
    of_cells, of_rollups = _by_slot(cells), _by_slot(rollups)
    for history in histories:
        where = (*history.slot, history.year)
        said = verdict.wrong[history.seed]
        expected = {(key[0], key[3]): cell for key, cell in winners(history.documents).items()}
        found = of_cells.get(where, {})
        verdict.cells += len(expected)
        said.extend(_differences("cell", expected, found))
        judge = Judge(history.slot, expected, now, first_started_at)
        rows = {key: judge.rollup(*key) for key in judge.keys(history.codes)}
        verdict.rollups += len(rows)
        said.extend(_differences("rollup", rows, of_rollups.get(where, {})))
    return verdict


def _by_slot(
    found: Mapping[CellKey, object],
) -> dict[tuple[str, str, str, int], dict[tuple[str, str], object]]:
    slots: dict[tuple[str, str, str, int], dict[tuple[str, str], object]] = defaultdict(dict)
    for (unit, indicator, calendar, period, basis), item in found.items():
        slots[(*Slot(indicator, calendar, basis), int(period[:4]))][(unit, period)] = item
    return slots


def _differences(
    what: str, expected: Mapping[tuple[str, str], object], found: Mapping[tuple[str, str], object]
) -> list[str]:
    said = []
    for key in sorted(expected.keys() | found.keys()):
        mine, theirs = expected.get(key), found.get(key)
        if mine == theirs:
            continue
        if isinstance(mine, Rollup) and isinstance(theirs, Rollup):
            said.append(f"{what} {' '.join(key)}: {'; '.join(mine.differences(theirs))}")
        else:
            said.append(f"{what} {' '.join(key)}: model {mine}, service {theirs}")
    return said
