"""How reopened periods stand after all that people said about them, in any order (semantics §5). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from chiso_indicators.core.late import Reopening


class Said(NamedTuple):
    """A decision about a reopening: its full state at the instant of the decision."""

    at: datetime
    reopening: Reopening


class Standing(NamedTuple):
    """Reopenings that are over, and those in force; each in the order of their beginnings."""

    over: tuple[Reopening, ...]
    running: tuple[Reopening, ...]


def standing(said: Iterable[Said], now: datetime) -> Standing:
    """How they stand at an instant: of each the last word counts, and of a period only the last one runs."""
    last: dict[tuple[str, datetime], Said] = {}
    for one in said:
        place = one.reopening.subject, one.reopening.reopened_at
        known = last.get(place)
        if known is None or (known.at, _end(known.reopening)) < (one.at, _end(one.reopening)):
            last[place] = one
    found = [last[place].reopening for place in sorted(last, key=lambda place: (place[1], place[0]))]
    newest = {one.subject: one for one in found}
    running = tuple(one for one in found if newest[one.subject] is one and _runs(one, now))
    return Standing(tuple(one for one in found if one not in running), running)


def _runs(one: Reopening, now: datetime) -> bool:
    return one.closes_at is None or one.closes_at > now


def _end(one: Reopening) -> float:
    """For two words of the same instant: the one that says an end is the later one."""
    return one.closes_at.timestamp() if one.closes_at is not None else 0.0
