"""Revisions that come back to their cell, by a rebuild, beside others that were never gone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chiso_indicators.core.fold import Outcome, Revision, outcomes

_UNSAID = frozenset({"approved, superseded", "approved, unchanged"})


class Counting(NamedTuple):
    """A revision that counts; `outcome` and `reason` as the store has them, None where the store lacks it."""

    revision: Revision
    outcome: str | None = None
    reason: str | None = None

    @property
    def was_told(self) -> bool:
        """Whether the cell is known to have said something else because of it."""
        return self.outcome == "applied" and self.reason not in _UNSAID


def rejoin(cell: Sequence[Counting]) -> list[tuple[Revision, Outcome]]:
    """The outcomes of the lacking ones, given all that count for a cell in the order of acceptance.

    They are those of a log that was applied in this order; how it was applied is no longer known. Kept ones
    keep theirs, except a winner that so would not be what the cell is read to say: it is `applied` now.
    """
    found = [
        (one.revision, outcome)
        for one, outcome in zip(cell, outcomes(None, [one.revision for one in cell]), strict=True)
        if one.outcome is None
    ]
    told = [one.revision for one in cell if one.was_told]
    told += [revision for revision, outcome in found if outcome.effective]
    said = max(told, key=lambda one: one.order, default=None)
    winner = max((one.revision for one in cell), key=lambda one: one.order)
    if said is not None and said.figure == winner.figure:
        return found
    others = [pair for pair in found if pair[0] is not winner]
    return [*others, (winner, Outcome("applied", None, True))]
