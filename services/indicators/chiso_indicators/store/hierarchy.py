"""Cells follow their units: after a change each stands below the parent of its period's end. SQL in sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from chiso_shared.catalogue import Catalogue
from chiso_shared.contracts.codec import plain

from chiso_indicators.core.changes import Change, write_changes
from chiso_indicators.core.figure import addends
from chiso_indicators.core.hierarchy import Move, Scope, Span, moves, scopes_of, write_scope
from chiso_indicators.core.keys import Key
from chiso_indicators.store.sql import Session, Values, figure_of, key_of, queries

_CHUNK: Final = 10_000


async def stored_spans(session: Session) -> dict[str, list[Span]]:
    """Where the stored units stand."""
    return _by_unit(await session.fetch(queries().unit_spans))


async def follow_units(session: Session, before: dict[str, list[Span]], catalogue: Catalogue) -> list[Move]:
    """Moves the cells of units that stand elsewhere now, and lets the rows they touch be looked at.

    The tables must hold the new catalogue already.
    """
    moved = moves(before, await stored_spans(session))
    if not moved:
        return []
    changed = await session.fetch(queries().move_cells, [move.unit for move in moved])
    changes = [change for record in changed for change in _both_sides(record, catalogue)]
    for start in range(0, len(changes), _CHUNK):
        part = changes[start : start + _CHUNK]
        await session.execute(queries().append_dirty, len(part), write_changes(part))
    for scope in scopes_of(moved):
        await ask_again(session, scope)
    return moved


async def ask_again(session: Session, scope: Scope) -> None:
    """Lets a tick look at the stored rows of a scope again."""
    await session.execute(queries().append_reference, write_scope(scope))


def _by_unit(records: Iterable[Values]) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    for record in records:
        span = Span(record["valid_from"], record["valid_to"], record["level"], record["parent"])
        found.setdefault(record["code"], []).append(span)
    return found


def _both_sides(record: Values, catalogue: Catalogue) -> Sequence[Change]:
    """A moved cell leaves the rows above it on the one side and enters those on the other."""
    key = key_of(record)
    indicator = catalogue.indicators.get(key.indicator)
    if indicator is None:
        return ()
    added = addends(figure_of(record), indicator.is_ratio)
    sides = ((record["old_level"], record["old_parent"], -1), (record["level"], record["parent"], 1))
    return [
        _change(
            key,
            level,
            parent,
            record,
            _signed(added.numerator if added else None, sign),
            _signed(added.denominator if added else None, sign),
        )
        for level, parent, sign in sides
    ]


def _signed(number: Decimal | None, sign: int) -> Decimal | None:
    return None if number is None else plain(sign * number)


def _change(
    key: Key,
    level: str,
    parent: str | None,
    record: Values,
    delta_numerator: Decimal | None,
    delta_denominator: Decimal | None,
) -> Change:
    return Change(
        key.unit,
        level,
        parent,
        *key[1:],
        causes=["hierarchy"],
        submission_id=str(record["submission_id"]),
        agency=record["agency"],
        revision=record["revision"],
        accepted_at=record["accepted_at"],
        delta_numerator=delta_numerator,
        delta_denominator=delta_denominator,
        value=record["value"],
        reason=record["reason"],
    )
