"""Canonical identifiers of agencies, however they are written."""

import re

import pytest
from chiso_shared.catalogue import canonical_agency
from hypothesis import given
from hypothesis import strategies as st

GROUP = st.text("ABHK0123456789", min_size=1, max_size=4)
DOTTED = st.lists(GROUP, min_size=1, max_size=5).map(".".join)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("H48", "H48"),
        ("H48.12", "H48.12"),
        ("H55.242", "H55.242"),
        ("000.00.00.H49", "H49"),
        ("000.00.53.H48", "H48.53"),
        ("000-00-00-H40", "H40"),
        ("H48-12", "H48.12"),
        ("H48.12.00.000", "H48.12"),
        ("000.12.00.H48", "H48.00.12"),
        ("00.H48", "H48"),
        ("DEMO", "DEMO"),
        ("G01", "G01"),
    ],
)
def test_accepts_old_and_new_order_and_both_separators(text: str, canonical: str) -> None:
    assert canonical_agency(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "H48.",
        ".H48",
        "H48..12",
        "h48",
        "H48 ",
        "H48/12",
        "Ð48",
        "٤٨",
        "H48\n",
        "000.00.00.000",
        "A" * 36,
    ],
)
def test_refuses_what_is_no_identifier(text: str) -> None:
    assert canonical_agency(text) is None


def test_the_longest_identifier_has_35_characters() -> None:
    assert canonical_agency("A" * 35) == "A" * 35


@given(DOTTED | st.text(max_size=40))
def test_is_idempotent_and_keeps_the_grammar(text: str) -> None:
    canonical = canonical_agency(text)
    if canonical is not None:
        assert canonical_agency(canonical) == canonical
        assert re.fullmatch(r"[A-Z0-9]+(\.[A-Z0-9]+)*", canonical) and len(canonical) <= 35


@given(DOTTED)
def test_the_separator_does_not_matter(text: str) -> None:
    assert canonical_agency(text.replace(".", "-")) == canonical_agency(text)
