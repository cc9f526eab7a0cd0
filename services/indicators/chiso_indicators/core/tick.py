"""What one tick has to look at: the rollups that changes touch, why, and which cells moved them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from chiso_indicators.core.changes import Change
from chiso_indicators.core.keys import Key
from chiso_indicators.core.plan import Planner

SHOWN_CELLS: Final = 50
DUE: Final = "due"


@dataclass(slots=True)
class Touched:
    """Why a rollup is looked at, and the cells that moved it (at most 50 are shown).

    `nearby`: why what it derives from the period before may differ. That alone never makes a row exist.
    """

    causes: set[str] = field(default_factory=set)
    nearby: set[str] = field(default_factory=set)
    cells: list[Change] = field(default_factory=list)
    count: int = 0
    rebuilt: int = 0

    @property
    def mode(self) -> str:
        """`rebuild` where nothing but a rebuild moved it."""
        return "rebuild" if self.rebuilt and self.rebuilt == self.count else "live"

    def why(self, exists: bool) -> set[str]:
        """The causes of a version. A due instant makes an obliged row exist, or judges what was reported."""
        causes = self.causes | self.nearby if exists else self.causes
        if DUE not in causes:
            return causes
        return (causes - {DUE}) | {"report" if exists else "reference"}

    def add(self, changes: Sequence[Change], causes: set[str], is_nearby: bool = False) -> None:
        """Notes changed cells, and why they changed."""
        if is_nearby:
            self.nearby |= causes
        else:
            self.causes |= causes
        self.count += len(changes)
        if len(self.cells) < SHOWN_CELLS:
            self.cells.extend(changes[: SHOWN_CELLS - len(self.cells)])


def touched_by(changes: Iterable[Change], planner: Planner, into: dict[Key, Touched]) -> None:
    """Adds the stored rollups that changes touch."""
    alike: dict[tuple[Key, ...], list[Change]] = {}
    for change in changes:
        alike.setdefault(planner.keys_moved(change.key, change.place), []).append(change)
    for keys, group in alike.items():
        causes = {cause for change in group for cause in change.causes}
        inside = planner.periods_around(group[0].key)
        for key in keys:
            into.setdefault(key, Touched()).add(group, causes, key.period not in inside)


def mark_rebuilt(changes: Iterable[Change], planner: Planner, into: dict[Key, Touched]) -> None:
    """Notes that changes, which are in already, come from a rebuild."""
    for change in changes:
        for key in planner.keys_moved(change.key, change.place):
            into[key].rebuilt += 1


def touch(keys: Iterable[Key], cause: str, into: dict[Key, Touched]) -> None:
    """Adds rollups that are looked at for another reason than a changed cell."""
    for key in keys:
        into.setdefault(key, Touched()).causes.add(cause)


def changed_cell(change: Change) -> dict[str, Any]:
    """A changed cell as a rollup event shows it."""
    return {
        "unit": change.unit,
        "submission_id": change.submission_id,
        "agency": change.agency,
        "revision": change.revision,
        "accepted_at": change.accepted_at,
        "delta_numerator": change.delta_numerator,
        "delta_denominator": change.delta_denominator,
        "value": change.value,
        "reason": change.reason,
    }
