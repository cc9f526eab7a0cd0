"""The one typed list of Kafka topics (docs/contract.md §5). Data only: nothing here talks to a broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

DAY_MS: Final = 86_400_000
FOREVER_MS: Final = -1
PARTITIONS: Final = 12
MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic with the settings that its promise depends on.

    `retention_ms` is -1 for ever and is ignored by brokers for compacted topics;
    `compaction_lag_ms` is how long every version stays readable before compaction may drop it.
    """

    name: str
    key: str
    event_types: tuple[str, ...]
    cleanup: Literal["delete", "compact"] = "delete"
    retention_ms: int = FOREVER_MS
    compaction_lag_ms: int = 0
    partitions: int = PARTITIONS
    max_message_bytes: int = MAX_MESSAGE_BYTES
    description: str = field(default="", compare=False)

    def configs(self) -> dict[str, str]:
        """The broker settings to create the topic with, and to verify on a topic that exists."""
        configs = {
            "cleanup.policy": self.cleanup,
            "max.message.bytes": str(self.max_message_bytes),
        }
        if self.cleanup == "delete":
            configs["retention.ms"] = str(self.retention_ms)
            configs["retention.bytes"] = "-1"
        else:
            configs["min.compaction.lag.ms"] = str(self.compaction_lag_ms)
        return configs


SUBMISSIONS: Final = Topic(
    name="chiso.submissions.v1",
    key="home of the agency at registration; the partition is the agency's fixed route",
    event_types=("chiso.submission.accepted.v1",),
    description="Accepted submissions, the log from which everything else can be rebuilt.",
)
ROLLUPS: Final = Topic(
    name="chiso.rollups.v1",
    key="unit|indicator|calendar|period|basis",
    event_types=("chiso.rollup.changed.v1",),
    cleanup="compact",
    compaction_lag_ms=90 * DAY_MS,
    description="Every effective change of a rollup, with its full state.",
)
ALERT_TRANSITIONS: Final = ("opened", "updated", "confirmed", "resolved", "retracted", "reopened")
ALERTS: Final = Topic(
    name="chiso.alerts.v1",
    key="alert_id",
    event_types=tuple(f"chiso.alert.{transition}.v1" for transition in ALERT_TRANSITIONS),
    retention_ms=400 * DAY_MS,
    description="What happened to each alert; in order and contiguous per alert.",
)
ALERTS_STATE: Final = Topic(
    name="chiso.alerts.state.v1",
    key="alert_id",
    event_types=("chiso.alert.state.v1",),
    cleanup="compact",
    description="The present state of each alert.",
)
OPERATIONS: Final = Topic(
    name="chiso.operations.v1",
    key="what was decided on",
    event_types=tuple(
        f"chiso.operation.{operation}.v1"
        for operation in (
            "reopened",
            "approved",
            "refused",
            "acknowledged",
            "silenced",
            "task_done",
            "catalogue_applied",
        )
    ),
    description="What people decided, with instant, author and reason.",
)
QUARANTINE: Final = Topic(
    name="chiso.quarantine.v1",
    key="as the record",
    event_types=("chiso.record.quarantined.v1",),
    retention_ms=90 * DAY_MS,
    description="Records that could not be applied, with the reason.",
)

TOPICS: Final = (SUBMISSIONS, ROLLUPS, ALERTS, ALERTS_STATE, OPERATIONS, QUARANTINE)
