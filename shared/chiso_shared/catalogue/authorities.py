"""Which agency alone speaks for a unit (docs/semantics.md §3): authoritative sources. Pure data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from chiso_shared.catalogue.agencies import canonical_agency
from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.tables import Row, columns
from chiso_shared.catalogue.units import Units

AUTHORITY_COLUMNS: Final = columns("unit indicator agency valid_from valid_to")
_FAMILY: Final = ".*"


@dataclass(frozen=True, slots=True)
class Authority:
    """From a day to a day (None: for ever) only this agency counts for a unit's indicator.

    `indicator` is a code, or a family written like `DVC.*`.
    """

    unit: str
    indicator: str
    agency: str
    valid_from: date
    valid_to: date | None

    def holds(self, unit: str, indicator: Indicator, on: date) -> bool:
        """Whether it is about this unit's indicator in a period that ends on that day."""
        if unit != self.unit or on < self.valid_from or (self.valid_to is not None and on > self.valid_to):
            return False
        if self.indicator.endswith(_FAMILY):
            return indicator.code.startswith(self.indicator[:-1])
        return indicator.code == self.indicator


@dataclass(frozen=True, slots=True)
class Authorities:
    """All entries. Where none is in force, every agency in scope is authoritative."""

    entries: tuple[Authority, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.entries)

    def of(self, unit: str, indicator: Indicator, on: date) -> frozenset[str]:
        """The agencies that alone count there; empty where every agency does."""
        return frozenset(entry.agency for entry in self.entries if entry.holds(unit, indicator, on))


def read_authorities(rows: Sequence[Row], units: Units, indicators: Sequence[str]) -> Authorities:
    """Entries in the order of the file; two of the same unit and indicator must not overlap."""
    found: list[Authority] = []
    for row in rows:
        entry = _entry(row, units, indicators)
        for other in found:
            if (other.unit, other.indicator) == (entry.unit, entry.indicator) and _overlap(entry, other):
                row.problem(
                    "valid_from", f"overlaps the entry of {other.agency} for the same unit and indicator"
                )
        found.append(entry)
    return Authorities(tuple(found))


def _entry(row: Row, units: Units, indicators: Sequence[str]) -> Authority:
    unit, name, agency = row.required("unit"), row.required("indicator"), row.required("agency")
    entry = Authority(unit, name, agency, row.day("valid_from"), row.optional_day("valid_to"))
    if unit and units.get(unit, entry.valid_from) is None:
        row.problem("unit", f"{unit!r} is no known unit on {entry.valid_from}")
    if agency and canonical_agency(agency) != agency:
        row.problem("agency", f"{agency!r} is no canonical agency code like H48.12")
    if name.endswith(_FAMILY):
        if not any(code.startswith(name[:-1]) for code in indicators):
            row.problem("indicator", f"{name!r} is the family of no indicator")
    else:
        row.reference("indicator", name, indicators, "indicator")
    if entry.valid_to is not None and entry.valid_to < entry.valid_from:
        row.problem("valid_to", "ends before it begins")
    return entry


def _overlap(one: Authority, other: Authority) -> bool:
    return (other.valid_to is None or one.valid_from <= other.valid_to) and (
        one.valid_to is None or other.valid_from <= one.valid_to
    )
