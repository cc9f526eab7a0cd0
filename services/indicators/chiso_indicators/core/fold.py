"""Who wins a cell and what becomes of each revision (semantics §3). Pure; content decides, not arrival."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from chiso_indicators.core.figure import Figure
from chiso_indicators.core.keys import Key

UNDATED: Final = date(1, 1, 1)
DATED_BASES: Final = frozenset({"as_of", "unstated"})
RAISE_REVISION: Final = "raise_revision"


class Order(NamedTuple):
    """Greatest wins. `as_of` counts for dated bases only; the agency settles what is hardly ever equal."""

    as_of: date
    revision: int
    accepted_at: datetime
    submission_id: UUID
    agency: str


def order_of(
    basis: str, as_of: date | None, revision: int, accepted_at: datetime, submission_id: UUID, agency: str
) -> Order:
    """The order of a revision of a cell with that basis."""
    dated = as_of if basis in DATED_BASES and as_of is not None else UNDATED
    return Order(dated, revision, accepted_at, submission_id, agency)


class Revision(msgspec.Struct, frozen=True, gc=False):
    """One observation of an accepted submission, as far as its cell is concerned."""

    key: Key
    ordinal: int
    order: Order
    figure: Figure
    stage: str
    reason: str | None


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A cell as far as winning goes: the winner so far and when its first revision was accepted."""

    order: Order
    figure: Figure
    first_accepted_at: datetime


class Contender(msgspec.Struct, frozen=True, gc=False):
    """The best of several revisions of one cell, and the earliest instant among them."""

    winner: Revision
    first_accepted_at: datetime

    def join(self, other: Contender) -> Contender:
        """The best of both. Associative, commutative and idempotent."""
        winner = self.winner if self.winner.order >= other.winner.order else other.winner
        return Contender(winner, min(self.first_accepted_at, other.first_accepted_at))


def contender(revision: Revision) -> Contender:
    """One revision alone."""
    return Contender(revision, revision.order.accepted_at)


def fold(revisions: Iterable[Revision]) -> dict[Key, Contender]:
    """The best revision of each cell, in any order of `revisions`."""
    best: dict[Key, Contender] = {}
    for revision in revisions:
        alone = contender(revision)
        known = best.get(revision.key)
        best[revision.key] = alone if known is None else known.join(alone)
    return best


class Outcome(NamedTuple):
    """What became of one revision; `effective` says that the cell says something else than before."""

    outcome: str
    reason: str | None
    effective: bool


_APPLIED: Final = Outcome("applied", None, True)
_UNCHANGED: Final = Outcome("unchanged", None, False)


def outcomes(standing: Standing | None, revisions: Sequence[Revision]) -> list[Outcome]:
    """What becomes of revisions of one cell that arrive in this order after `standing`."""
    order = standing.order if standing else None
    figure = standing.figure if standing else None
    found: list[Outcome] = []
    for revision in revisions:
        if order is not None and revision.order < order:
            found.append(Outcome("superseded", _hint(revision.order, order), False))
            continue
        if figure == revision.figure:
            found.append(_UNCHANGED)
        else:
            found.append(_APPLIED)
        order, figure = revision.order, revision.figure
    return found


def _hint(loser: Order, winner: Order) -> str | None:
    """A report that loses on `accepted_at` alone can win with a higher revision number."""
    return RAISE_REVISION if loser[:2] == winner[:2] else None
