"""Reads back what this service has told on `chiso.rollups.v1`. Decides nothing and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from chiso_shared.contracts.topics import ROLLUPS
from chiso_shared.runtime.reading_back import Raw, read_back

from chiso_indicators.core.floors import Surplus
from chiso_indicators.core.keys import Key


class _Head(msgspec.Struct):
    unit: str
    indicator: str
    calendar: str
    period: str
    basis: str
    version: int
    tick: int
    updated_at: datetime


_HEADS: Final = msgspec.json.Decoder(_Head)


async def rollups_beyond(bootstrap: str, since: Mapping[int, int]) -> tuple[Surplus, dict[int, int]]:
    """What stands behind these offsets, and where each partition ends. Raises as `read_back` does."""
    found = Surplus()

    def take(records: Sequence[Raw]) -> None:
        for record in records:
            if record.value is not None:
                head = _HEADS.decode(record.value)
                key = Key(head.unit, head.indicator, head.calendar, head.period, head.basis)
                found.add(key, head.version, head.tick, head.updated_at)

    ends = await read_back(bootstrap, ROLLUPS, since, take)
    return found, ends
