"""A record that could not be applied, kept whole (docs/contract.md §5: `chiso.quarantine.v1`)."""

from __future__ import annotations

from chiso_shared.contracts.fields import Instant, Payload


class QuarantinedRecord(Payload):
    """Payload of `chiso.record.quarantined.v1`. `value_base64` holds the record's bytes unchanged."""

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    quarantined_at: Instant
    value_base64: str | None
