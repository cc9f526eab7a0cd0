"""What audits have found to differ and nothing has shown to agree again. Pure; repairs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Difference = Mapping[str, Any]


@dataclass(slots=True)
class DriftBook:
    """Differing rows by the text of their key; each difference has `key` and `fields` with both values."""

    rows: dict[str, Difference] = field(default_factory=dict)

    def note(self, checked: Iterable[str], differences: Sequence[Difference]) -> list[Difference]:
        """Takes in what a check of some keys found; the differences that were not known before."""
        found = {difference["key"]: difference for difference in differences}
        for key in checked:
            if key not in found:
                self.rows.pop(key, None)
        new = [difference for key, difference in found.items() if self.rows.get(key) != difference]
        self.rows.update(found)
        return new

    def replace(self, differences: Sequence[Difference]) -> None:
        """Takes in what a complete audit found: whatever it did not find is settled."""
        self.rows = {difference["key"]: difference for difference in differences}
