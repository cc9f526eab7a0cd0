"""Rollups that are not stored, with their versions: cells as of ticks, and the one definition. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.figure import Figure
from chiso_indicators.core.keys import Key
from chiso_indicators.core.late import read_reopenings
from chiso_indicators.core.moments import Moment, Mover, moments, versions
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.plan import YTD
from chiso_indicators.core.row import Row, Sums
from chiso_indicators.store.compute import drafts, sums_between
from chiso_indicators.store.sql import Session, as_json, figure_of, numbered, queries, schema

# Cells of an instant are joined in memory, without an index.
_CHUNK: Final = 400
_WITH: Final = "WITH "


class Question(NamedTuple):
    """A key at an instant."""

    key: Key
    at: datetime


async def made_versions(
    session: Session, keys: Iterable[Key], assembler: Assembler, at: datetime
) -> dict[Key, list[Row]]:
    """The versions of rollups of reporting units up to an instant, oldest first; none for those without one.

    The instant must be settled: no tick with a stamp up to it may follow.
    """
    known = [key for key in keys if assembler.known(key)]
    found: dict[Key, list[Row]] = {}
    for start in range(0, len(known), _CHUNK):
        found |= await _versions(session, known[start : start + _CHUNK], assembler, at)
    return found


async def marks_at(
    session: Session, instants: Iterable[datetime], assembler: Assembler
) -> dict[datetime, Marks]:
    """What the clock's own events and people's reopenings had done by instants."""
    asked, started = sorted(set(instants)), assembler.first_started_at
    found = {instant: Marks(started, started, started) for instant in asked}
    for record in await session.fetch(queries().marks_at, asked):
        found[record["at"]] = Marks(
            record["ended_through"],
            record["due_through"],
            record["closed_through"],
            read_reopenings(record["reopened"]),
        )
    return found


async def _versions(
    session: Session, keys: Sequence[Key], assembler: Assembler, at: datetime
) -> dict[Key, list[Row]]:
    moved = await _moments(session, keys, assembler, at)
    marks = await marks_at(session, {one.stamp for some in moved.values() for one in some}, assembler)
    questions = [
        Question(part, one.stamp)
        for key, some in moved.items()
        for one in some
        for part in _with_previous(key, assembler)
    ]
    sums, own = await _cells(session, list(dict.fromkeys(questions)), assembler, marks)
    return {
        key: versions([(one, _draft(key, one, sums, own, assembler, marks[one.stamp])) for one in some])
        for key, some in moved.items()
        if some
    }


async def _moments(
    session: Session, keys: Sequence[Key], assembler: Assembler, at: datetime
) -> dict[Key, list[Moment]]:
    asked = list(dict.fromkeys(part for key in keys for part in _with_previous(key, assembler)))
    movers: dict[Key, list[Mover]] = {key: [] for key in asked}
    for record in await session.fetch(queries().moving_revisions, numbered(asked), at):
        key = asked[record["n"]]
        instants = assembler.planner.instants(key.calendar, record["period"])
        if instants is not None:
            movers[key].append(_mover(record, instants.close_at))
    return {
        key: moments(
            movers[key],
            (mover for part in _with_previous(key, assembler)[1:] for mover in movers[part]),
            assembler.first_started_at,
        )
        for key in keys
    }


def _mover(record: Any, close_at: datetime) -> Mover:
    return Mover(
        record["op"],
        record["accepted_at"],
        record["tick"],
        record["stamp"],
        record["effective"],
        record["is_first"],
        close_at,
    )


def _with_previous(key: Key, assembler: Assembler) -> tuple[Key, ...]:
    """The key, and for cumulative figures the one of the period before it."""
    previous = assembler.planner.previous(key) if key.basis == YTD else None
    return (key, previous) if previous is not None and assembler.known(previous) else (key,)


async def _cells(
    session: Session, questions: Sequence[Question], assembler: Assembler, marks: Mapping[datetime, Marks]
) -> tuple[dict[Question, Sums], dict[Question, Figure]]:
    """What the units' cells said at each instant: sums by the one definition, and the own figures."""
    sums: dict[Question, Sums] = {}
    own: dict[Question, Figure] = {}
    for start in range(0, len(questions), _CHUNK):
        part = questions[start : start + _CHUNK]
        names = {f"{one.key.unit}#{n}": one for n, one in enumerate(part)}
        asked = [
            {
                **assembler.question(n, one.key, marks[one.at]),
                "unit": name,
                "code": one.key.unit,
                "at": one.at,
            }
            for n, (name, one) in enumerate(names.items())
        ]
        answers = await sums_between(session, asked, _sums_as_of())
        sums |= {part[n]: found for n, found in answers.items()}
        for record in await session.fetch(queries().cells_as_of, as_json(asked)):
            one = names[record["unit"]]
            if record["period"] == one.key.period:
                own[one] = figure_of(record)
    return sums, own


def _sums_as_of() -> str:
    """`sums_from_cells` word for word, over the cells of instants instead of the present ones."""
    definition = queries().sums_from_cells.removeprefix(_WITH).replace(f"{schema()}.cell", "cell")
    return f"{_WITH}cell AS MATERIALIZED (\n{queries().cells_as_of}\n), {definition}"


def _draft(
    key: Key,
    moment: Moment,
    sums: Mapping[Question, Sums],
    own: Mapping[Question, Figure],
    assembler: Assembler,
    marks: Marks,
) -> Row:
    asked = _with_previous(key, assembler)
    there = {part: Question(part, moment.stamp) for part in asked}
    return drafts(
        asked,
        {part: sums[one] for part, one in there.items() if one in sums},
        {part: own[one] for part, one in there.items() if one in own},
        {},
        assembler,
        marks,
        moment.stamp,
    )[key]
