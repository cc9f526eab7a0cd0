"""The rollup object, and the event that says it changed (docs/contract.md §3, §5)."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from chiso_shared.contracts.fields import (
    Basis,
    CalendarName,
    Cause,
    Comparator,
    ExactNumber,
    Instant,
    Level,
    Payload,
    Phase,
    Qualifier,
    ValueSource,
)

StatusColour = Literal["green", "yellow", "red", "grey"]


class Reported(Payload):
    """The figure that the unit itself reports, beside the computed one and never added to it."""

    value: ExactNumber | None
    qualifier: Qualifier
    value_high: ExactNumber | None = None
    numerator: ExactNumber | None = None
    denominator: ExactNumber | None = None
    as_of: date | None = None


class RollupTarget(Payload):
    """The target in force for this row; the most specific one (docs/semantics.md §6)."""

    comparator: Comparator
    value: ExactNumber
    exit_value: ExactNumber | None = None
    severity: str | None = None
    version: str


class Derived(Payload):
    """A single period taken out of a cumulative series: difference of numerators and of denominators."""

    numerator: ExactNumber | None = None
    denominator: ExactNumber | None = None
    value: ExactNumber | None = None
    reason: str | None = None


class Rollup(Payload):
    """A number with its completeness and finality.

    `oldest_part_on` and `newest_part_on`: where each unit's last report stands for a longer period, the last
    days of the parts that the oldest and the newest of them are about; `stale` when these differ.
    """

    unit: str
    level: Level
    indicator: str
    calendar: CalendarName
    period: str
    basis: Basis
    numerator: ExactNumber | None = None
    denominator: ExactNumber | None = None
    value: ExactNumber | None = None
    value_source: ValueSource = "none"
    not_aggregable: str | None = None
    reported: Reported | None = None
    discrepancy: ExactNumber | None = None
    n_expected: int = 0
    n_reported: int = 0
    n_contributing: int = 0
    n_on_time: int = 0
    n_percent_only: int = 0
    n_unexpected: int = 0
    completeness: ExactNumber | None = None
    timeliness: ExactNumber | None = None
    stale: bool = False
    oldest_part_on: date | None = None
    newest_part_on: date | None = None
    status_colour: StatusColour = "grey"
    derived: Derived | None = None
    phase: Phase
    vintage: int
    version: int
    causes: tuple[Cause, ...]
    target: RollupTarget | None = None
    attainment: ExactNumber | None = None
    updated_at: Instant
    catalogue_version: str

    @property
    def key(self) -> str:
        """The key on Kafka and of `ce_subject`: `unit|indicator|calendar|period|basis`."""
        return "|".join((self.unit, self.indicator, self.calendar, self.period, self.basis))


class ChangedCell(Payload):
    """A cell that moved the rollup: which revision now counts, and by how much the sums changed."""

    unit: str
    submission_id: UUID
    agency: str
    revision: int = 0
    accepted_at: Instant | None = None
    delta_numerator: ExactNumber | None = None
    delta_denominator: ExactNumber | None = None
    value: ExactNumber | None = None
    reason: str | None = None


class RollupEvent(Rollup):
    """Payload of `chiso.rollup.changed.v1`: the whole row and what moved it.

    `changed_cells` is capped at 50; `changed_cells_count` tells how many there were.
    `missing` lists, for a province's month from its due instant on, the obliged units without a report.
    """

    tick: int
    mode: Literal["live", "rebuild"] = "live"
    changed_cells: tuple[ChangedCell, ...] = ()
    changed_cells_count: int = 0
    missing: tuple[str, ...] | None = None
