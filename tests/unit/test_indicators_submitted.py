"""A submission is read the fast way or by the model, and both say the same of any payload."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from chiso_indicators.core.submitted import Submitted, of_model, read_submitted, read_usual
from chiso_shared.contracts.codec import MalformedJSON, decode_model, encode_json
from chiso_shared.contracts.submission import Observation, Source, SubmissionEvent
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import ValidationError

TEXT = st.text(max_size=12)
NUMBERS = st.none() | st.decimals(-(10**15), 10**15, places=3) | st.integers()
OBSERVATIONS = st.builds(
    Observation,
    unit=TEXT,
    indicator=TEXT,
    op=st.sampled_from(["report", "withdraw"]),
    status=st.sampled_from(["A", "P", "E", "NA"]),
    numerator=NUMBERS,
    denominator=NUMBERS,
    value=NUMBERS,
    value_high=NUMBERS,
    qualifier=st.sampled_from(["eq", "gt", "ge", "lt", "le", "approx", "range"]),
    reason=st.none() | TEXT,
)
EVENTS = st.builds(
    SubmissionEvent,
    submission_id=st.uuids(),
    agency=TEXT,
    calendar=st.sampled_from(["administrative", "statistical"]),
    period=TEXT,
    basis=st.sampled_from(["in_period", "ytd", "as_of", "unstated"]),
    as_of=st.none() | st.dates(),
    stage=st.sampled_from(["estimate", "actual", "official"]),
    revision=st.integers(0, 2**70),
    reason=st.none() | TEXT,
    source=st.builds(
        Source, document=st.none() | TEXT, url=st.none() | TEXT, published=st.none() | st.dates()
    ),
    observations=st.lists(OBSERVATIONS, max_size=4).map(tuple),
    accepted_at=st.datetimes(timezones=st.just(UTC)),
    payload_sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    key_id=TEXT,
    catalogue_version=TEXT,
)
EXAMPLE = SubmissionEvent(
    submission_id=UUID(int=1),
    agency="DEMO",
    calendar="administrative",
    period="2026-09",
    basis="as_of",
    as_of=date(2026, 9, 10),
    observations=(Observation(unit="51", indicator="X", value=Decimal(7)),),
    accepted_at=datetime(2026, 9, 10, tzinfo=UTC),
    payload_sha256="0" * 64,
    key_id="k",
    catalogue_version="v",
)
# What may stand where a payload has something: of another type, out of bounds, or only written unusually.
STRANGE = (
    *(
        b"null",
        b"true",
        b'""',
        b"[]",
        b"{}",
        b"-0",
        b"0.0",
        b"1.0",
        b"1.50",
        b"1E+3",
        b"01",
        b"1.",
        b"-1",
        b"12",
    ),
    *(b'"12.50"', b'" 7 "', b'"1_000"', b'"NaN"', b'"Infinity"', b'"sNaN"', b"NaN", b"1e400"),
    *(b"0.000000000000000000000000000000000000001", b"1" * 40, b"1" * 5_000, b"1e99999999999999999999"),
    # Numbers that would take minutes as whole ones, also where they are nothing.
    *(b"1e99999999", b"0e99999999", b"1e-99999999"),
    *(
        b'"2026-02-29"',
        b'"2026-02-28"',
        b'"0000-01-01"',
        b'"0001-01-01"',
        b'"2026-02-28T00:00:00"',
        b"20260228",
    ),
    *(b'"2026-11-28T10:00:00Z"', b'"2026-11-28 10:00:00Z"', b'"2026-11-28T10:00:00.1234567Z"'),
    *(
        b'"2026-11-28T24:00:00Z"',
        b'"2026-02-30T10:00:00Z"',
        b'"2026-11-28T10:00:00+07:00"',
        b'"2026-11-28T10:00:00"',
        b'"10:00"',
    ),
    *(b'"6f1b2c3d000040008000000000000001"', b'"{6F1B2C3D-0000-4000-8000-000000000001}"', b'"not a uuid"'),
    *(b'"\xff"', b'"\\ud800"', b'"\\u0000"', b'"' + b"0" * 64 + b'\\n"', b'"eq"', b'"report"', b'"as_of"'),
)


def by_model(raw: bytes) -> Any:
    """What the model makes of a payload: a submission, or the kind of error."""
    return _outcome(lambda: of_model(decode_model(SubmissionEvent, raw)))


def _outcome(read: Any) -> Any:
    try:
        return read()
    except (MalformedJSON, ValidationError, ArithmeticError, ValueError) as error:
        return type(error)


def exact(found: Submitted) -> str:
    """Every digit and type of it: 1.50 is not 1.5 here, and 0 is not -0. Instants have two spellings."""
    return repr((replace(found, accepted=""), found.accepted_at))


@given(EVENTS)
def test_what_the_door_writes_is_read_the_fast_way_and_as_the_model_reads_it(event: SubmissionEvent) -> None:
    raw = encode_json(event)
    found = read_usual(raw)
    assert found is not None
    assert exact(found) == exact(of_model(decode_model(SubmissionEvent, raw)))
    assert found.accepted_at == event.accepted_at and found.accepted_at.tzinfo is UTC


def holders(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Where a payload has fields."""
    return [document, document["source"], *document["observations"]]


@pytest.mark.parametrize("holder", range(3))
def test_whatever_stands_in_a_field_is_read_as_the_model_reads_it(holder: int) -> None:
    event = EXAMPLE
    for name in [*holders(event.model_dump())[holder], "invented"]:
        document = event.model_dump()
        holders(document)[holder][name] = "@here@"
        raw = encode_json(document)
        for strange in STRANGE:
            check(raw.replace(b'"@here@"', strange))


def check(raw: bytes) -> None:
    """Both ways say the same."""
    wanted, usual = by_model(raw), read_usual(raw)
    if usual is not None:
        assert not isinstance(wanted, type) and exact(usual) == exact(wanted), raw
    found = _outcome(lambda: read_submitted(raw))
    assert found == wanted if isinstance(wanted, type) else exact(found) == exact(wanted), raw


@given(EVENTS, st.integers(0, 2**32), st.binary(max_size=3))
def test_damaged_bytes_are_read_as_the_model_reads_them(
    event: SubmissionEvent, seed: int, put: bytes
) -> None:
    raw = encode_json(event)
    chance = random.Random(seed)
    start = chance.randrange(len(raw))
    check(raw[:start] + put + raw[start + chance.randint(0, 3) :])


def test_every_field_of_the_model_is_read() -> None:
    names = set(SubmissionEvent.model_fields) - {"accepted_at"} | {"accepted"}
    assert set(Submitted.__struct_fields__) == names
    assert Submitted.__struct_encode_fields__[Submitted.__struct_fields__.index("accepted")] == "accepted_at"


@pytest.mark.parametrize("number", ["1.50", "150e-2", "1.5"])
def test_numbers_are_plain(number: str) -> None:
    found = read_usual(encode_json(EXAMPLE).replace(b'"value":7', f'"value":{number}'.encode()))
    assert found is not None and str(found.observations[0].value) == "1.5"
