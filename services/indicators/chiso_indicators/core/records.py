"""From a Kafka record to a submission, or to the reason why it is none. Pure; one record at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from chiso_shared.contracts.codec import MalformedJSON
from chiso_shared.contracts.events import Event, NotACloudEvent
from chiso_shared.contracts.topics import SUBMISSIONS
from pydantic import ValidationError

from chiso_indicators.core.submitted import Submitted, read_submitted

_EVENT_TYPE: Final = SUBMISSIONS.event_types[0]
_DETAIL_LENGTH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that cannot be applied; `reason` is a short code, `detail` is for people."""

    reason: str
    detail: str


def read_submission(headers: Mapping[str, str], value: bytes | None) -> Submitted | Bad:
    """The submission in a record. Never raises: what is wrong with it is the answer."""
    if value is None:
        return Bad("no_value", "the record has no value")
    try:
        event = Event.from_record(headers, value)
    except NotACloudEvent as error:
        return Bad("not_a_cloud_event", str(error)[:_DETAIL_LENGTH])
    if event.type != _EVENT_TYPE:
        return Bad("unknown_type", f"ce_type is {event.type[:100]}")
    try:
        submission = read_submitted(value)
    except MalformedJSON as error:
        return Bad("malformed", str(error)[:_DETAIL_LENGTH])
    except ValidationError as error:
        return Bad("wrong_shape", str(error)[:_DETAIL_LENGTH])
    return _checked(submission)


def _checked(submission: Submitted) -> Submitted | Bad:
    """What the store relies on and the model does not say."""
    seen = {(observation.unit, observation.indicator) for observation in submission.observations}
    if len(seen) != len(submission.observations):
        return Bad("duplicate_cell", "a cell stands twice in one submission")
    return submission
