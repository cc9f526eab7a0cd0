"""Names that follow from content: the same alert and the same cause always have the same id. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from uuid import UUID

from chiso_shared.contracts.events import content_id
from chiso_shared.contracts.fields import Basis, CalendarName
from chiso_shared.contracts.rollup import Rollup

_BY_CATALOGUE: Final = frozenset({"rule_changed", "target_changed", "target", "rule_removed", "unit_retired"})


@dataclass(frozen=True, slots=True, order=True)
class AlertKey:
    """What one alert is about, for ever. The period belongs to it, so a restatement finds its alert."""

    rule: str
    unit: str
    indicator: str
    calendar: CalendarName
    period: str
    basis: Basis
    alert_id: UUID = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """`alert_id` is the uuid5 of the key (docs/semantics.md §7)."""
        object.__setattr__(self, "alert_id", UUID(content_id(*self._parts())))

    def event_id(
        self,
        rule_version: str,
        rollup_version: int,
        transition: str,
        reason: str,
        sequence: int,
        *,
        by_catalogue: bool = False,
    ) -> str:
        """`ce_id` of an event: the same cause always gives the same id, so a redelivery can be recognised.

        A catalogue that goes back and forth is another cause each time, told apart by the event's `sequence`.
        """
        again = (sequence,) if by_catalogue or reason in _BY_CATALOGUE else ()
        return content_id(*self._parts(), rule_version, rollup_version, transition, reason, *again)

    def state_id(self, sequence: int, rollup_version: int, state: str, tick: int) -> str:
        """`ce_id` of a record of the state topic."""
        return content_id(*self._parts(), "state", sequence, rollup_version, state, tick)

    def _parts(self) -> tuple[str, ...]:
        return self.rule, self.unit, self.indicator, self.calendar, self.period, self.basis


known_key = lru_cache(maxsize=50_000)(AlertKey)


def key_of(rule_id: str, rollup: Rollup) -> AlertKey:
    """The alert that a rule has about a rollup."""
    return known_key(rule_id, rollup.unit, rollup.indicator, rollup.calendar, rollup.period, rollup.basis)
