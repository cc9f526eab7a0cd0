"""Which events nobody wants to be told of: acknowledged alerts and silences. They hide nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from chiso_alerts.core.identity import AlertKey

# What a silence may match on. `province` also covers the units below it.
MATCHED: Final = ("rule", "unit", "province", "indicator", "calendar", "period", "basis", "severity")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has taken on an episode of an alert; `until` None: until the episode ends."""

    episode: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Silence:
    """What matches every named field is silent from `starts_at` until `ends_at`, exclusive."""

    matchers: Mapping[str, frozenset[str]]
    starts_at: datetime
    ends_at: datetime

    def matches(self, fields: Mapping[str, str], now: datetime) -> bool:
        """Whether it speaks about an alert with these fields now. Without any matcher it speaks of none."""
        if not self.matchers or not self.starts_at <= now < self.ends_at:
            return False
        return all(fields.get(name, "") in values for name, values in self.matchers.items())


@dataclass(frozen=True, slots=True)
class Quiet:
    """The acknowledgements and silences known."""

    acknowledged: Mapping[UUID, Acknowledgement] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()

    def suppresses(
        self, key: AlertKey, province: str, severity: str | None, episode: int, now: datetime
    ) -> bool:
        """Whether an event of that alert is to be marked suppressed at `now`."""
        taken = self.acknowledged.get(key.alert_id) if self.acknowledged else None
        if taken is not None and taken.episode == episode and (taken.until is None or now < taken.until):
            return True
        if not self.silences:
            return False
        fields = {
            "rule": key.rule,
            "unit": key.unit,
            "province": province,
            "indicator": key.indicator,
            "calendar": key.calendar,
            "period": key.period,
            "basis": key.basis,
            "severity": severity or "",
        }
        return any(silence.matches(fields, now) for silence in self.silences)


NOTHING_QUIET: Final = Quiet()
