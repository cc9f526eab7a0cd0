"""Indicators and targets from their tables. Pure."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.periods import CodeSpan, parse_code
from chiso_shared.catalogue.tables import Row, columns, unique
from chiso_shared.catalogue.targets import EVERY_PROVINCE, Target, Targets
from chiso_shared.catalogue.units import Units
from chiso_shared.catalogue.versions import entry_version
from chiso_shared.catalogue.words import (
    AUTHORITIES,
    BAND_KINDS,
    COMPARATORS,
    DIRECTIONS,
    KINDS,
    LATE_POLICIES,
    LEVELS,
    SEVERITIES,
    SPACE_AGGREGATIONS,
    STATED_BASES,
    TIME_AGGREGATIONS,
)

INDICATOR_COLUMNS: Final = columns(
    "code family name_vi name_en kind numerator_label_en numerator_label_vi denominator_label_en"
    " denominator_label_vi population_unit direction time_aggregation space_aggregation factor decimals"
    " source_level allowed_bases unbounded late_policy value_minimum value_maximum approx_band"
    " approx_band_kind version system source_note"
)
TARGET_COLUMNS: Final = columns(
    "indicator_code unit period comparator value exit_value severity basis version in_force_from source"
    " kind note"
)
_CODE: Final = re.compile(r"[A-Z]{3}\.[A-Z0-9_]+")
_MEANING: Final = INDICATOR_COLUMNS[4:-2]


def read_indicators(rows: Sequence[Row], systems: Mapping[str, object]) -> Mapping[str, Indicator]:
    """The indicator dictionary, by code."""
    unique(rows, "code")
    found: dict[str, Indicator] = {}
    for row in rows:
        row.reference("system", row.required("system"), systems, "system")
        indicator = _indicator(row)
        _check_indicator(row, indicator)
        found[indicator.code] = indicator
    return MappingProxyType(found)


def _indicator(row: Row) -> Indicator:
    number = row.integer("version", 1, 9999)
    return Indicator(
        code=row.matching("code", _CODE, "an indicator code like DVC.ON_TIME"),
        family=row.required("family"),
        name_vi=row.required("name_vi"),
        name_en=row.required("name_en"),
        kind=row.word("kind", KINDS),
        numerator_label_en=row.required("numerator_label_en"),
        numerator_label_vi=row.required("numerator_label_vi"),
        denominator_label_en=row.text("denominator_label_en"),
        denominator_label_vi=row.text("denominator_label_vi"),
        population_unit=row.required("population_unit"),
        direction=row.word("direction", DIRECTIONS),
        time_aggregation=row.word("time_aggregation", TIME_AGGREGATIONS),
        space_aggregation=row.word("space_aggregation", SPACE_AGGREGATIONS),
        factor=row.number_between("factor", 1, 1_000_000),
        decimals=row.integer("decimals", 0, 6),
        source_level=row.word("source_level", LEVELS),
        allowed_bases=row.words("allowed_bases", STATED_BASES),
        unbounded=row.boolean("unbounded"),
        late_policy=row.word("late_policy", LATE_POLICIES),
        value_minimum=row.optional_number("value_minimum"),
        value_maximum=row.optional_number("value_maximum"),
        approx_band=row.number_between("approx_band", 0),
        approx_band_kind=row.word("approx_band_kind", BAND_KINDS),
        version=entry_version(number, *(row.text(column) for column in _MEANING)),
        system=row.text("system"),
        source_note=row.text("source_note"),
    )


def _check_indicator(row: Row, indicator: Indicator) -> None:
    labels = bool(indicator.denominator_label_en), bool(indicator.denominator_label_vi)
    if labels != (indicator.is_ratio, indicator.is_ratio):
        row.problem(
            "denominator_label_en", "a ratio has a denominator label in both languages, nothing else has"
        )
    if indicator.is_ratio == (indicator.factor == 1):
        row.problem("factor", "a ratio has a factor above 1, everything else has 1")
    if indicator.unbounded and not indicator.is_ratio:
        row.problem("unbounded", "only a ratio can be unbounded")
    low, high = indicator.value_minimum, indicator.value_maximum
    if low is not None and high is not None and low > high:
        row.problem("value_maximum", "is below value_minimum")
    stock = indicator.kind in ("stock", "ratio_stock", "cumulative")
    if stock and (indicator.time_aggregation == "sum" or indicator.allowed_bases != ("as_of",)):
        row.problem("time_aggregation", "stocks and cumulative kinds are as_of and never summed over time")
    if indicator.kind in ("rank", "score") and indicator.space_aggregation != "none":
        row.problem("space_aggregation", "ranks and scores are never aggregated")


def read_targets(rows: Sequence[Row], indicators: Mapping[str, Indicator], units: Units) -> Targets:
    """Every target; an empty exit value equals the target."""
    unique(rows, "indicator_code", "unit", "period", "comparator", "value", "basis", "version")
    return Targets.of([_target(row, indicators, units) for row in rows])


def _target(row: Row, indicators: Mapping[str, Indicator], units: Units) -> Target:
    span = parse_code(row.text("period"))
    if span is None:
        row.problem("period", f"{row.text('period')!r} is not a period")
        span = CodeSpan("year", 24000, 24011)
    value = row.optional_number("value")
    if value is None:
        row.problem("value", "must not be empty")
        value = Decimal(0)
    exit_value = row.optional_number("exit_value")
    comparator = row.word("comparator", COMPARATORS)
    if exit_value is not None and (exit_value < value if comparator == "ge" else exit_value > value):
        row.problem("exit_value", f"{exit_value} is on the wrong side of the target {value}")
    number = row.integer("version", 1, 9999)
    target = Target(
        indicator=row.required("indicator_code"),
        unit=row.required("unit"),
        period=row.text("period"),
        span=span,
        comparator=comparator,
        value=value,
        exit_value=value if exit_value is None else exit_value,
        severity=row.word("severity", SEVERITIES),
        basis=row.word("basis", STATED_BASES),
        number=number,
        version=entry_version(number, *(row.text(column) for column in TARGET_COLUMNS[:-3])),
        in_force_from=row.optional_day("in_force_from"),
        source=row.required("source"),
        kind=row.word("kind", AUTHORITIES),
        note=row.text("note"),
    )
    _check_target(row, target, indicators, units)
    return target


def _check_target(row: Row, target: Target, indicators: Mapping[str, Indicator], units: Units) -> None:
    row.reference("indicator_code", target.indicator, indicators, "indicator")
    if target.unit and target.unit != EVERY_PROVINCE and not units.known(target.unit):
        row.problem("unit", f"{target.unit!r} is no known unit")
    indicator = indicators.get(target.indicator)
    if indicator is not None and not indicator.allows(target.basis):
        row.problem("basis", f"{target.indicator} does not allow {target.basis}")
    if indicator is not None and not indicator.in_range(target.value):
        row.problem("value", f"{target.value} is outside the values of {target.indicator}")
