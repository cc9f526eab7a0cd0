"""Units of the country with their validity: nation, provinces (old and new), communes, departments. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import MappingProxyType
from typing import NamedTuple

from chiso_shared.catalogue.agencies import canonical_agency
from chiso_shared.catalogue.words import Level


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit as it is in one span of time. Dates are inclusive; None means "since before the records"
    (`valid_from`) or "still" (`valid_to`). `type` is the one in force in the span `type_from`..`type_to`.
    `merged`: it went into another unit on its last day; what has its code afterwards is another unit."""

    code: str
    level: Level
    parent: str | None
    type: str
    name_vi: str
    name_vi_full: str
    name_en: str
    h_code: str | None
    valid_from: date | None
    valid_to: date | None
    type_from: date | None = None
    type_to: date | None = None
    merged: bool = False

    def valid_on(self, on: date) -> bool:
        """Whether the unit exists on that day."""
        return _covers(self.valid_from, self.valid_to, on)

    def in_force_on(self, on: date) -> bool:
        """Whether the unit exists and has this type on that day."""
        return self.valid_on(on) and _covers(self.type_from, self.type_to, on)


def _covers(first: date | None, last: date | None, on: date) -> bool:
    return (first is None or first <= on) and (last is None or on <= last)


class Tenure(NamedTuple):
    """The days on which a code means one and the same unit, whatever its type, name or parent; inclusive."""

    code: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A province of before a merger, the one it went into, and the first day of the new one."""

    old_code: str
    old_name_vi: str
    new_code: str
    kind: str
    effective: date


@dataclass(frozen=True, slots=True)
class Units:
    """Every unit the catalogue knows, by code and date (docs/semantics.md §1, §5)."""

    spans: Mapping[str, tuple[Unit, ...]]
    _by_parent: Mapping[str, tuple[str, ...]] = field(repr=False)
    _by_level: Mapping[str, tuple[str, ...]] = field(repr=False)
    _by_h_code: Mapping[str, tuple[str, ...]] = field(repr=False)

    @classmethod
    def of(cls, units: tuple[Unit, ...]) -> "Units":
        """Index the spans. Spans of one code must not overlap (the loader checks it)."""
        spans: dict[str, list[Unit]] = {}
        by_parent: dict[str, dict[str, None]] = {}
        by_level: dict[str, dict[str, None]] = {}
        by_h_code: dict[str, dict[str, None]] = {}
        for unit in sorted(units, key=_start):
            spans.setdefault(unit.code, []).append(unit)
            by_level.setdefault(unit.level, {})[unit.code] = None
            if unit.parent is not None:
                by_parent.setdefault(unit.parent, {})[unit.code] = None
            if unit.h_code is not None:
                by_h_code.setdefault(unit.h_code, {})[unit.code] = None
        return cls(
            MappingProxyType({code: tuple(spans[code]) for code in sorted(spans)}),
            _sorted_index(by_parent),
            _sorted_index(by_level),
            _sorted_index(by_h_code),
        )

    def known(self, code: str) -> bool:
        """Whether the code was ever a unit (also a department's H-code, however it is written)."""
        return self._canonical(code) is not None

    def named(self, code: str) -> bool:
        """Whether any code, NSO or H-code, ever named a unit."""
        return self.known(code) or canonical_agency(code) in self._by_h_code

    def get(self, code: str, on: date) -> Unit | None:
        """The unit of an NSO code, `VN` or a department's H-code on that day; None when there is none."""
        known = self._canonical(code)
        if known is None:
            return None
        return next((unit for unit in self.spans[known] if unit.in_force_on(on)), None)

    def tenure(self, code: str, on: date) -> Tenure | None:
        """For how long a code means the unit that it means on that day; None when it means none.

        Two days have the same tenure exactly when the code means the same unit on both."""
        unit = self.get(code, on)
        if unit is None:
            return None
        ends = [span.valid_to for span in self.spans[unit.code] if span.merged and span.valid_to is not None]
        first = max((end + timedelta(days=1) for end in ends if end < on), default=date.min)
        return Tenure(unit.code, first, min((end for end in ends if on <= end), default=date.max))

    def by_h_code(self, h_code: str, on: date) -> Unit | None:
        """The unit that an H-code names on that day: a province (`H50`) or a department (`H48.12`)."""
        canonical = canonical_agency(h_code)
        codes = self._by_h_code.get(canonical, ()) if canonical else ()
        found = (self.get(code, on) for code in codes)
        return next((unit for unit in found if unit is not None and unit.h_code == canonical), None)

    def resolve(self, code: str, on: date) -> Unit | None:
        """The unit of any code, NSO or H-code, on that day."""
        return self.get(code, on) or self.by_h_code(code, on)

    def ancestors(self, code: str, on: date) -> tuple[str, ...]:
        """Codes above a unit on that day, nearest first: `("51", "VN")`. Empty for the nation."""
        codes: list[str] = []
        unit = self.get(code, on)
        while unit is not None and unit.parent is not None:
            codes.append(unit.parent)
            unit = self.get(unit.parent, on)
        return tuple(codes)

    def children(self, code: str, on: date, level: str | None = None) -> tuple[Unit, ...]:
        """The units directly below a unit on that day, by code; only those of `level` if it is given."""
        below = (self.get(child, on) for child in self._by_parent.get(code, ()))
        return tuple(
            unit
            for unit in below
            if unit is not None and unit.parent == code and (level is None or unit.level == level)
        )

    def of_level(self, level: str, on: date) -> tuple[Unit, ...]:
        """Every unit of a level on that day, by code."""
        found = (self.get(code, on) for code in self._by_level.get(level, ()))
        return tuple(unit for unit in found if unit is not None and unit.level == level)

    def all(self) -> tuple[Unit, ...]:
        """Every unit, former ones included, by code and validity, each with its latest type."""
        latest: dict[tuple[str, date | None], Unit] = {}
        for spans in self.spans.values():
            for unit in spans:
                latest[unit.code, unit.valid_from] = unit
        return tuple(latest.values())

    def _canonical(self, code: str) -> str | None:
        if code in self.spans:
            return code
        canonical = canonical_agency(code)
        return canonical if canonical in self.spans and canonical in self._by_h_code else None


def _start(unit: Unit) -> tuple[str, date, date]:
    return unit.code, unit.valid_from or date.min, unit.type_from or date.min


def _sorted_index(index: dict[str, dict[str, None]]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({key: tuple(sorted(codes)) for key, codes in index.items()})
