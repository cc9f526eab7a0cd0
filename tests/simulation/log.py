"""Logs in memory that behave as Kafka's do: partitions, offsets, compaction. Knows no service."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Message:
    """One record. `headers` as text, as the runtime hands them over."""

    partition: int
    offset: int
    key: str
    headers: Mapping[str, str]
    value: bytes


@dataclass
class Log:
    """One topic of 12 partitions; records stay in the order in which they were appended."""

    partitions: list[list[Message]] = field(default_factory=lambda: [[] for _ in range(12)])
    ends: list[int] = field(default_factory=lambda: [0] * 12)

    def append(self, partition: int, key: str, headers: Mapping[str, str], value: bytes) -> Message:
        """Adds a record behind all others of its partition."""
        message = Message(partition, self.ends[partition], key, headers, value)
        self.ends[partition] += 1
        self.partitions[partition].append(message)
        return message

    def all(self) -> list[Message]:
        """Every record that is left, by partition and offset."""
        return [message for messages in self.partitions for message in messages]

    def behind(self, positions: list[int]) -> bool:
        """Whether a reader at these positions has something left."""
        return any(end > position for end, position in zip(self.ends, positions, strict=True))

    def batch(self, positions: list[int], chance: random.Random, most: int) -> list[Message]:
        """The next records of some partitions, in any interleaving that keeps each partition's order."""
        waiting = [
            [message for message in messages if message.offset >= position]
            for messages, position in zip(self.partitions, positions, strict=True)
        ]
        taken: list[Message] = []
        while len(taken) < most and (left := [queue for queue in waiting if queue]):
            queue = chance.choice(left)
            taken.append(queue.pop(0))
        return taken

    def compact(self, chance: random.Random) -> None:
        """Drops some of the records that a newer one of their key follows."""
        for number, messages in enumerate(self.partitions):
            newest = {message.key: message.offset for message in messages}
            self.partitions[number] = [
                message
                for message in messages
                if newest[message.key] == message.offset or chance.random() < 0.5
            ]
