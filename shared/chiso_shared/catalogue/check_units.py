"""What must hold between units: validity, parents, counts. Pure; problems go to the report of the rows."""

from collections.abc import Sequence
from datetime import date

from chiso_shared.catalogue.tables import Row
from chiso_shared.catalogue.units import Unit, Units
from chiso_shared.catalogue.words import Level


def check_validity(rows: Sequence[tuple[Row, Unit]]) -> None:
    """Spans of one code, current and former, must not overlap."""
    spans: dict[str, list[tuple[date, date, Row]]] = {}
    for row, unit in rows:
        first, last = unit.valid_from or date.min, unit.valid_to or date.max
        column = "valid_to" if "valid_to" in row.cells else "effective"
        if first > last:
            row.problem(column, "ends before it begins")
        for other_first, other_last, other in spans.get(unit.code, ()):
            if first <= other_last and other_first <= last:
                row.problem(column, f"validity of {unit.code} overlaps {other.file} row {other.number}")
        spans.setdefault(unit.code, []).append((first, last, row))


def check_parents(rows: Sequence[tuple[Row, Unit]], units: Units) -> None:
    """Every parent exists, one level up, at both ends of the validity."""
    for row, unit in rows:
        if unit.parent is None:
            continue
        above: Level = "nation" if unit.level == "province" else "province"
        for on in (unit.valid_from or unit.valid_to or date.max, unit.valid_to or date.max):
            parent = units.get(unit.parent, on)
            if parent is None or parent.level != above:
                row.problem("parent", f"{unit.parent!r} is no {above} on {on}")
                break


def check_expected(rows: Sequence[Row], units: Units) -> None:
    """The counts of provinces.csv must be those of the units."""
    on = date.max
    for row in rows:
        province = units.get(row.required("nso_code"), on)
        if province is None or province.level != "province":
            row.problem("nso_code", f"{row.text('nso_code')!r} is no known province")
            continue
        if row.text("name_vi") != province.name_vi:
            row.problem("name_vi", f"the unit is named {province.name_vi}")
        communes = units.children(province.code, on, "commune")
        for column, kind in (("n_xa", "xa"), ("n_phuong", "phuong"), ("n_dac_khu", "dac_khu")):
            counted = sum(unit.type == kind for unit in communes)
            if row.integer(column, 0, 9999) != counted:
                row.problem(column, f"units.csv has {counted}")
        if row.integer("expected_communes", 0, 9999) != len(communes):
            row.problem("expected_communes", f"units.csv has {len(communes)}")
