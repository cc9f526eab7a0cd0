"""Deliberate mistakes in the core of alerts, patched in; some seed must catch each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

from chiso_alerts.core import decide, evaluate, machine, observe, transition
from chiso_alerts.core.decide import Decision
from chiso_alerts.core.identity import AlertKey
from chiso_alerts.core.limits import Limits
from chiso_alerts.core.state import NEVER_SEEN, AlertMemory
from chiso_shared.contracts.events import content_id

Patch = Callable[[], Any]


def _stale_version_accepted() -> Any:
    true = machine._trigger

    def trigger(memory: Any, reading: Any, *rest: Any) -> Any:
        stale = memory.reading is not None and reading.version < memory.reading.rollup_version
        return "rollup" if stale else true(memory, reading, *rest)

    return patch.object(machine, "_trigger", trigger)


def _sequence_skipped() -> Any:
    true = transition.with_event

    def with_event(memory: Any, name: Any, *rest: Any, **named: Any) -> Any:
        skip = 1 if name == "updated" else 0
        return true(memory.model_copy(update={"sequence": memory.sequence + skip}), name, *rest, **named)

    return patch.object(machine, "with_event", with_event)


def _band_survives_the_close() -> Any:
    true = observe.observe

    def found(reading: Any, rule: Any, limits: Any) -> Any:
        seen = true(reading, rule, limits)
        return replace(seen, kind=seen.judged) if reading.closed and seen.judged == "BAND" else seen

    true_decide = decide.decide

    def decided(given: Any) -> Any:
        if given.reading.closed and given.observation.kind == "BAND" and given.memory.standing:
            return Decision("RECOVERING")
        return true_decide(given)

    return _both(patch.object(machine, "observe", found), patch.object(machine, "decide", decided))


def _exit_is_the_limit() -> Any:
    return patch.object(Limits, "recovered", Limits.not_entered)


def _gates_ignored() -> Any:
    true = observe.gate

    def gate(reading: Any, rule: Any) -> Any:
        return replace(true(reading, rule), phase=True, completeness=True, denominator=True)

    return patch.object(observe, "gate", gate)


def _missing_gate_resolves() -> Any:
    true = decide._from_firing

    def from_firing(given: Any) -> Any:
        gated = given.observation.kind == "GATED"
        return Decision("RESOLVED", "resolved", "recovered") if gated else true(given)

    return patch.object(decide, "_from_firing", from_firing)


def _nothing_retracted_after_the_close() -> Any:
    true = decide._no_breach_closed

    def no_breach(given: Any) -> Any:
        return Decision(given.memory.name) if not given.closing else true(given)

    return patch.object(decide, "_no_breach_closed", no_breach)


def _one_id_for_all_events() -> Any:
    def event_id(self: AlertKey, *cause: Any, **_named: Any) -> str:
        return content_id(*self._parts())

    return patch.object(AlertKey, "event_id", event_id)


def _period_left_out_of_the_identity() -> Any:
    def parts(self: AlertKey) -> tuple[str, ...]:
        return self.rule, self.unit, self.indicator, self.calendar, self.basis

    return patch.object(AlertKey, "_parts", parts)


def _memory_not_carried_through_a_batch() -> Any:
    def memory(self: Any, key: AlertKey) -> Any:
        found = self._before.get(key.alert_id)
        return found if found is not None else NEVER_SEEN

    return patch.object(evaluate.Ledger, "memory", memory)


def _timers_never_fire() -> Any:
    return patch.object(AlertMemory, "due_at", None)


@contextmanager
def _both(*patches: Any) -> Iterator[None]:
    one, other = patches
    with one, other:
        yield


ALERT_MUTANTS: Final[dict[str, Patch]] = {
    "stale version accepted": _stale_version_accepted,
    "sequence skipped": _sequence_skipped,
    "a band survives the close": _band_survives_the_close,
    "exit ignored": _exit_is_the_limit,
    "gates ignored": _gates_ignored,
    "a closed gate resolves": _missing_gate_resolves,
    "nothing retracted after the close": _nothing_retracted_after_the_close,
    "one id for all events": _one_id_for_all_events,
    "period left out of the identity": _period_left_out_of_the_identity,
    "memory not carried through a batch": _memory_not_carried_through_a_batch,
    "timers never fire": _timers_never_fire,
}
