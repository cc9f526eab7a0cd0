"""The accepted submission as it stands in the log: canonical codes, defaults filled in (contract §2)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import Field

from chiso_shared.contracts.fields import (
    Basis,
    CalendarName,
    ExactNumber,
    Instant,
    ObservationStatus,
    Op,
    Payload,
    Qualifier,
    Stage,
)


class Source(Payload):
    """Where the figures come from: a document's number, its address and its date."""

    document: str | None = None
    url: str | None = None
    published: date | None = None


class Observation(Payload):
    """One cell's figure. Ratio kinds carry numerator and denominator, or a percent-only `value`."""

    unit: str
    indicator: str
    op: Op = "report"
    status: ObservationStatus = "A"
    numerator: ExactNumber | None = None
    denominator: ExactNumber | None = None
    value: ExactNumber | None = None
    value_high: ExactNumber | None = None
    qualifier: Qualifier = "eq"
    reason: str | None = None


class SubmissionDocument(Payload):
    """What the agency said, canonicalised. Its canonical JSON is what `payload_sha256` covers."""

    submission_id: UUID
    agency: str
    calendar: CalendarName
    period: str
    basis: Basis
    as_of: date | None = None
    stage: Stage = "actual"
    revision: int = Field(default=0, ge=0)
    reason: str | None = None
    source: Source = Source()
    observations: tuple[Observation, ...]


class SubmissionEvent(SubmissionDocument):
    """Payload of `chiso.submission.accepted.v1`.

    `accepted_at` is the clock of the door; `payload_sha256` covers all that was sent, `mode=each` or not.
    """

    accepted_at: Instant
    payload_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    key_id: str
    catalogue_version: str
