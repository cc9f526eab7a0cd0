"""What an older database must not say again: versions that the topic of rollups already holds. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from chiso_indicators.core.keys import Key
from chiso_indicators.core.row import Row


@dataclass(slots=True)
class Surplus:
    """The newest version of each key in a stretch of the topic, and the newest tick and stamp in it."""

    versions: dict[Key, int] = field(default_factory=dict)
    tick: int = 0
    stamp: datetime | None = None

    def add(self, key: Key, version: int, tick: int, stamp: datetime) -> None:
        """Notes one event; their order does not matter."""
        self.versions[key] = max(version, self.versions.get(key, 0))
        self.tick = max(tick, self.tick)
        self.stamp = stamp if self.stamp is None else max(stamp, self.stamp)


def above(rows: Sequence[Row], floors: Mapping[Key, int]) -> list[Row]:
    """New versions, each above the floor of its key (delivery, Restore)."""
    return [
        msgspec.structs.replace(row, version=max(row.version, floors.get(row.key, 0) + 1)) for row in rows
    ]
