"""What comes to be judged: one version of a rollup, and what a rule needs beside it. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from chiso_shared.contracts.rollup import RollupEvent


@dataclass(frozen=True, slots=True)
class Arrival:
    """A rollup event and the trace it belongs to; for rules of falls also the rollup one period earlier.

    `moved_by_previous`: the rollup is an old one, it is the earlier period that has changed. `document` is
    the rollup as it came, in JSON.
    """

    rollup: RollupEvent
    traceparent: str | None = None
    previous: RollupEvent | None = None
    moved_by_previous: bool = False
    document: str | None = None
