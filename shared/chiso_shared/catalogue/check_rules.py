"""What a rule of each kind must and must not say. Reports mistakes; reads no files. Pure."""

from collections.abc import Mapping
from typing import Final

from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.obligations import Dataset
from chiso_shared.catalogue.rules import Rule
from chiso_shared.catalogue.tables import Row
from chiso_shared.catalogue.words import SEVERITIES

# What a rule's parameters may say, by kind; None: any text.
_JUDGED: Final[Mapping[str, tuple[str, ...] | None]] = {
    "gated_at_close": ("enter", "insufficient"),
    "comparator": ("ge", "le"),
}
PARAMETERS: Final[Mapping[str, Mapping[str, tuple[str, ...] | None]]] = {
    "threshold": _JUDGED,
    "discrepancy": {"gated_at_close": ("enter", "insufficient")},
    "fall": {"gated_at_close": ("enter", "insufficient")},
    "missing": {"received_by": ("any_indicator", "every_indicator")},
    "task": {"done_statuses": None},
}


def check_rule(
    row: Row, rule: Rule, indicators: Mapping[str, Indicator], datasets: Mapping[str, Dataset]
) -> None:
    """Report what the rule may not say (semantics §7, rule kinds)."""
    match rule.kind:
        case "missing":
            _check_missing(row, rule, datasets)
        case "task":
            _check_task(row, rule)
        case _:
            _check_rollup_rule(row, rule, indicators)
    _check_severities(row, rule)
    _check_parameters(row, rule)


def _check_missing(row: Row, rule: Rule, datasets: Mapping[str, Dataset]) -> None:
    if not rule.indicators:
        row.problem("indicators", "a missing rule names at least one dataset")
    for code in rule.indicators:
        row.reference("indicators", code, datasets, "dataset")
    if rule.levels != ("province",):
        row.problem("levels", "a missing rule reads the rollups of provinces, which list who is missing")
    if rule.severity is None or rule.severities:
        row.problem("severity", "a missing rule has one severity of its own and no severities")


def _check_task(row: Row, rule: Rule) -> None:
    if rule.indicators:
        row.problem("indicators", "a task rule looks at the register of tasks, not at indicators")
    if rule.severity is None or not rule.severities:
        row.problem("severities", "a task rule says from which day on, counted from the due date, it is what")


def _check_rollup_rule(row: Row, rule: Rule, indicators: Mapping[str, Indicator]) -> None:
    if not rule.indicators:
        row.problem("indicators", f"a {rule.kind} rule names at least one indicator")
    for code in rule.indicators:
        row.reference("indicators", code, indicators, "indicator")
        indicator = indicators.get(code)
        if indicator is not None and not any(indicator.allows(basis) for basis in rule.bases):
            row.problem("bases", f"{code} allows none of them")
    if rule.kind == "threshold":
        return
    if not rule.severities:
        row.problem("severities", f"a {rule.kind} rule has a limit of its own: give severities")
    for level in rule.severities:
        if level.enter < level.exit or level.exit < 0:
            row.problem("severities", f"a {rule.kind} is bad when it is large: 0 ≤ exit ≤ enter")


def _check_severities(row: Row, rule: Rule) -> None:
    graded = sorted(rule.severities, key=lambda level: SEVERITIES.index(level.severity))
    if len({level.severity for level in graded}) != len(graded):
        row.problem("severities", "a severity stands twice")
    if len({(level.enter > level.exit) - (level.enter < level.exit) for level in graded} - {0}) > 1:
        row.problem("severities", "enter and exit point in different directions")


def _check_parameters(row: Row, rule: Rule) -> None:
    known = PARAMETERS.get(rule.kind, {})
    for name, value in rule.parameters.items():
        if name not in known:
            row.problem("parameters", f"{name} is no parameter of a {rule.kind} rule ({', '.join(known)})")
            continue
        allowed = known[name]
        if allowed is not None and value not in allowed:
            row.problem("parameters", f"{name} is none of {', '.join(allowed)}: {value!r}")
