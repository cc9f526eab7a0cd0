"""Writes the rows of one tick and their history. Whoever uses it holds the tick row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.changes import Change
from chiso_indicators.core.floors import above
from chiso_indicators.core.keys import Key
from chiso_indicators.core.late import write_reopenings
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.row import Row
from chiso_indicators.core.tick import Touched, changed_cell
from chiso_indicators.core.version import next_version
from chiso_indicators.store.compute import by_source, drafts, own_figures, stored_rows, sums_of
from chiso_indicators.store.floors import floors_of
from chiso_indicators.store.sql import Session, as_json, queries

_UNTOUCHED: Final = Touched()


class HistoryRow(Row, frozen=True):
    """A version of a rollup as history keeps it."""

    changed_cells: list[dict[str, Any]]
    changed_cells_count: int
    mode: str


@dataclass(slots=True)
class Rolled:
    """What a tick did. `number` is None when it found nothing and wrote nothing."""

    number: int | None = None
    stamp: datetime | None = None
    written: int = 0
    looked_at: int = 0
    causes: set[str] = field(default_factory=set)


class TickWriter:
    """Writes the rows of one tick, numbered in the order of writing."""

    def __init__(self, session: Session, number: int, stamp: datetime, assembler: Assembler) -> None:
        self._session = session
        self._assembler = assembler
        self._rolled = Rolled(number, stamp)
        self._number = number
        self._stamp = stamp
        self._shown: dict[int, dict[str, Any]] = {}  # by id: one changed cell moves ten rows and more

    async def recompute(self, touched: Mapping[Key, Touched], marks: Marks) -> None:
        """Computes rows out of cells, months and provinces, each from rows that are already written."""
        keys = sorted(key for key in touched if self._assembler.known(key))
        self._rolled.looked_at = len(keys)
        if not keys:
            return
        rows = await stored_rows(self._session, keys, self._assembler)
        own = await own_figures(self._session, keys)
        for source, part in by_source(keys, self._assembler):
            sums = await sums_of(self._session, source, part, self._assembler, marks)
            made = drafts(part, sums, own, rows, self._assembler, marks, self._stamp)
            versions = [
                version
                for key in part
                if (version := next_version(rows.get(key), made[key], touched[key].why(key in rows)))
            ]
            rows.update((row.key, row) for row in await self._write(versions, touched))

    async def rephase(self, rows: Sequence[Row], marks: Marks, causes: frozenset[str]) -> None:
        """Gives rows the phase that the marks say, and leaves their numbers alone."""
        self._rolled.looked_at = len(rows)
        moved = [
            msgspec.structs.replace(row, phase=self._assembler.phase(row.key, marks), updated_at=self._stamp)
            for row in rows
        ]
        pairs = zip(rows, moved, strict=True)
        versions = [
            version for row, after in pairs if (version := next_version(row, after, causes)) is not None
        ]
        await self._write(versions, {})

    async def finish(self, marks: Marks) -> Rolled:
        """Moves the tick row on."""
        await self._session.execute(
            queries().finish_tick,
            self._number,
            self._stamp,
            marks.ended_through,
            marks.due_through,
            marks.closed_through,
            write_reopenings(marks.reopened),
        )
        return self._rolled

    async def _write(self, versions: Sequence[Row], touched: Mapping[Key, Touched]) -> list[Row]:
        if not versions:
            return []
        floors = await floors_of(self._session, [row.key for row in versions])
        placed = [
            msgspec.structs.replace(row, tick=self._number, ordinal=self._rolled.written + place)
            for place, row in enumerate(above(versions, floors), start=1)
        ]
        history = [self._history(row, touched.get(row.key, _UNTOUCHED)) for row in placed]
        await self._session.execute(queries().write_rollups, as_json(history))
        self._rolled.written += len(placed)
        self._rolled.causes.update(cause for row in placed for cause in row.causes)
        return placed

    def _history(self, row: Row, touched: Touched) -> HistoryRow:
        cells = [self._shown.get(id(change)) or self._show(change) for change in touched.cells]
        fields = msgspec.structs.asdict(row)
        fields |= {"changed_cells": cells, "changed_cells_count": touched.count, "mode": touched.mode}
        return HistoryRow(**fields)

    def _show(self, change: Change) -> dict[str, Any]:
        shown = self._shown[id(change)] = changed_cell(change)
        return shown
