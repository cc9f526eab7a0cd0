"""A submission as Apply reads it: what `SubmissionEvent` says, many times faster than by the model. Pure.

Only the shape that the door writes is read here; whatever looks otherwise is left to the model, which decides
whether it is wrong or only unusual. So both ways give the same (`tests/unit/test_indicators_submitted.py`).
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final
from uuid import UUID

import msgspec
from chiso_shared.contracts.codec import decode_model, plain
from chiso_shared.contracts.events import rfc3339
from chiso_shared.contracts.fields import Basis, CalendarName, ObservationStatus, Op, Qualifier, Stage
from chiso_shared.contracts.submission import SubmissionEvent

_UTC: Final = (
    r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z\Z"  # rfc3339()
)
_SHA256: Final = r"\A[0-9a-f]{64}\Z"


class Observed(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One cell's figure, its numbers plain."""

    unit: str
    indicator: str
    op: Op = "report"
    status: ObservationStatus = "A"
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    value: Decimal | None = None
    value_high: Decimal | None = None
    qualifier: Qualifier = "eq"
    reason: str | None = None


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Where the figures come from."""

    document: str | None = None
    url: str | None = None
    published: date | None = None


class Submitted(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An accepted submission. Not to be changed after `read_submitted` has given it."""

    submission_id: UUID
    agency: str
    calendar: CalendarName
    period: str
    basis: Basis
    as_of: date | None = None
    stage: Stage = "actual"
    revision: Annotated[int, msgspec.Meta(ge=0)] = 0
    reason: str | None = None
    source: Origin = Origin()
    observations: tuple[Observed, ...]
    accepted: Annotated[str, msgspec.Meta(pattern=_UTC)] = msgspec.field(name="accepted_at")
    payload_sha256: Annotated[str, msgspec.Meta(pattern=_SHA256)]
    key_id: str
    catalogue_version: str

    @property
    def accepted_at(self) -> datetime:
        """When the door accepted it, in UTC."""
        return datetime.fromisoformat(self.accepted)


_DECODER: Final = msgspec.json.Decoder(Submitted)
# Far above what can be stored, and below what Python reads as a whole number.
_MOST_DIGITS: Final = 1_000
_UNUSUAL: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, ArithmeticError)


def read_submitted(raw: bytes) -> Submitted:
    """The submission in a payload. Raises what `decode_model` raises."""
    return read_usual(raw) or of_model(decode_model(SubmissionEvent, raw))


def read_usual(raw: bytes) -> Submitted | None:
    """The submission in a payload as the door writes it; None for the model to look at."""
    try:
        found = _DECODER.decode(raw)
        datetime.fromisoformat(found.accepted)
        for observed in found.observations:
            _make_plain(observed)
    except _UNUSUAL:
        return None
    return found


def _make_plain(observed: Observed) -> None:
    if observed.numerator is not None:
        observed.numerator = _plain(observed.numerator)
    if observed.denominator is not None:
        observed.denominator = _plain(observed.denominator)
    if observed.value is not None:
        observed.value = _plain(observed.value)
    if observed.value_high is not None:
        observed.value_high = _plain(observed.value_high)


def _plain(number: Decimal) -> Decimal:
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError("not a number that can be stored")
    return plain(number)


def of_model(event: SubmissionEvent) -> Submitted:
    """The same submission, read by the model."""
    fields = {name: getattr(event, name) for name in _SHARED}
    return Submitted(
        **fields,
        source=Origin(event.source.document, event.source.url, event.source.published),
        observations=tuple(
            Observed(*(getattr(one, name) for name in Observed.__struct_fields__))
            for one in event.observations
        ),
        accepted=rfc3339(event.accepted_at),
    )


_SHARED: Final = tuple(
    name for name in Submitted.__struct_fields__ if name not in ("source", "observations", "accepted")
)
