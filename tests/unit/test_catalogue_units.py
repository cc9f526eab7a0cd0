"""Units by code and date: the expected counts, the merger of 2025, types and departments."""

from collections import Counter
from datetime import date

import pytest
from chiso_shared.catalogue import parse_catalogue

from tests.unit.catalogue_seeds import catalogue_with, edited, seeds

BEFORE = date(2025, 6, 30)
MERGED = date(2025, 7, 1)
TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(("province", "communes"), [("51", 96), ("44", 78), ("08", 124), ("33", 104)])
def test_expected_communes_of_the_provinces_of_the_source_documents(province: str, communes: int) -> None:
    assert len(seeds().units.children(province, MERGED, "commune")) == communes
    assert len(seeds().units.children(province, TODAY, "commune")) == communes


def test_the_country_has_34_provinces_and_3321_communes() -> None:
    units = seeds().units
    assert len(units.of_level("province", TODAY)) == 34
    assert len(units.of_level("commune", TODAY)) == 3321
    assert len(units.children("VN", TODAY)) == 34
    assert (
        sum(len(units.children(unit.code, TODAY, "commune")) for unit in units.children("VN", TODAY)) == 3321
    )


def test_before_the_merger_there_were_63_provinces_and_no_known_communes() -> None:
    units = seeds().units
    assert len(units.of_level("province", BEFORE)) == 63
    assert units.of_level("commune", BEFORE) == ()
    assert Counter(unit.type for unit in units.of_level("province", BEFORE)) == {"tinh": 57, "thanh_pho": 6}


def test_vector_9_nso_44_and_h50_before_and_after_the_merger() -> None:
    units = seeds().units
    assert [getattr(units.get("44", on), "name_vi", None) for on in (BEFORE, MERGED)] == [
        "Quảng Bình",
        "Quảng Trị",
    ]
    by_h_code = [units.by_h_code("000.00.00.H50", on) for on in (BEFORE, MERGED)]
    assert [(unit.code, unit.name_vi) for unit in by_h_code if unit] == [
        ("45", "Quảng Trị"),
        ("44", "Quảng Trị"),
    ]


def test_a_former_code_ends_with_june_2025() -> None:
    units = seeds().units
    kon_tum = units.get("62", BEFORE)
    assert kon_tum is not None and kon_tum.valid_to == BEFORE and kon_tum.parent == "VN"
    assert units.get("62", MERGED) is None and units.known("62")
    assert units.by_h_code("H30", BEFORE) is not None and units.by_h_code("H30", MERGED) is None


def test_63_predecessors_eleven_of_them_unchanged() -> None:
    found = seeds().predecessors
    assert len(found) == 63 and Counter(one.kind for one in found) == {"unchanged": 11, "merged": 52}
    assert {one.old_name_vi for one in found if one.new_code == "51"} == {"Kon Tum", "Quảng Ngãi"}


def test_types_are_those_of_the_day() -> None:
    units = seeds().units
    types = [(unit.type, unit.name_en) for on in (MERGED, TODAY) if (unit := units.get("24", on))]
    assert types == [("tinh", "Bac Ninh Province"), ("thanh_pho", "Bac Ninh City")]
    assert Counter(unit.type for unit in units.of_level("province", MERGED)) == {"tinh": 28, "thanh_pho": 6}
    at_first = Counter(unit.type for unit in units.of_level("commune", MERGED))
    assert at_first == {"xa": 2621, "phuong": 687, "dac_khu": 13}
    today = Counter(unit.type for unit in units.of_level("commune", TODAY))
    assert today == {"xa": 2599, "phuong": 709, "dac_khu": 13}


def test_ancestors_are_nearest_first_and_valid_that_day() -> None:
    units = seeds().units
    commune = units.children("51", TODAY, "commune")[0]
    assert units.ancestors(commune.code, TODAY) == ("51", "VN")
    assert units.ancestors("51", BEFORE) == ("VN",)
    assert units.ancestors("VN", TODAY) == () == units.ancestors("99", TODAY)


def test_a_department_is_a_child_of_its_province_and_known_however_written() -> None:
    units = seeds().units
    department = units.get("H48.12", TODAY)
    assert department is not None and department.level == "department" and department.parent == "51"
    assert units.get("000.00.12.H48", TODAY) == department == units.by_h_code("H48-12", TODAY)
    assert department in units.children("51", TODAY) and department not in units.children(
        "51", TODAY, "commune"
    )


@pytest.mark.parametrize("code", ["", "00", "99999", "H48", "000.51", "51 ", "vn", "H48.99"])
def test_other_texts_are_no_unit_code(code: str) -> None:
    assert not seeds().units.known(code) and seeds().units.get(code, TODAY) is None


def test_all_lists_every_unit_once_with_its_latest_type() -> None:
    units = seeds().units.all()
    assert len(units) == 1 + 34 + 3321 + 63 + 1
    assert [unit.type for unit in units if unit.code == "24"] == ["tinh", "thanh_pho"]


def test_a_parent_may_change_from_a_date_on() -> None:
    row = "00004,commune,01,phuong,Ba Đình,Phường Ba Đình,Ba Dinh Ward,2025-07-01,"
    moved = row + "2025-12-31\n" + row.replace(",01,", ",04,").replace("2025-07-01", "2026-01-01")
    files = edited("units.csv", row, moved)
    files = edited("provinces.csv", "verified,126,75,51", "verified,125,75,50", files)
    units = parse_catalogue(edited("provinces.csv", "unknown,56,53,3", "unknown,57,53,4", files)).units
    assert units.ancestors("00004", date(2025, 12, 31)) == ("01", "VN")
    assert units.ancestors("00004", date(2026, 1, 1)) == ("04", "VN")
    assert (
        len(units.children("01", TODAY, "commune")) == 125
        and len(units.children("04", TODAY, "commune")) == 57
    )


def test_an_edit_changes_the_version_of_the_catalogue() -> None:
    other = catalogue_with("tasks.csv", "Develop annual plans", "Prepare annual plans")
    assert len(other.version) == 16 and other.version != seeds().version
