"""What a new catalogue moves: units that stand elsewhere from a day on, and which rows they touch. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from chiso_indicators.core.keys import Key


class Span(NamedTuple):
    """Where a unit stands from a day to a day, both inclusive."""

    valid_from: date
    valid_to: date
    level: str
    parent: str | None


class Move(NamedTuple):
    """A unit that stands elsewhere from a day on; `parents` are those above it before and after."""

    unit: str
    since: date
    parents: frozenset[str]


class Scope(msgspec.Struct, frozen=True):
    """Which stored rows are looked at again, and why; None is any.

    `cause` is `reference` or `hierarchy`; `since` bounds the last day of the periods; `closed` says whether
    closed periods are meant too.
    """

    cause: str
    units: tuple[str, ...] | None = None
    calendar: str | None = None
    periods: tuple[str, ...] | None = None
    since: date | None = None
    closed: bool = False

    def covers(self, key: Key, last_day: date) -> bool:
        """Whether it means the row of a key, whatever the phase; `last_day` is its period's."""
        return (
            (self.units is None or key.unit in self.units)
            and self.calendar in (None, key.calendar)
            and (self.periods is None or key.period in self.periods)
            and (self.since is None or self.since <= last_day)
        )


def moves(before: Mapping[str, Iterable[Span]], after: Mapping[str, Iterable[Span]]) -> list[Move]:
    """The units that do not stand where they stood, each with the first day on which that is so."""
    found: list[Move] = []
    for unit in sorted(before.keys() | after.keys()):
        old, new = sorted(before.get(unit, ())), sorted(after.get(unit, ()))
        if old == new:
            continue
        ends = {span.valid_to for span in (*old, *new)} - {date.max}
        days = sorted({span.valid_from for span in (*old, *new)} | {end + timedelta(days=1) for end in ends})
        differing = [day for day in days if _at(old, day) != _at(new, day)]
        if differing:
            places = (place for day in differing for place in (_at(old, day), _at(new, day)))
            parents = frozenset(place[1] for place in places if place is not None and place[1] is not None)
            found.append(Move(unit, differing[0], parents))
    return found


def _at(spans: Iterable[Span], day: date) -> tuple[str, str | None] | None:
    return next(
        ((span.level, span.parent) for span in spans if span.valid_from <= day <= span.valid_to), None
    )


def scopes_of(moved: Iterable[Move]) -> list[Scope]:
    """The rows that moves touch: of the units above, before and after, from the first day on."""
    since: dict[str, date] = {}
    for move in moved:
        for unit in (move.unit, *move.parents, "VN"):
            since[unit] = min(move.since, since.get(unit, date.max))
    days = sorted(set(since.values()))
    return [
        Scope(
            "hierarchy", tuple(sorted(unit for unit in since if since[unit] == day)), since=day, closed=True
        )
        for day in days
    ]


_SCOPE = msgspec.json.Decoder(Scope)


def write_scope(scope: Scope) -> str:
    """As text for a dirty row."""
    return msgspec.json.encode(scope).decode()


def read_scope(text: str) -> Scope:
    """The scope of a dirty row."""
    return _SCOPE.decode(text)
