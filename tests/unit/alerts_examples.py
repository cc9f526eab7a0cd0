"""Rules, targets and rollups for the alerts' tests, and a driver that feeds one alert step by step."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from chiso_alerts.core.machine import step
from chiso_alerts.core.reading import Reading, reading_of
from chiso_alerts.core.state import NEVER_SEEN, AlertMemory, Change
from chiso_shared.catalogue import Rule, SeverityLevel
from chiso_shared.contracts.rollup import RollupEvent, RollupTarget

from tests.unit.catalogue_seeds import seeds

START = datetime(2025, 10, 20, 3, tzinfo=UTC)
TARGET = RollupTarget.model_validate(
    {"comparator": "ge", "value": 80, "exit_value": 82, "severity": "warning", "version": "t1"}
)
ONLINE = "DVC.ONLINE_SUBMIT"
HIGHER_IS_BAD = (
    SeverityLevel("info", Decimal(60), Decimal(50)),
    SeverityLevel("warning", Decimal(70), Decimal(60)),
    SeverityLevel("critical", Decimal(80), Decimal(70)),
)


def rule(**changes: Any) -> Rule:
    """A threshold rule that takes everything from the target, without gates, timers or damping."""
    plain = Rule(
        id="online_share_below_target",
        kind="threshold",
        version="r1",
        indicators=(ONLINE,),
        levels=("province",),
        calendars=("administrative", "statistical"),
        bases=("in_period", "unstated"),
        severity=None,
        phases=("open", "collecting", "closed", "reopened"),
        min_completeness=Decimal(0),
        min_denominator=Decimal(0),
        hold_seconds=0,
        keep_firing_seconds=0,
        update_epsilon=Decimal("0.5"),
        update_interval_seconds=0,
        severities=(),
        text_vi="{unit_name_vi}: {value} %, dưới mục tiêu {target} %.",
        text_en="{unit_name_en}: {value} %, below the target of {target} %.",
        parameters={},
    )
    return replace(plain, **changes)


def rollup(value: Any = None, version: int = 1, **fields: Any) -> RollupEvent:
    """A rollup event of Quảng Ngãi's online share, collecting, reported by 90 of 96 units."""
    number = None if value is None else Decimal(str(value))
    document: dict[str, Any] = {
        "unit": "51",
        "level": "province",
        "indicator": ONLINE,
        "calendar": "administrative",
        "period": "2025-10",
        "basis": "in_period",
        "numerator": None if number is None else number * 10,
        "denominator": None if number is None else Decimal(1000),
        "value": number,
        "value_source": "none" if number is None else "computed",
        "n_expected": 96,
        "n_reported": 90,
        "n_contributing": 90,
        "completeness": Decimal("0.9375"),
        "phase": "collecting",
        "vintage": 0,
        "version": version,
        "causes": ("report",),
        "target": TARGET,
        "updated_at": START,
        "catalogue_version": "c1",
        "tick": version,
    }
    return RollupEvent.model_validate(document | fields)


def reported(qualifier: str, value: Any, version: int = 1, high: Any = None, **fields: Any) -> RollupEvent:
    """A rollup that rests on the unit's own figure alone, with its qualifier."""
    own = {"value": Decimal(str(value)), "qualifier": qualifier, "value_high": high}
    return rollup(
        value, version, **({"value_source": "reported", "reported": own, "basis": "unstated"} | fields)
    )


def reading(event: RollupEvent) -> Reading:
    """The reading of a rollup under the catalogue's own indicators."""
    return reading_of(event, seeds().indicators[event.indicator])


@dataclass
class Life:
    """One alert under one rule. Time starts at START and moves only by `wait`."""

    rule: Rule = field(default_factory=rule)
    target: RollupTarget | None = TARGET
    memory: AlertMemory = NEVER_SEEN
    now: datetime = START
    version: int = 0
    vintage: int = 0
    events: list[Change] = field(default_factory=list)
    latest: RollupEvent | None = None

    def see(self, value: Any = None, *causes: str, **fields: Any) -> str | None:
        """The next rollup version; answers `transition (reason)` of its event, or None."""
        self.version += 1
        self.vintage = fields.pop("vintage", self.vintage)
        event = rollup(
            value,
            self.version,
            **({"causes": causes or ("report",), "vintage": self.vintage, "target": self.target} | fields),
        )
        return self.take(event)

    def close(self, value: Any = None, **fields: Any) -> str | None:
        """The closing tick: phase closed, vintage one up, cause close."""
        self.vintage += 1
        return self.see(value, *fields.pop("causes", ("close",)), phase="closed", **fields)

    def restate(self, value: Any = None, *causes: str, **fields: Any) -> str | None:
        """A change after the close: one vintage up."""
        self.vintage += 1
        return self.see(value, *(causes or ("correct",)), phase="closed", **fields)

    def take(self, event: RollupEvent) -> str | None:
        """Any rollup event."""
        self.latest = event
        return self._step(event)

    def again(self) -> str | None:
        """The latest rollup once more: what the ticker does."""
        assert self.latest is not None
        return self._step(self.latest)

    def wait(self, seconds: float) -> str | None:
        """Time passes and the ticker looks."""
        self.now += timedelta(seconds=seconds)
        return self.again()

    def _step(self, event: RollupEvent) -> str | None:
        self.memory, changes = step(self.memory, reading(event), self.rule, event.target, self.now)
        self.events.extend(changes)
        assert len(changes) <= 1
        return f"{changes[0].transition} ({changes[0].reason})" if changes else None

    @property
    def state(self) -> str:
        """The state's name."""
        return self.memory.name
