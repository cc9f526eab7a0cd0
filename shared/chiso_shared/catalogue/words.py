"""The closed vocabularies of the catalogue, as types and as sets. No rules here, only words."""

from typing import Final, Literal

Level = Literal["nation", "province", "commune", "department"]
CalendarName = Literal["administrative", "statistical"]
Frequency = Literal["month", "quarter", "half", "nine_months", "year"]
Basis = Literal["in_period", "ytd", "as_of", "unstated"]
Phase = Literal["open", "collecting", "closed", "reopened"]
Kind = Literal[
    "flow", "stock", "cumulative", "ratio_flow", "ratio_stock", "rank", "score", "milestone", "status"
]
Direction = Literal["up", "down", "none"]
TimeAggregation = Literal["sum", "last", "none"]
SpaceAggregation = Literal["sum", "none"]
LatePolicy = Literal["restate", "hold", "reject"]
BandKind = Literal["points", "percent"]
Comparator = Literal["ge", "le"]
Severity = Literal["info", "warning", "critical"]
Authority = Literal["official", "seed", "example"]
RuleKind = Literal["threshold", "missing", "task", "discrepancy", "fall"]
Qualifier = Literal["eq", "gt", "ge", "lt", "le", "approx", "range"]
Colour = Literal["green", "yellow", "red", "grey"]

LEVELS: Final[tuple[Level, ...]] = ("nation", "province", "commune", "department")
CALENDARS: Final[tuple[CalendarName, ...]] = ("administrative", "statistical")
FREQUENCIES: Final[tuple[Frequency, ...]] = ("month", "quarter", "half", "nine_months", "year")
BASES: Final[tuple[Basis, ...]] = ("in_period", "ytd", "as_of", "unstated")
STATED_BASES: Final[tuple[Basis, ...]] = ("in_period", "ytd", "as_of")
PHASES: Final[tuple[Phase, ...]] = ("open", "collecting", "closed", "reopened")
KINDS: Final[tuple[Kind, ...]] = (
    "flow",
    "stock",
    "cumulative",
    "ratio_flow",
    "ratio_stock",
    "rank",
    "score",
    "milestone",
    "status",
)
DIRECTIONS: Final[tuple[Direction, ...]] = ("up", "down", "none")
TIME_AGGREGATIONS: Final[tuple[TimeAggregation, ...]] = ("sum", "last", "none")
SPACE_AGGREGATIONS: Final[tuple[SpaceAggregation, ...]] = ("sum", "none")
LATE_POLICIES: Final[tuple[LatePolicy, ...]] = ("restate", "hold", "reject")
BAND_KINDS: Final[tuple[BandKind, ...]] = ("points", "percent")
COMPARATORS: Final[tuple[Comparator, ...]] = ("ge", "le")
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")
AUTHORITIES: Final[tuple[Authority, ...]] = ("official", "seed", "example")
RULE_KINDS: Final[tuple[RuleKind, ...]] = ("threshold", "missing", "task", "discrepancy", "fall")
QUALIFIERS: Final[tuple[Qualifier, ...]] = ("eq", "gt", "ge", "lt", "le", "approx", "range")
