"""Rollups that are not stored, with their versions: each revision of a cell is read once. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from chiso_indicators.core.fold import Order
from chiso_indicators.core.keys import Key
from chiso_indicators.core.late import read_reopenings
from chiso_indicators.core.moments import in_phase
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.reigns import Reigns, Timeline
from chiso_indicators.core.row import Row
from chiso_indicators.core.unit_history import unit_history
from chiso_indicators.core.unit_rows import Taken
from chiso_indicators.store.sql import Session, Values, as_json, figure_of, queries

# So many revisions are in memory at once, but for a single key that has more.
_IN_MEMORY: Final = 5_000
# One read looks at so many: a few seconds on a small machine.
_A_READ: Final = 20_000


class Made(NamedTuple):
    """Versions by key, none for keys without one; `left` is the first key that was left for another read."""

    versions: dict[Key, list[Row]]
    left: Key | None = None


class MadeRows(NamedTuple):
    """The newest versions; `left` as above."""

    rows: dict[Key, Row]
    left: Key | None = None


def made_levels(reigns: Reigns) -> list[str]:
    """The levels whose rollups are not stored."""
    return sorted({"commune", "department"} - reigns.newest.assembler.planner.stored_levels)


def is_made(key: Key, reigns: Reigns) -> bool:
    """Whether a key is one whose rollup is made when it is read."""
    place = reigns.newest.assembler.planner.place(key.unit, key.calendar, key.period)
    return place is not None and place.level in made_levels(reigns)


async def made_rows(
    session: Session, keys: Sequence[Key], reigns: Reigns, at: datetime, marks: Marks
) -> MadeRows:
    """The rollups of reporting units as they could be read at an instant whose marks these are."""
    made, assembler = await made_versions(session, keys, reigns, at), reigns.newest.assembler
    rows = {key: in_phase(versions, assembler.phase(key, marks)) for key, versions in made.versions.items()}
    return MadeRows(rows, made.left)


async def made_versions(session: Session, keys: Sequence[Key], reigns: Reigns, at: datetime) -> Made:
    """The versions of rollups of reporting units up to an instant, oldest first.

    The instant must be settled: no tick with a stamp up to it may follow.
    """
    known = [key for key in keys if reigns.newest.assembler.known(key)]
    counts = await _counts(session, known, reigns)
    found: dict[Key, list[Row]] = {}
    spent = 0
    for part in _portions(known, counts):
        size = sum(counts.get(key, 0) for key in part)
        if spent and spent + size > _A_READ:
            return Made(found, part[0])
        spent += size
        taken = await _taken(session, part, reigns, at)
        stamps = [one.stamp for some in taken.values() for one in some]
        if stamps:
            timeline = await timeline_between(session, min(stamps), at, reigns)
            # In a thread, so that ticks and batches of this process do not stand still meanwhile.
            found |= await asyncio.to_thread(_histories, part, taken, reigns, timeline)
    return Made(found)


def _histories(
    keys: Sequence[Key], taken: Mapping[Key, Sequence[Taken]], reigns: Reigns, timeline: Timeline
) -> dict[Key, list[Row]]:
    made = {key: unit_history(key, taken, reigns, timeline) for key in keys}
    return {key: rows for key, rows in made.items() if rows}


async def timeline_between(session: Session, since: datetime, until: datetime, reigns: Reigns) -> Timeline:
    """What the clock's own events and people's reopenings had done from an instant to another."""
    moved = [
        (
            record["stamp"],
            Marks(
                record["ended_through"],
                record["due_through"],
                record["closed_through"],
                read_reopenings(record["reopened"]),
            ),
        )
        for record in await session.fetch(queries().marks_between, since, until)
    ]
    return Timeline(reigns.newest.assembler.first_started_at, moved)


async def _counts(session: Session, keys: Sequence[Key], reigns: Reigns) -> dict[Key, int]:
    """How many revisions the cells of each key have, those before the instant asked for and after it."""
    cells = [(n, cell) for n, key in enumerate(keys) for cell in reigns.newest.cells(key)]
    records = await session.fetch(queries().count_revisions, _numbered(cells, reigns)) if cells else []
    return {keys[record["n"]]: record["revisions"] for record in records}


def _portions(keys: Sequence[Key], counts: Mapping[Key, int]) -> Iterator[list[Key]]:
    """Keys in portions of a bounded number of revisions, at least one key in each."""
    portion: list[Key] = []
    size = 0
    for key in keys:
        if portion and size + counts.get(key, 0) > _IN_MEMORY:
            yield portion
            portion, size = [], 0
        portion.append(key)
        size += counts.get(key, 0)
    if portion:
        yield portion


async def _taken(
    session: Session, keys: Sequence[Key], reigns: Reigns, at: datetime
) -> dict[Key, list[Taken]]:
    cells = list(dict.fromkeys(cell for key in keys for cell in reigns.newest.cells(key)))
    taken: dict[Key, list[Taken]] = {}
    records = await session.fetch(queries().taken_revisions, _numbered(list(enumerate(cells)), reigns), at)
    for record in records:
        cell = cells[record["n"]]
        taken.setdefault(cell, []).append(_one(cell, record))
    return taken


def _numbered(cells: Sequence[tuple[int, Key]], reigns: Reigns) -> str:
    """Cells as a JSON parameter, with the year by which their revisions are found."""
    planner = reigns.newest.assembler.planner
    instants = ((n, cell, planner.instants(cell.calendar, cell.period)) for n, cell in cells)
    return as_json([{"n": n, **cell._asdict(), "year": one.year} for n, cell, one in instants if one])


def _one(cell: Key, record: Values) -> Taken:
    order = Order(
        record["order_date"],
        record["revision"],
        record["accepted_at"],
        record["submission_id"],
        record["agency"],
    )
    return Taken(cell, order, figure_of(record), record["tick"], record["stamp"], record["effective"])
