"""Why an alert event came about: what the rule looked at, kept with the event. Pure; searches nothing."""

from __future__ import annotations

from typing import Any

from chiso_shared.catalogue.rules import Rule
from chiso_shared.contracts.rollup import RollupEvent

from chiso_alerts.core.counterfactual import counterfactuals
from chiso_alerts.core.limits import limits_of
from chiso_alerts.core.measure import measured
from chiso_alerts.core.observe import Gate, gate, observe
from chiso_alerts.core.rulebook import RuleBook


def explanation(
    rollup: RollupEvent, rule: Rule | None, book: RuleBook, previous: RollupEvent | None = None
) -> dict[str, Any]:
    """The gates with their inputs, what the reading was taken for, where it came from, and what it would be
    without each revision that moved it (contract §4).

    Without the rule or the indicator (no longer in the catalogue) only the source of the reading is known.
    """
    indicator = book.catalogue.indicators.get(rollup.indicator)
    source = {
        "rollup_version": rollup.version,
        "tick": rollup.tick,
        "updated_at": rollup.updated_at,
        "catalogue_version": rollup.catalogue_version,
        "value_source": rollup.value_source,
    }
    found: dict[str, Any] = {
        "rollup": source,
        "changed_cells_count": max(rollup.changed_cells_count, len(rollup.changed_cells)),
    }
    limits = limits_of(rule, rollup.target) if rule is not None else None
    if rule is None or indicator is None or limits is None:
        return found
    reading = measured(rollup, indicator, rule, previous)
    found["observation"] = observe(reading, rule, limits).kind
    found["gate"] = _gates(rollup, rule, gate(reading, rule))
    if rule.kind == "fall" and previous is not None:
        found["previous"] = {
            "period": previous.period,
            "value": previous.value,
            "rollup_version": previous.version,
        }
    if rule.kind == "threshold":
        names = book.unit_names(rollup, (cell.unit for cell in rollup.changed_cells))
        found["counterfactuals"] = counterfactuals(rollup, rollup.changed_cells, indicator, limits, names)
    return found


def _gates(rollup: RollupEvent, rule: Rule, gates: Gate) -> dict[str, Any]:
    return {
        "open": gates.is_open,
        "phase": {"value": rollup.phase, "allowed": rule.phases, "open": gates.phase},
        "completeness": {
            "n_expected": rollup.n_expected,
            "n_reported": rollup.n_reported,
            "n_contributing": rollup.n_contributing,
            "share_contributing": gates.share_contributing and round(gates.share_contributing, 4),
            "minimum": rule.min_completeness,
            "open": gates.completeness,
        },
        "denominator": {
            "value": rollup.denominator,
            "minimum": rule.min_denominator,
            "open": gates.denominator,
        },
    }
