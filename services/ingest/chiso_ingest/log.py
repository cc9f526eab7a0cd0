"""Writes accepted submissions to `chiso.submissions.v1` and stamps when. The only writer of the door."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from chiso_shared.contracts.codec import encode_json
from chiso_shared.contracts.events import SOURCE_INGEST, Event, content_id, rfc3339
from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.producer import NotAcknowledged, Producer

from chiso_ingest.registry import Grant

_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Where a submission stands in the log, and since when it counts as accepted."""

    accepted_at: datetime
    topic: str
    partition: int
    offset: int


class SubmissionLog:
    """Appends one record a submission and waits until all in-sync replicas have it."""

    def __init__(self, producer: Producer, clock: Clock, acknowledge_timeout_ms: int) -> None:
        self._producer = producer
        self._clock = clock
        self._timeout_ms = acknowledge_timeout_ms
        self._last: datetime | None = None

    async def append(
        self,
        document: dict[str, Any],
        payload_sha256: str,
        grant: Grant,
        traceparent: str | None,
        catalogue_version: str,
    ) -> Acknowledged:
        """Raises NotAcknowledged when the record is not known to be safe; at once while Kafka is away.

        `catalogue_version` names the catalogue that the document was checked against.
        """
        away = self._producer.unready()
        if away is not None:
            raise NotAcknowledged("not_sent", away)
        accepted_at = self._stamp()
        agency, submission_id = document["agency"], document["submission_id"]
        event = Event(
            type=SUBMISSIONS.event_types[0],
            id=content_id(agency, submission_id, payload_sha256, rfc3339(accepted_at)),
            source=SOURCE_INGEST,
            subject=f"{agency}/{submission_id}",
            time=accepted_at,
            data=encode_json(
                {
                    **document,
                    "accepted_at": rfc3339(accepted_at),
                    "payload_sha256": payload_sha256,
                    "key_id": grant.key_id,
                    "catalogue_version": catalogue_version,
                }
            ),
            partitionkey=grant.home,
            traceparent=traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else None,
        )
        record = await self._producer.send(
            event, SUBMISSIONS, grant.home.encode(), grant.route, self._timeout_ms
        )
        return Acknowledged(accepted_at, record.topic, record.partition, record.offset)

    def _stamp(self) -> datetime:
        """The clock's time, but never the same or an earlier one than before (delivery, Ids and clocks)."""
        now = self._clock.now()
        if self._last is not None and now <= self._last:
            now = self._last + _TICK
        self._last = now
        return now
