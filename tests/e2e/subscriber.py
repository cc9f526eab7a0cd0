"""A subscriber as docs/contract.md §5 describes one: plain aiokafka, no chiso code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.harness import Collected, collect


class MissedEvent(Exception):
    """The next sequence of an alert is not the one that follows."""

    def __init__(self, alert_id: str, known: int, came: int) -> None:
        super().__init__(f"{alert_id}: {came} came after {known}")
        self.alert_id = alert_id


class Subscriber:
    """Follows the events of alerts by their sequence; repeats are no news."""

    def __init__(self) -> None:
        self.sequences: dict[str, int] = {}

    def take(self, record: Collected) -> None:
        """Raises MissedEvent when events are missing before this one."""
        known, came = self.sequences.get(record.key_text, 0), int(record.headers["ce_sequence"])
        if came > known + 1:
            raise MissedEvent(record.key_text, known, came)
        self.sequences[record.key_text] = max(known, came)

    def repair(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Takes over what the state topic says."""
        for alert_id, state in states.items():
            self.sequences[alert_id] = max(self.sequences.get(alert_id, 0), state["sequence"])


async def read_states(bootstrap: str, wanted: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """The state topic from its beginning to its end, once: the newest state of each alert."""

    def newest(records: list[Collected]) -> dict[str, dict[str, Any]]:
        states: dict[str, dict[str, Any]] = {}
        for record in records:
            if record.value is None:
                states.pop(record.key_text, None)
            else:
                states[record.key_text] = json.loads(record.value, parse_float=Decimal)
        return states

    def complete(records: list[Collected]) -> bool:
        states = newest(records)
        return all(key in states and states[key]["sequence"] == last for key, last in wanted.items())

    return newest(await collect(bootstrap, "chiso.alerts.state.v1", complete, deadline_seconds=60))
