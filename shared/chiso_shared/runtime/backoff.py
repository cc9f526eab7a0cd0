"""Waiting times between attempts: exponential, bounded, with jitter. Sleeps nowhere by itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays in seconds from `first_seconds`, doubling up to `longest_seconds`, each cut by up to a half."""

    first_seconds: float = 0.1
    longest_seconds: float = 5.0

    def delays(self) -> Iterator[float]:
        """An endless sequence of delays; take a new one for each new trouble."""
        delay = self.first_seconds
        while True:
            yield delay * (0.5 + random.random() / 2)
            delay = min(delay * 2, self.longest_seconds)
