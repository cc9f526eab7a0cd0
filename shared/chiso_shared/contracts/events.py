"""CloudEvents 1.0 in Kafka's binary mode: attributes as `ce_` headers, payload as value (contract §5)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid5

NAMESPACE: Final = UUID("7d3b4f0e-57f1-5c0a-9a57-57c1a5057057")
SOURCE_INGEST: Final = "/chiso/ingest"
SOURCE_INDICATORS: Final = "/chiso/indicators"
SOURCE_ALERTS: Final = "/chiso/alerts"
CONTENT_TYPE: Final = "application/json"

Headers = list[tuple[str, bytes]]


class NotACloudEvent(ValueError):
    """A record lacks a required CloudEvents attribute."""


def content_id(*parts: object) -> str:
    """A uuid5 of its parts: the same cause always gives the same id, so a redelivery can be recognised."""
    return str(uuid5(NAMESPACE, "\x1f".join(str(part) for part in parts)))


def data_schema(event_type: str) -> str:
    """The URI of the JSON Schema of an event type."""
    return f"urn:chiso:schema:{event_type.removeprefix('chiso.')}"


def new_traceparent() -> str:
    """A W3C trace context that starts a trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def rfc3339(instant: datetime) -> str:
    """An instant in UTC with microseconds and `Z`."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Event:
    """One CloudEvent. `sequence` is set where events of a key are ordered."""

    type: str
    id: str
    source: str
    subject: str
    time: datetime
    data: bytes
    partitionkey: str
    sequence: int | None = None
    traceparent: str | None = None

    def headers(self) -> Headers:
        """The Kafka headers, in a fixed order."""
        pairs = [
            ("ce_specversion", "1.0"),
            ("ce_id", self.id),
            ("ce_source", self.source),
            ("ce_type", self.type),
            ("ce_subject", self.subject),
            ("ce_time", rfc3339(self.time)),
            ("ce_dataschema", data_schema(self.type)),
            ("ce_partitionkey", self.partitionkey),
        ]
        if self.sequence is not None:
            pairs.append(("ce_sequence", str(self.sequence)))
        pairs.append(("content-type", CONTENT_TYPE))
        pairs.append(("traceparent", self.traceparent or new_traceparent()))
        return [(name, value.encode()) for name, value in pairs]

    @classmethod
    def from_record(cls, headers: Mapping[str, str] | Iterable[tuple[str, bytes]], value: bytes) -> Event:
        """Reads a record back. Raises NotACloudEvent if a required attribute is missing or malformed."""
        found = _decoded(headers)
        try:
            return cls(
                type=found["ce_type"],
                id=found["ce_id"],
                source=found["ce_source"],
                subject=found.get("ce_subject", ""),
                time=datetime.fromisoformat(found["ce_time"]),
                data=value,
                partitionkey=found.get("ce_partitionkey", ""),
                sequence=int(found["ce_sequence"]) if "ce_sequence" in found else None,
                traceparent=found.get("traceparent"),
            )
        except (KeyError, ValueError) as error:
            raise NotACloudEvent(f"missing or malformed CloudEvents attribute: {error}") from error


def _decoded(headers: Mapping[str, str] | Iterable[tuple[str, bytes]]) -> dict[str, str]:
    if isinstance(headers, Mapping):
        return dict(headers)
    return {name: (value or b"").decode("utf-8", errors="replace") for name, value in headers}
