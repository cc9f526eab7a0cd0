"""The door of the simulation: ingest's core decides, a log in memory takes what it accepts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chiso_ingest.core import check as checking
from chiso_ingest.core.scope import Scope
from chiso_shared.catalogue import Catalogue
from chiso_shared.contracts.codec import encode_json
from chiso_shared.contracts.events import SOURCE_INGEST, Event, content_id, rfc3339
from chiso_shared.contracts.topics import SUBMISSIONS

from tests.simulation.log import Log
from tests.simulation.world import AGENCIES


@dataclass
class Receipt:
    """What the client knows: what it sent, and where it was told that it stands."""

    document: dict[str, Any]
    accepted_at: str
    partition: int
    offset: int


@dataclass
class Door:
    """Accepts documents and appends them; `in_flight` are records that are on their way to the log."""

    catalogue: Catalogue
    log: Log
    receipts: list[Receipt] = field(default_factory=list)
    refused: int = 0
    in_flight: list[Callable[[], None]] = field(default_factory=list)
    _last: datetime | None = None

    def post(self, document: dict[str, Any], now: datetime, answer_is_lost: bool) -> bool:
        """Whether the core accepts it. The record stands in the log after `land`; then comes the receipt."""
        scope = Scope.unlimited(document["agency"])
        verdict = checking.check(document, checking.Rules(self.catalogue, scope, now))
        if verdict.status != 200 or verdict.document is None:
            self.refused += 1
            return False
        accepted_at = self._stamp(now)
        accepted = {
            **verdict.document,
            "accepted_at": rfc3339(accepted_at),
            "payload_sha256": verdict.payload_sha256,
            "key_id": "simulated",
            "catalogue_version": self.catalogue.version,
        }
        self.in_flight.append(lambda: self._append(document, accepted, accepted_at, answer_is_lost))
        return True

    def land(self, index: int) -> None:
        """One record that was on its way arrives."""
        self.in_flight.pop(index)()

    def garbage(self, partition: int) -> None:
        """A record that is no submission."""
        self.log.append(partition, "VN", {"ce_type": "something.else"}, b'{"not": "a submission"')

    def _append(
        self, document: dict[str, Any], accepted: dict[str, Any], accepted_at: datetime, answer_is_lost: bool
    ) -> None:
        agency = accepted["agency"]
        event = Event(
            type=SUBMISSIONS.event_types[0],
            id=content_id(agency, accepted["submission_id"], rfc3339(accepted_at)),
            source=SOURCE_INGEST,
            subject=f"{agency}/{accepted['submission_id']}",
            time=accepted_at,
            data=encode_json(accepted),
            partitionkey=agency,
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        headers = {name: value.decode() for name, value in event.headers()}
        message = self.log.append(AGENCIES[agency], agency, headers, event.data)
        if not answer_is_lost:
            receipt = Receipt(document, accepted["accepted_at"], message.partition, message.offset)
            self.receipts.append(receipt)

    def _stamp(self, now: datetime) -> datetime:
        """Never the same or an earlier instant than before."""
        if self._last is not None and now <= self._last:
            now = self._last + timedelta(microseconds=1)
        self._last = now
        return now
