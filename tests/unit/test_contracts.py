"""Exact numbers, canonical form, and CloudEvents headers."""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from chiso_shared.contracts.codec import (
    MalformedJSON,
    canonical_json,
    decode_json,
    encode_json,
    payload_sha256,
    plain,
)
from chiso_shared.contracts.events import Event, NotACloudEvent, content_id
from chiso_shared.contracts.submission import Observation
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

door_numbers = st.decimals(min_value=0, max_value=Decimal("999999999"), places=6)
sums = st.decimals(min_value=0, max_value=Decimal("9999999999999999999"), places=6)
documents = st.recursive(
    st.none() | st.booleans() | door_numbers | st.text(string.printable + "ắộữ", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abcé", max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(sums)
def test_a_number_keeps_every_digit_on_its_way_through_json(number: Decimal) -> None:
    raw = encode_json({"value": plain(number)})
    assert b"E" not in raw and b'"value":"' not in raw
    assert Decimal(decode_json(raw)["value"]) == number


@given(sums)
def test_plain_changes_the_form_and_not_the_number(number: Decimal) -> None:
    assert plain(number) == number
    assert "E" not in str(plain(number))


@given(documents)
def test_canonical_form_is_a_fixed_point(document: Any) -> None:
    once = canonical_json(document)
    assert canonical_json(decode_json(once)) == once


@given(st.dictionaries(st.text("abcdefé", min_size=1, max_size=4), door_numbers, min_size=2))
def test_the_hash_does_not_depend_on_the_order_of_keys(document: dict[str, Decimal]) -> None:
    assert payload_sha256(document) == payload_sha256(dict(reversed(document.items())))


def test_the_hash_does_not_depend_on_how_a_number_is_written() -> None:
    written = [b'{"a":1004,"b":0.5}', b'{"b":5e-1,"a":1004.0}', b'{ "a": 1.004e3, "b": 0.50 }']
    assert len({payload_sha256(decode_json(raw)) for raw in written}) == 1
    assert payload_sha256({"a": 1}) != payload_sha256({"a": 2})


@pytest.mark.parametrize(
    "raw", [b"", b"{", b'{"a":NaN}', b"\xff\xfe", b'"\\ud800"', b"[" * 100_000, b"1 2", b'{"a":01}']
)
def test_what_is_not_one_json_document_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedJSON):
        decode_json(raw)


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity")])
def test_numbers_that_are_none_are_refused(number: Decimal) -> None:
    with pytest.raises(ValidationError):
        Observation(unit="51", indicator="DVC.RECEIVED", value=number)


def test_headers_are_the_promised_ones_and_read_back() -> None:
    event = Event(
        type="chiso.rollup.changed.v1",
        id=content_id("51|X", 3),
        source="/chiso/indicators",
        subject="51|X",
        time=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        data=b"{}",
        partitionkey="51|X",
        sequence=3,
    )
    headers = dict(event.headers())
    assert headers["ce_time"] == b"2026-01-02T03:04:05.678901Z"
    assert headers["ce_dataschema"] == b"urn:chiso:schema:rollup.changed.v1"
    assert headers["content-type"] == b"application/json"
    assert set(headers) >= {"ce_id", "ce_source", "ce_type", "ce_subject", "ce_sequence", "traceparent"}
    read = Event.from_record(event.headers(), b"{}")
    assert (read.id, read.time, read.sequence) == (event.id, event.time, 3)


@pytest.mark.parametrize("missing", ["ce_id", "ce_type", "ce_source", "ce_time"])
def test_a_record_without_an_attribute_is_not_an_event(missing: str) -> None:
    headers = {"ce_id": "1", "ce_type": "t", "ce_source": "s", "ce_time": "2026-01-01T00:00:00Z"}
    del headers[missing]
    with pytest.raises(NotACloudEvent):
        Event.from_record(headers, b"")


def test_content_ids_tell_causes_apart() -> None:
    assert content_id("a", 1) == content_id("a", 1)
    assert len({content_id("a", 1), content_id("a", 2), content_id("a1"), content_id("a", "1", "")}) == 4
    assert json.loads(encode_json({"id": content_id("a")}))["id"]
