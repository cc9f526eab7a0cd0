"""Rollups from cells: the one way, whoever asks. Reads only; the answer is rows without version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from chiso_shared.contracts.codec import decode_json

from chiso_indicators.core.assemble import SOURCES, Assembler, Source
from chiso_indicators.core.breakdown import added
from chiso_indicators.core.figure import Figure
from chiso_indicators.core.keys import Key
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.plan import YTD
from chiso_indicators.core.row import Row, Sums
from chiso_indicators.store.sql import Session, Values, as_json, figure_of, key_of, numbered, queries

_NOTHING: Final = Sums()


def row_of(record: Values) -> Row:
    """A stored row as a value."""
    fields = {name: record[name] for name in Row.__struct_fields__}
    for name in ("reported", "derived", "target"):
        if fields[name] is not None:
            fields[name] = decode_json(fields[name].encode())
    return Row(**fields)


def by_source(keys: Sequence[Key], assembler: Assembler) -> list[tuple[Source, list[Key]]]:
    """Keys in the order in which they must be computed: what is made of others comes after them."""
    found: dict[Source, list[Key]] = {source: [] for source in SOURCES}
    for key in keys:
        found[assembler.source(key)].append(key)
    return [(source, found[source]) for source in SOURCES if found[source]]


async def stored_rows(session: Session, keys: Sequence[Key], assembler: Assembler) -> dict[Key, Row]:
    """The stored rows of keys, and of the periods before them where figures are cumulative."""
    wanted = dict.fromkeys(keys)
    for key in keys:
        previous = assembler.planner.previous(key) if key.basis == YTD else None
        if previous is not None:
            wanted[previous] = None
    records = await session.fetch(queries().current_rollups, numbered(wanted))
    return {key_of(record): row_of(record) for record in records}


async def own_figures(session: Session, keys: Sequence[Key]) -> dict[Key, Figure]:
    """What the units say about themselves."""
    records = await session.fetch(queries().own_cells, numbered(keys))
    return {keys[record["n"]]: figure_of(record) for record in records}


async def sums_of(
    session: Session, source: Source, keys: Sequence[Key], assembler: Assembler, marks: Marks
) -> dict[Key, Sums]:
    """The sums of keys that are made out of the same source; a key with nothing below it is left out."""
    if source == "provinces":
        return await _of_provinces(session, keys, assembler)
    statement = queries().sums_from_cells if source == "cells" else queries().sums_from_months
    asked = as_json([assembler.question(n, key, marks) for n, key in enumerate(keys)])
    records = await session.fetch(statement, asked)
    return {keys[record["n"]]: _sums(record, source) for record in records}


async def _of_provinces(session: Session, keys: Sequence[Key], assembler: Assembler) -> dict[Key, Sums]:
    """The rows of the provinces of the period's end, and what those before them add."""
    records = await session.fetch(queries().sums_from_provinces, numbered(keys))
    found = {record["n"]: _sums(record, "provinces") for record in records}
    asked = [one for n, key in enumerate(keys) for one in assembler.former_questions(n, key)]
    for n, former in (await sums_between(session, asked)).items() if asked else ():
        found[n] = added([found[n], former]) if n in found else former
    return {keys[n]: sums for n, sums in found.items()}


async def sums_between(session: Session, questions: Sequence[Mapping[str, object]]) -> dict[int, Sums]:
    """Sums straight from cells for questions of the assembler, by their number."""
    records = await session.fetch(queries().sums_from_cells, as_json(questions))
    return {record["n"]: _sums(record, "cells") for record in records}


def _sums(record: Values, source: Source) -> Sums:
    from_cells = source == "cells"
    return Sums(
        numerator=record["numerator"],
        denominator=record["denominator"],
        n_cells=record["n_cells"] if from_cells else 0,
        n_reported=record["n_reported"],
        n_contributing=record["n_contributing"],
        n_on_time=record["n_on_time"],
        n_percent_only=record["n_percent_only"],
        n_unexpected=record["n_unexpected"],
        n_withdrawn=record["n_withdrawn"],
        oldest_on=record["oldest_on"],
        newest_on=record["newest_on"],
        reporters=frozenset(record["reporters"] or ()) if from_cells else frozenset(),
    )


def drafts(
    keys: Sequence[Key],
    sums: Mapping[Key, Sums],
    own: Mapping[Key, Figure],
    before: Mapping[Key, Row],
    assembler: Assembler,
    marks: Marks,
    stamp: datetime,
) -> dict[Key, Row]:
    """The rows of keys. `before` holds stored rows, for what is derived from the period before."""
    made = {key: assembler.draft(key, sums.get(key, _NOTHING), own.get(key), marks, stamp) for key in keys}
    rows = {**before, **made}
    return {key: assembler.with_derived(row, rows) for key, row in made.items()}
