"""The identity of cells and rollups. Names only; nothing here computes."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """(unit, indicator, calendar, period, basis): a cell's identity, and a rollup's."""

    unit: str
    indicator: str
    calendar: str
    period: str
    basis: str

    def at(self, *, unit: str | None = None, period: str | None = None) -> Key:
        """The same key for another unit or period."""
        return Key(unit or self.unit, self.indicator, self.calendar, period or self.period, self.basis)

    @property
    def text(self) -> str:
        """As Kafka keys and `ce_subject` write it: `unit|indicator|calendar|period|basis`."""
        return "|".join(self)
