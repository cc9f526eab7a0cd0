"""An alert as the state topic shows it, taken for what is remembered of it (delivery, Restore). Pure.

What was announced before the last reading is not told there. The time that a recovering alert is kept runs
from the instant of its state.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from chiso_shared.catalogue.rules import Rule
from chiso_shared.contracts.alert import AlertState
from chiso_shared.contracts.rollup import RollupEvent

from chiso_alerts.core.decide import INCOMPLETE
from chiso_alerts.core.evaluate import Evaluated
from chiso_alerts.core.identity import AlertKey
from chiso_alerts.core.observe import ObservationKind
from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.core.state import AlertMemory

_KINDS: Final[dict[str | None, ObservationKind]] = {reason: kind for kind, reason in INCOMPLETE.items()}


def recalled(state: AlertState, book: RuleBook) -> Evaluated | None:
    """The alert to go on with; None for one that must be judged from its inputs again.

    A pending alert is nothing but timers. The rollup is what the state tells of it, until it comes again.
    """
    if state.state in ("INACTIVE", "PENDING") or state.reading is None:
        return None
    rollup = _rollup(state)
    key = AlertKey(state.rule.id, state.unit, state.indicator, state.calendar, state.period, state.basis)
    return Evaluated(
        key=key,
        rollup=rollup,
        province=book.province(rollup),
        memory=_memory(state, book.rules.get(state.rule.id)),
        was_visible=True,
        facts=(),
        suppressed=state.suppressed,
        owns_input=True,
    )


def _memory(state: AlertState, rule: Rule | None) -> AlertMemory:
    recovers = state.state == "RECOVERING"
    keep = timedelta(seconds=rule.keep_firing_seconds) if rule is not None else timedelta()
    return AlertMemory(
        name=state.state,
        severity=state.severity,
        episode=state.episode,
        sequence=state.sequence,
        rule_version=state.rule.version,
        retired=state.reason in ("rule_removed", "unit_retired"),
        target=state.target,
        reading=state.reading,
        phase=state.phase,
        finality=state.finality,
        observed=_KINDS.get(state.reason, "BREACH")
        if state.state == "FIRING"
        else "OK"
        if recovers
        else None,
        keep_until=state.updated_at + keep if recovers else None,
        announced=state.reading,
        announced_target=state.target.version if state.target is not None else None,
        last_event_at=state.updated_at,
        opened_at=state.opened_at,
        resolved_at=state.resolved_at,
        updated_at=state.updated_at,
        last_transition=state.transition,
        last_reason=state.reason,
    )


def _rollup(state: AlertState) -> RollupEvent:
    reading = state.reading
    assert reading is not None  # noqa: S101 - asked before
    return RollupEvent(
        unit=state.unit,
        level=state.level,
        indicator=state.indicator,
        calendar=state.calendar,
        period=state.period,
        basis=state.basis,
        numerator=reading.numerator,
        denominator=reading.denominator,
        value=reading.value,
        completeness=reading.completeness,
        phase=state.phase,
        vintage=reading.vintage,
        version=reading.rollup_version,
        causes=(),
        updated_at=state.updated_at,
        catalogue_version="",
        tick=0,
    )
