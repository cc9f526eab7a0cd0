"""Units from their five tables: current units, types, H-codes, former provinces, departments. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from chiso_shared.catalogue.agencies import canonical_agency
from chiso_shared.catalogue.check_units import check_expected, check_parents, check_validity
from chiso_shared.catalogue.tables import Row, columns, unique
from chiso_shared.catalogue.units import Predecessor, Unit, Units
from chiso_shared.catalogue.words import AUTHORITIES, Level

UNIT_COLUMNS: Final = columns("code level parent type name_vi name_vi_full name_en valid_from valid_to")
TYPE_COLUMNS: Final = columns("code type valid_from source verified")
PROVINCE_COLUMNS: Final = columns(
    "nso_code name_vi h_code h_code_status expected_communes n_xa n_phuong n_dac_khu h_code_candidate"
    " h_code_source"
)
PREDECESSOR_COLUMNS: Final = columns(
    "old_nso_code old_name_vi old_name_en type new_nso_code kind effective h_code h_code_source"
)
DEPARTMENT_COLUMNS: Final = columns("code parent type name_vi name_en valid_from valid_to kind source")

# Vietnamese and English word of every type of unit that has one.
_TYPE_WORDS: Final[dict[str, tuple[str, str]]] = {
    "tinh": ("Tỉnh", "Province"),
    "thanh_pho": ("Thành phố", "City"),
    "xa": ("Xã", "Commune"),
    "phuong": ("Phường", "Ward"),
    "dac_khu": ("Đặc khu", "Special Zone"),
}
_LEVEL_TYPES: Final[dict[Level, tuple[str, ...]]] = {
    "nation": ("quoc_gia",),
    "province": ("tinh", "thanh_pho"),
    "commune": ("xa", "phuong", "dac_khu"),
}
_LEVEL_CODES: Final[dict[Level, str]] = {"nation": "VN", "province": "[0-9]{2}", "commune": "[0-9]{5}"}
_DEPARTMENT_TYPES: Final = ("so", "ban", "van_phong")


@dataclass(frozen=True, slots=True)
class UnitTables:
    """The rows that units are read from."""

    units: Sequence[Row]
    types: Sequence[Row]
    provinces: Sequence[Row]
    predecessors: Sequence[Row]
    departments: Sequence[Row]


def read_units(tables: UnitTables) -> Units:
    """Every unit with its spans of validity and type; problems go to the report of the rows."""
    h_codes = _province_h_codes(tables.provinces)
    current = [_unit(row, h_codes) for row in tables.units]
    former = [_former_province(row) for row in tables.predecessors]
    departments = [_department(row) for row in tables.departments]
    rows = [*zip(tables.units, current, strict=True), *zip(tables.predecessors, former, strict=True)]
    rows += zip(tables.departments, departments, strict=True)
    check_validity(rows)
    typed = _with_types(current, tables.types)
    units = Units.of((*typed, *former, *departments))
    check_parents(rows, units)
    check_expected(tables.provinces, units)
    return units


def read_predecessors(rows: Sequence[Row], units: Units) -> tuple[Predecessor, ...]:
    """Who went into whom; every current code must be a unit on the first day."""
    found: list[Predecessor] = []
    for row in rows:
        effective = row.day("effective")
        new = row.required("new_nso_code")
        if units.get(new, effective) is None:
            row.problem("new_nso_code", f"{new!r} is no known unit on {effective}")
        kind = row.word("kind", ("unchanged", "merged"))
        found.append(Predecessor(row.text("old_nso_code"), row.text("old_name_vi"), new, kind, effective))
    return tuple(found)


def _unit(row: Row, h_codes: Mapping[str, str]) -> Unit:
    level = row.word("level", tuple(_LEVEL_TYPES))
    code = row.matching("code", re.compile(_LEVEL_CODES[level]), f"a code of the level {level}")
    parent = row.text("parent") or None
    if (parent is None) != (level == "nation"):
        row.problem("parent", "only the nation has no parent, and it has none")
    return Unit(
        code=code,
        level=level,
        parent=parent,
        type=row.word("type", _LEVEL_TYPES[level]),
        name_vi=row.required("name_vi"),
        name_vi_full=row.required("name_vi_full"),
        name_en=row.required("name_en"),
        h_code=h_codes.get(code) if level == "province" else None,
        valid_from=row.optional_day("valid_from"),
        valid_to=row.optional_day("valid_to"),
    )


def _former_province(row: Row) -> Unit:
    kind = row.word("type", _LEVEL_TYPES["province"])
    name = row.required("old_name_vi")
    effective = row.day("effective")
    return Unit(
        code=row.matching("old_nso_code", re.compile("[0-9]{2}"), "a code of two digits"),
        level="province",
        parent="VN",
        type=kind,
        name_vi=name,
        name_vi_full=f"{_TYPE_WORDS[kind][0]} {name}",
        name_en=row.required("old_name_en"),
        h_code=_h_code(row, "h_code"),
        valid_from=None,
        valid_to=effective - timedelta(days=1),
        merged=row.text("kind") == "merged",
    )


def _department(row: Row) -> Unit:
    code = row.required("code")
    if code and (canonical_agency(code) != code or "." not in code):
        row.problem("code", f"{code!r} is not the canonical H-code of a department")
    row.word("kind", AUTHORITIES)
    row.required("source")
    name = row.required("name_vi")
    return Unit(
        code=code,
        level="department",
        parent=row.required("parent"),
        type=row.word("type", _DEPARTMENT_TYPES),
        name_vi=name,
        name_vi_full=name,
        name_en=row.required("name_en"),
        h_code=code,
        valid_from=row.day("valid_from"),
        valid_to=row.optional_day("valid_to"),
    )


def _h_code(row: Row, column: str) -> str | None:
    text = row.text(column)
    if text and not re.fullmatch("H[0-9]{2}", text):
        row.problem(column, f"{text!r} is not a province's H-code")
    if text and not row.text("h_code_source"):
        row.problem("h_code_source", "an H-code needs its source")
    return text or None


def _province_h_codes(rows: Sequence[Row]) -> dict[str, str]:
    unique(rows, "nso_code")
    unique([row for row in rows if row.text("h_code")], "h_code")
    found: dict[str, str] = {}
    for row in rows:
        status = row.word("h_code_status", ("verified", "inferred", "unknown"))
        code = _h_code(row, "h_code")
        if (code is not None) != (status == "verified"):
            row.problem("h_code", "an H-code stands here when it is verified, and only then")
        if code is not None:
            found[row.text("nso_code")] = code
    return found


def _with_types(units: Sequence[Unit], rows: Sequence[Row]) -> list[Unit]:
    steps: dict[str, list[tuple[date, str]]] = {}
    by_code = {unit.code: unit for unit in units}
    unique(rows, "code", "valid_from")
    for row in rows:
        row.word("verified", ("yes", "no"))
        row.required("source")
        row.reference("code", row.required("code"), by_code, "unit")
        kind = row.word("type", tuple(_TYPE_WORDS))
        steps.setdefault(row.text("code"), []).append((row.day("valid_from"), kind))
        if row.text("code") in by_code and kind not in _LEVEL_TYPES.get(by_code[row.text("code")].level, ()):
            row.problem("type", f"{kind} is no type of that unit's level")
    for row in rows:
        unit = by_code.get(row.text("code"))
        last_day, last_type = max(steps[row.text("code")])
        if unit and row.text("valid_from") == last_day.isoformat() and last_type != unit.type:
            row.problem("type", f"{last_type} is the latest type, but the unit's own row has {unit.type}")
        first_day = min(steps[row.text("code")])[0]
        if unit and row.text("valid_from") == first_day.isoformat() and first_day != unit.valid_from:
            row.problem("valid_from", f"the first type begins on {first_day}, the unit on {unit.valid_from}")
    return [span for unit in units for span in _type_spans(unit, sorted(steps.get(unit.code, ())))]


def _type_spans(unit: Unit, steps: Sequence[tuple[date, str]]) -> list[Unit]:
    spans: list[Unit] = []
    for position, (first, kind) in enumerate(steps):
        last = steps[position + 1][0] - timedelta(days=1) if position + 1 < len(steps) else None
        spans.append(_as_type(unit, kind, first, last))
    return spans or [unit]


def _as_type(unit: Unit, kind: str, first: date, last: date | None) -> Unit:
    if kind == unit.type:
        return replace(unit, type_from=first, type_to=last)
    words, own = _TYPE_WORDS[kind], _TYPE_WORDS.get(unit.type, ("", ""))
    english = f"{unit.name_en.removesuffix(own[1]).rstrip()} {words[1]}"
    full = f"{words[0]} {unit.name_vi}"
    return replace(unit, type=kind, name_vi_full=full, name_en=english, type_from=first, type_to=last)
