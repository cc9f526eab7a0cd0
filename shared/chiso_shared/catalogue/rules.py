"""Alert rules as data. The machine that applies them is not here."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from chiso_shared.catalogue.words import Basis, CalendarName, Level, Phase, RuleKind, Severity

# What a rule's texts may name in braces; every one is given when a message is written.
PLACEHOLDERS: Final = frozenset(
    {
        "unit",
        "unit_name_vi",
        "unit_name_en",
        "indicator",
        "indicator_name_vi",
        "indicator_name_en",
        "calendar",
        "period",
        "basis",
        "value",
        "target",
        "comparator",
        "completeness",
        "severity",
    }
)


@dataclass(frozen=True, slots=True)
class SeverityLevel:
    """A severity with the value at which it begins and the one at which it ends, in the indicator's unit."""

    severity: Severity
    enter: Decimal
    exit: Decimal


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `severity` None and empty `severities`: both come from the target (docs/contract.md §4).

    `min_completeness` is a share 0 to 1 and does not apply to the basis `unstated`; `update_epsilon` is in
    the indicator's unit. `parameters` is what kinds other than `threshold` need, as text; `version` changes
    with anything but the texts."""

    id: str
    kind: RuleKind
    version: str
    indicators: tuple[str, ...]
    levels: tuple[Level, ...]
    calendars: tuple[CalendarName, ...]
    bases: tuple[Basis, ...]
    severity: Severity | None
    phases: tuple[Phase, ...]
    min_completeness: Decimal
    min_denominator: Decimal
    hold_seconds: int
    keep_firing_seconds: int
    update_epsilon: Decimal
    update_interval_seconds: int
    severities: tuple[SeverityLevel, ...]
    text_vi: str
    text_en: str
    parameters: Mapping[str, str]

    def covers(self, indicator: str, level: str, calendar: str, basis: str) -> bool:
        """Whether the rule looks at rollups of that key."""
        return (
            indicator in self.indicators
            and level in self.levels
            and calendar in self.calendars
            and basis in self.bases
        )
