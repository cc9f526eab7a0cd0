"""One form for everything that says the same (semantics §3; vector 8 for numbers in two languages)."""

from __future__ import annotations

import json
import unicodedata
from decimal import Decimal
from typing import Any

import pytest
from chiso_ingest.core import text as reading
from chiso_ingest.core.canonical import payload_hash
from chiso_ingest.core.figures import canonical_figure, read_figure
from chiso_ingest.core.findings import UnreadableNumber
from chiso_ingest.core.text import normal_text
from chiso_ingest.core.texts import Text
from chiso_shared.catalogue.published import published_submissions
from chiso_shared.contracts.codec import canonical_json, decode_model, encode_json, payload_sha256
from chiso_shared.contracts.submission import SubmissionDocument, SubmissionEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.ingest_documents import (
    GOOD,
    catalogue,
    codes,
    examine_one,
    good,
    rules,
    verdict_of,
    with_observation,
)

COMMUNES = ("21289", "21292", "21238", "21205", "19363")
figures = st.decimals(min_value=0, max_value=10**8, places=3, allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)


def accepted(document: Any, **kwargs: Any) -> Any:
    verdict = verdict_of(document, **kwargs)
    assert verdict.status == 200, verdict.findings
    return verdict


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Good submissions of several kinds of observations."""
    observations: list[dict[str, Any]] = []
    for unit in draw(st.lists(st.sampled_from(COMMUNES), min_size=1, max_size=5, unique=True)):
        low, high = sorted((draw(figures), draw(figures)))
        shape = draw(st.sampled_from(("ratio", "percent", "count", "NA", "withdraw")))
        observation: dict[str, Any] = {"unit": unit, "indicator": "DVC.ONLINE_SUBMIT", "reason": draw(texts)}
        match shape:
            case "ratio":
                observation |= {"numerator": low, "denominator": high}
            case "percent":
                observation |= {
                    "value": low % 100,
                    "qualifier": draw(st.sampled_from(("eq", "gt", "approx"))),
                }
            case "count":
                observation |= {"indicator": "DVC.RECEIVED", "value": high}
            case "NA":
                observation |= {"status": "NA"}
            case _:
                observation |= {"op": "withdraw"}
        observations.append(observation)
    source = {"document": draw(texts)} if draw(st.booleans()) else None
    return good(observations=observations, source=source, revision=draw(st.integers(0, 9)), reason="sửa đổi")


def as_json(document: Any) -> bytes:
    return encode_json(document)


@settings(max_examples=150, deadline=None)
@given(documents())
def test_canonicalisation_is_idempotent(document: dict[str, Any]) -> None:
    once = accepted(as_json(document))
    twice = accepted(as_json(once.document))
    assert twice.document == once.document
    assert twice.payload_sha256 == once.payload_sha256


@settings(max_examples=100, deadline=None)
@given(documents(), st.randoms(use_true_random=False), st.sampled_from((None, 1, 3)))
def test_order_of_names_and_white_space_do_not_change_the_hash(
    document: dict[str, Any], random: Any, indent: int | None
) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            names = list(value)
            random.shuffle(names)
            return {name: shuffled(value[name]) for name in names}
        if isinstance(value, list):
            return [shuffled(item) for item in value]
        return float(value) if isinstance(value, Decimal) else value

    other = json.dumps(shuffled(document), indent=indent, ensure_ascii=bool(indent)).encode()
    assert accepted(other).payload_sha256 == accepted(as_json(document)).payload_sha256


@settings(max_examples=100, deadline=None)
@given(documents())
def test_hash_is_rfc_8785_of_the_contract_s_document(document: dict[str, Any]) -> None:
    """The fast canonical form is the general one, and the contract's model says the same as the dict."""
    verdict = accepted(as_json(document))
    model = SubmissionDocument.model_validate(verdict.document)
    assert verdict.payload_sha256 == payload_hash(verdict.document) == payload_sha256(model)
    assert canonical_json(model) == canonical_json(verdict.document)
    event = {
        **verdict.document,
        "accepted_at": "2025-11-03T02:00:00.000001Z",
        "payload_sha256": verdict.payload_sha256,
        "key_id": "k",
        "catalogue_version": "v",
    }
    read = decode_model(SubmissionEvent, encode_json(event))
    assert payload_sha256(SubmissionDocument.model_validate(read.model_dump())) == verdict.payload_sha256


@pytest.mark.parametrize(
    "changes",
    [
        {"agency": ...},
        {"agency": "000.00.00.H48"},
        {"agency": "000-00-00-H48"},
        {"stage": ...},
        {"stage": None},
        {"revision": ...},
        {"revision": 0.0},
        {"reason": ...},
        {"reason": ""},
        {"submission_id": str(GOOD["submission_id"]).upper()},
        {"source": {"published": "2025-10-16", "document": " 359-KH/TU "}},
    ],
    ids=str,
)
def test_defaults_and_spellings_do_not_change_the_hash(changes: dict[str, Any]) -> None:
    assert accepted(good(**changes)).payload_sha256 == accepted(good()).payload_sha256


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "estimate"},
        {"revision": 1, "reason": "x"},
        {"reason": "x"},
        {"as_of": None},
        {"period": "2025-Q4"},
    ],
    ids=str,
)
def test_another_content_is_another_hash(changes: dict[str, Any]) -> None:
    assert accepted(good(**changes)).payload_sha256 != accepted(good()).payload_sha256


def test_text_is_normalised_not_refused() -> None:
    composed, decomposed = "Tỉnh Quảng Ngãi", unicodedata.normalize("NFD", "Tỉnh Quảng Ngãi")
    first, second = accepted(good(reason=composed)), accepted(good(reason=decomposed))
    assert first.payload_sha256 == second.payload_sha256
    assert second.document["reason"] == composed


def test_marks_piled_up_are_refused_and_what_a_language_writes_is_taken() -> None:
    ring = "a" + "\u0323\u0301" * 15
    assert accepted(good(revision=1, reason=ring)).document["reason"] == unicodedata.normalize("NFC", ring)
    verdict = verdict_of(good(revision=1, reason=ring + "\u0301"))
    assert codes(verdict) == {("/reason", "out_of_range")}


def test_a_text_without_end_is_refused_before_it_is_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    normalised: list[int] = []
    monkeypatch.setattr(reading, "normal_text", lambda text: normalised.append(len(text)))
    verdict = verdict_of(good(revision=1, reason="a" + "\u0301\u0323" * 200_000))
    assert codes(verdict) == {("/reason", "out_of_range")}
    assert max(normalised) < 100


@given(st.text(max_size=60))
def test_normal_text_is_idempotent(text: str) -> None:
    once = normal_text(text)
    assert once is None or normal_text(once) == once


def test_codes_become_canonical() -> None:
    verdict = accepted(with_observation(unit="000.00.12.H48"))
    assert verdict.document["observations"][0]["unit"] == "H48.12"


@given(st.decimals(allow_nan=True, allow_infinity=True) | st.integers())
def test_a_figure_is_canonical_or_refused(number: Decimal | int) -> None:
    figure = canonical_figure(number)
    if isinstance(figure, Text):
        assert figure.code == "out_of_range"
        return
    assert figure == number and 0 <= figure < 10**15
    text = encode_json(figure).decode()
    assert text.lower().count("e") == 0
    _, _, decimals = text.partition(".")
    assert len(decimals) <= 6 and not decimals.endswith("0") and len(text.replace(".", "").lstrip("0")) <= 15
    assert canonical_figure(figure) == figure


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("999999999999999", 999999999999999),
        ("1000000000000000", None),
        ("1e3", 1000),
        ("1.50", Decimal("1.5")),
        ("1004.0", 1004),
        ("-0", 0),
        ("0.000001", Decimal("0.000001")),
        ("0.0000010", Decimal("0.000001")),
        ("0.0000001", None),
        ("123456789012345.5", None),
        ("12345678901234.5", Decimal("12345678901234.5")),
        ("123456789.123456", Decimal("123456789.123456")),
        ("1e400", None),
        ("1e99999999999999999999", None),
        ("-1e-400", None),
        ("9" * 5000, None),
    ],
)
def test_bounds_of_numbers(text: str, expected: object) -> None:
    observation = f'{{"unit": "21292", "indicator": "DVC.RECEIVED", "value": {text}}}'
    body = json.dumps(good(observations=["HERE"])).replace('"HERE"', observation).encode()
    verdict = verdict_of(body)
    if expected is None:
        assert [(f.pointer, f.code) for f in verdict.findings] == [("/observations/0/value", "out_of_range")]
    else:
        assert verdict.document is not None
        assert verdict.document["observations"][0]["value"] == expected


VECTOR_8: list[tuple[str, str | None, object]] = [
    ("69.13", "en", Decimal("69.13")),
    ("69,13", "vi", Decimal("69.13")),
    ("4.318", "vi", 4318),
    ("4,318", "en", 4318),
    ("2.569.369", "vi", 2569369),
    ("2,569,369.5", "en", Decimal("2569369.5")),
    ("4318", "vi", 4318),
    ("4318,5", "vi", Decimal("4318.5")),
    ("4318", None, 4318),
    ("69.13", None, Decimal("69.13")),
    ("4.3180", None, Decimal("4.318")),
    ("-1", None, -1),
    ("4.318", None, None),
    ("0.123", None, None),
    ("4,318", None, None),
    ("69,13", None, None),
    ("2.569.369", None, None),
    ("69.13", "vi", None),
    ("69,13", "en", None),
    ("0.318", "vi", None),
    ("1.00", "vi", None),
    ("12.34.567", "vi", None),
    ("4.318", "en", Decimal("4.318")),
    ("1e3", None, None),
    ("+5", None, None),
    ("97 %", None, None),
    ("97%", "vi", None),
    ("٣", None, None),
    (".5", None, None),
    ("5.", None, None),
    ("NaN", None, None),
    ("Infinity", "en", None),
    ("1" * 65, None, None),
]


@pytest.mark.parametrize(("text", "locale", "expected"), VECTOR_8)
def test_vector_8_numbers_of_two_languages(text: str, locale: Any, expected: object) -> None:
    """semantics §8, 8: 69.13 (en) = 69,13 (vi); 4.318 (vi) = 4318; a locale-less 4.318 is refused."""
    read = read_figure(text, locale)
    if expected is None:
        assert isinstance(read, UnreadableNumber) and read.hint
    else:
        assert read == expected


@given(st.decimals(min_value=0, max_value=10**12, places=2))
def test_both_languages_read_what_they_write(number: Decimal) -> None:
    english = f"{number:,.2f}"
    vietnamese = english.translate(str.maketrans(",.", ".,"))
    assert read_figure(english, "en") == read_figure(vietnamese, "vi") == number


def test_mode_each_hashes_what_was_sent() -> None:
    """The hash covers the observations that were refused, too (semantics §3)."""
    observations = [*GOOD["observations"], {"unit": "99999", "indicator": "DVC.RECEIVED", "value": 1}]
    mixed = accepted(good(observations=observations), query={"mode": "each"})
    assert (mixed.sent, mixed.accepted) == (7, 6)
    assert [finding.pointer for finding in mixed.findings] == ["/observations/6/unit"]
    assert mixed.payload_sha256 != accepted(good()).payload_sha256
    observations[-1] = {**observations[-1], "value": 2}
    assert (
        accepted(good(observations=observations), query={"mode": "each"}).payload_sha256
        != mixed.payload_sha256
    )
    assert accepted(good(), query={"mode": "each"}).payload_sha256 == accepted(good()).payload_sha256


def test_mode_each_with_hostile_leftovers_still_hashes() -> None:
    hostile: list[Any] = [10**40, float("1e300"), "x", None, [[]], {"value": -5, "unit": ["51"]}, True]
    verdict = accepted(good(observations=[*GOOD["observations"], *hostile]), query={"mode": "each"})
    assert (verdict.accepted, verdict.sent) == (6, 13)


def test_mode_each_refuses_when_nothing_is_good_or_the_head_is_bad() -> None:
    assert verdict_of(with_observation(unit="99999"), {"mode": "each"}).status == 422
    assert verdict_of(good(stage="x"), {"mode": "each"}).status == 422
    assert verdict_of(good(agency="H50"), {"mode": "each"}).status == 403


def test_published_figures_pass_the_door() -> None:
    """What the local run submits is what the door takes."""
    from chiso_ingest.core.scope import Scope

    for submission in published_submissions(catalogue()):
        held_against = rules(Scope.unlimited("DEMO"), now=rules().now.replace(year=2026))
        verdict = examine_one(encode_json(dict(submission.body)), "application/json", None, held_against)
        assert verdict.status == 200, (submission.source, verdict.findings)
