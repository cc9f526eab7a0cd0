"""An alert taken from the state topic goes on as the one that told it there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from chiso_alerts.core.arrival import Arrival
from chiso_alerts.core.evaluate import Evaluated, Ledger
from chiso_alerts.core.recall import recalled
from chiso_alerts.core.rulebook import RuleBook
from chiso_shared.contracts.alert import AlertState
from chiso_shared.contracts.codec import decode_model, encode_json
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.alerts_examples import START, rollup
from tests.unit.catalogue_seeds import seeds

BOOK = RuleBook.of(seeds())
STEPS = st.lists(st.tuples(st.sampled_from((60, 70, 79, 81, 90)), st.booleans()), min_size=1, max_size=6)


def one_step(before: list[Evaluated], value: int, version: int, closed: bool) -> list[Evaluated]:
    """What the rule of the share makes of the next version."""
    phase = {"phase": "closed", "vintage": version} if closed else {}
    ledger = Ledger(
        BOOK, {one.key.alert_id: one.memory for one in before}, START + timedelta(hours=2 * version)
    )
    ledger.apply(Arrival(rollup(Decimal(value), version, **phase)))
    return list(ledger.results())


@given(STEPS, st.tuples(st.sampled_from((60, 70, 79, 81, 90)), st.booleans()))
def test_the_next_reading_has_the_same_effect(
    steps: list[tuple[int, bool]], following: tuple[int, bool]
) -> None:
    lived: list[Evaluated] = []
    closed = False
    for version, (value, closes) in enumerate(steps, start=1):
        closed = closed or closes
        lived = one_step(lived, value, version, closed) or lived
    told = [decode_model(AlertState, encode_json(one.state)) for one in lived if one.memory.visible]
    again = [one for state in told if (one := recalled(state, BOOK)) is not None]
    assert [one.state for one in again] == told, "it says what was said"
    version = len(steps) + 1
    shown = {one.key.alert_id for one in again}
    wanted = one_step([one for one in lived if one.key.alert_id in shown], following[0], version, closed)
    found = one_step(again, following[0], version, closed)

    def facts(results: list[Evaluated]) -> list[tuple[object, ...]]:
        return [
            (fact.id, fact.event.transition, fact.event.reason, fact.event.sequence, fact.event.episode)
            for one in results
            for fact in one.facts
            if fact.event.transition != "updated"
        ]

    assert facts(found) == facts(wanted)
    assert [(one.key, one.memory.name, one.memory.severity) for one in found] == [
        (one.key, one.memory.name, one.memory.severity) for one in wanted
    ]


def test_a_recovering_alert_is_kept_as_long_as_it_would_have_been() -> None:
    kept = replace(BOOK.rules["online_share_below_target"], keep_firing_seconds=3_600)
    rules = tuple(kept if one.id == kept.id else one for one in seeds().rules)
    book = RuleBook.of(replace(seeds(), rules=rules))

    def see(before: list[Evaluated], value: int, version: int, hours: float) -> list[Evaluated]:
        memories = {one.key.alert_id: one.memory for one in before}
        ledger = Ledger(book, memories, START + timedelta(hours=hours))
        ledger.apply_rule(Arrival(rollup(Decimal(value), version)), kept)
        return list(ledger.results())

    [lived] = see(see([], 70, 1, 0), 90, 2, 1)
    again = recalled(lived.state, book)
    assert again is not None and lived.memory.name == "RECOVERING"
    assert again.memory.due_at == lived.memory.due_at == START + timedelta(hours=2)
    assert see([again], 90, 2, 1.9) == []
    [ended] = see([again], 90, 2, 2)
    assert [(fact.event.transition, fact.event.reason) for fact in ended.facts] == [("resolved", "recovered")]


def test_an_older_reading_changes_nothing_and_what_was_never_seen_is_judged_anew() -> None:
    [one] = [one for one in one_step([], 70, 5, True) if one.memory.standing]
    again = recalled(one.state, BOOK)
    assert again is not None and again.memory.standing
    assert again.key not in {one.key for one in one_step([again], 90, 4, True)}
    pending = one.state.model_copy(update={"state": "PENDING"})
    assert recalled(pending, BOOK) is None
