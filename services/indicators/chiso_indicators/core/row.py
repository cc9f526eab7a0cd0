"""One row of rollups: what it is made of, and how parts become a row (semantics §4 to §6). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.registers import StatusRule
from chiso_shared.catalogue.targets import Target

from chiso_indicators.core import value as values
from chiso_indicators.core.figure import Figure
from chiso_indicators.core.keys import Key
from chiso_indicators.core.plan import Rule, Scope

SINGLE_KINDS: Final = frozenset({"rank", "score", "milestone", "status"})


@dataclass(frozen=True, slots=True)
class Sums:
    """What the cells or rows below add up to. `numerator` is None when nothing was added.

    `oldest_on` and `newest_on` are the last days of the parts that the oldest and the newest of the added
    reports are about, where each unit's last report stands for a longer period.
    """

    numerator: Decimal | None = None
    denominator: Decimal | None = None
    n_cells: int = 0
    n_reported: int = 0
    n_contributing: int = 0
    n_on_time: int = 0
    n_percent_only: int = 0
    n_unexpected: int = 0
    n_withdrawn: int = 0
    oldest_on: date | None = None
    newest_on: date | None = None
    reporters: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Context:
    """All that a row depends on besides reports: definition, target, colour rule, expectations, phase.

    `expected_units` are the units that owe a report for exactly this period; None where they are not listed.
    """

    level: str
    indicator: Indicator
    scope: Scope
    rule: Rule
    is_month: bool
    target: Target | None
    status_rule: StatusRule
    n_expected: int
    expected_units: frozenset[str] | None
    is_backfill: bool
    phase: str


class Row(msgspec.Struct, frozen=True):
    """A rollup as it is stored; the fields are the columns, in their order."""

    unit: str
    indicator: str
    calendar: str
    period: str
    basis: str
    level: str
    numerator: Decimal | None
    denominator: Decimal | None
    value: Decimal | None
    value_source: str
    not_aggregable: str | None
    reported: dict[str, Any] | None
    discrepancy: Decimal | None
    n_expected: int
    n_reported: int
    n_contributing: int
    n_on_time: int
    n_percent_only: int
    n_unexpected: int
    n_withdrawn: int
    completeness: Decimal | None
    timeliness: Decimal | None
    stale: bool
    status_colour: str
    derived: dict[str, Any] | None
    phase: str
    vintage: int
    version: int
    causes: list[str]
    target: dict[str, Any] | None
    attainment: Decimal | None
    missing: list[str] | None
    tick: int
    ordinal: int
    updated_at: datetime
    catalogue_version: str
    oldest_part_on: date | None
    newest_part_on: date | None

    @property
    def key(self) -> Key:
        """The identity of the row."""
        return Key(self.unit, self.indicator, self.calendar, self.period, self.basis)


def draft(
    key: Key, sums: Sums, own: Figure | None, context: Context, stamp: datetime, catalogue_version: str
) -> Row:
    """The row that the parts give, without `derived`, version, vintage, causes and place in the history."""
    indicator = context.indicator
    numerator, denominator, refusal = _computed(sums, own, context)
    oldest, newest = (sums.oldest_on, sums.newest_on) if numerator is not None else (None, None)
    reported = _reported(indicator, own)
    value, source = values.shown_value(indicator, numerator, denominator), "computed"
    if numerator is None:
        value, source = (reported["value"], "reported") if reported is not None else (None, "none")
    qualifier = reported["qualifier"] if source == "reported" and reported is not None else "eq"
    high = reported["value_high"] if source == "reported" and reported is not None else None
    completeness = values.share(sums.n_reported, context.n_expected)
    timeliness = values.share(sums.n_on_time, context.n_expected)
    return Row(
        *key,
        level=context.level,
        numerator=numerator,
        denominator=denominator,
        value=value,
        value_source=source,
        not_aggregable=refusal if source == "none" else None,
        reported=reported,
        discrepancy=_discrepancy(source, value, reported, context),
        n_expected=context.n_expected,
        n_reported=sums.n_reported,
        n_contributing=sums.n_contributing,
        n_on_time=sums.n_on_time,
        n_percent_only=sums.n_percent_only,
        n_unexpected=sums.n_unexpected,
        n_withdrawn=sums.n_withdrawn,
        completeness=completeness,
        timeliness=None if context.is_backfill else timeliness,
        stale=is_stale(oldest, newest),
        status_colour=values.colour(
            context.status_rule, value, high, qualifier, context.target, completeness
        ),
        derived=None,
        phase=context.phase,
        vintage=0,
        version=0,
        causes=[],
        target=_target(context.target),
        attainment=values.attainment(value, qualifier, indicator.direction, context.target),
        missing=_missing(context, sums),
        tick=0,
        ordinal=0,
        updated_at=stamp,
        catalogue_version=catalogue_version,
        oldest_part_on=oldest,
        newest_part_on=newest,
    )


def is_stale(oldest_on: date | None, newest_on: date | None) -> bool:
    """Whether reports that were added as one stock are about different parts of the period."""
    return oldest_on != newest_on


def _computed(
    sums: Sums, own: Figure | None, context: Context
) -> tuple[Decimal | None, Decimal | None, str | None]:
    """The sums, and why this indicator is not added up here."""
    indicator, refusal = context.indicator, _refusal(context, own)
    if refusal is not None and (context.scope != "own" or own is None):
        return None, None, refusal
    if context.is_month and indicator.kind in SINGLE_KINDS and own is not None:
        return None, None, None  # the figure itself: nothing is computed from a single rank or score
    return sums.numerator, sums.denominator, refusal


def _refusal(context: Context, own: Figure | None) -> str | None:
    kind = context.indicator.kind
    if context.rule == "own" and not context.is_month:
        return f"{kind} is not aggregated over time"
    if context.indicator.space_aggregation == "none" and (
        context.scope != "own" or context.level == "nation" or own is None
    ):
        return f"{kind} is not aggregated over units"
    return None


def _reported(indicator: Indicator, own: Figure | None) -> dict[str, Any] | None:
    """The unit's own figure, with its qualifier and date."""
    if own is None or not own.stated:
        return None
    return {
        "value": values.figure_value(indicator, own),
        "qualifier": own.qualifier,
        "value_high": own.value_high,
        "numerator": own.numerator,
        "denominator": own.denominator,
        "as_of": own.as_of.isoformat() if own.as_of is not None else None,
    }


def _discrepancy(
    source: str, value: Decimal | None, reported: dict[str, Any] | None, context: Context
) -> Decimal | None:
    """Computed minus reported, where both are exact and the one is not made of the other."""
    if source != "computed" or value is None or reported is None or reported["qualifier"] != "eq":
        return None
    if reported["value"] is None or (context.scope == "own" and context.is_month):
        return None
    return values.rounded(value - reported["value"], context.indicator.decimals + 2)


def _target(target: Target | None) -> dict[str, Any] | None:
    if target is None:
        return None
    return {
        "comparator": target.comparator,
        "value": target.value,
        "exit_value": target.exit_value,
        "severity": target.severity,
        "version": target.version,
    }


def _missing(context: Context, sums: Sums) -> list[str] | None:
    if context.expected_units is None:
        return None
    return sorted(context.expected_units - sums.reporters)
