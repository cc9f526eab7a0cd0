"""Where each partition stands: which records may be applied next. Pure; never seeks or stores."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field


class OffsetsMoved(Exception):
    """Raised by a handler whose compare-and-set of the stored offsets missed: nothing was stored."""


class HandlerWaits(Exception):
    """Raised by a handler that stored nothing because somebody holds what it writes to, and will let go."""


class PartitionsStopped(Exception):
    """Raised by a handler that refuses partitions, with `reasons`; records of all others are stored."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__("; ".join(reasons.values()))
        self.reasons = dict(reasons)


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record. `timestamp_ms` is in epoch milliseconds; `value=None` is a tombstone."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    headers: dict[str, str]
    value: bytes | None


@dataclass(slots=True)
class Admission:
    """What became of a batch: records to apply, partitions to read again, partitions stopped."""

    records: list[Record] = field(default_factory=list)
    seeks: dict[int, int] = field(default_factory=dict)
    stopped: dict[int, str] = field(default_factory=dict)


class Positions:
    """The next offset to apply of each assigned partition.

    With `contiguous`, offsets follow each other without holes (a log that is neither compacted nor written by
    transactions); without, they only grow. A record out of place is first asked for again, since a rebalance
    may have mixed up what was fetched; if it is out of place again, the partition stops: nothing is skipped.
    """

    def __init__(self, contiguous: bool) -> None:
        self._contiguous = contiguous
        self._next: dict[int, int] = {}
        self._suspect: dict[int, int] = {}
        self.stopped: dict[int, str] = {}

    @property
    def next_offsets(self) -> Mapping[int, int]:
        """The next offset to apply by assigned partition."""
        return self._next

    def assign(self, stored: Mapping[int, int]) -> None:
        """A new assignment with its stored offsets; forgets everything before."""
        self._next = dict(stored)
        self._suspect = {}
        self.stopped = {}

    def revoke(self) -> None:
        """No partition is assigned."""
        self.assign({})

    def correct(self, stored: Mapping[int, int]) -> None:
        """The stored offsets turned out to differ: stand where they say, for partitions still assigned."""
        self._next.update({part: offset for part, offset in stored.items() if part in self._next})

    def stop(self, partition: int, reason: str) -> None:
        """Applies nothing more of this partition until the next assignment."""
        self.stopped[partition] = reason

    def moving(self) -> Collection[int]:
        """Assigned partitions that are not stopped."""
        return self._next.keys() - self.stopped.keys()

    def applied(self, records: Sequence[Record]) -> None:
        """These records are stored."""
        for record in records:
            if record.partition in self._next:
                self._next[record.partition] = record.offset + 1

    def admit(self, batch: Sequence[Record]) -> Admission:
        """Sorts a batch. Records of partitions that are not assigned or stopped are left out."""
        admission = Admission()
        expected = {part: self._next[part] for part in self.moving()}
        for record in batch:
            following = expected.get(record.partition)
            if following is None:
                continue
            if self._in_place(record.offset, following):
                admission.records.append(record)
                expected[record.partition] = record.offset + 1
                self._suspect.pop(record.partition, None)
                continue
            del expected[record.partition]
            self._out_of_place(record, following, admission)
        return admission

    def _in_place(self, offset: int, following: int) -> bool:
        return offset == following if self._contiguous else offset >= following

    def _out_of_place(self, record: Record, following: int, admission: Admission) -> None:
        if self._suspect.get(record.partition) != following:
            self._suspect[record.partition] = following
            admission.seeks[record.partition] = following
            return
        kind = "a hole" if record.offset > following else "a log that went back"
        reason = f"{kind} in partition {record.partition}: offset {following} is due, {record.offset} came"
        self.stop(record.partition, reason)
        admission.stopped[record.partition] = reason
