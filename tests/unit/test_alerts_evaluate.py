"""From rollups to events and states: payloads, identities, messages, explanations, the catalogue's rules."""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid5

import pytest
from chiso_alerts.core.arrival import Arrival
from chiso_alerts.core.evaluate import Evaluated, Ledger
from chiso_alerts.core.identity import AlertKey, key_of
from chiso_alerts.core.missing import DatasetKey, Receipts, step_missing
from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.core.state import NEVER_SEEN, AlertMemory
from chiso_alerts.core.wording import figure, number, share
from chiso_shared.catalogue.rules import Rule
from chiso_shared.contracts.alert import AlertEvent, AlertReading, AlertState
from chiso_shared.contracts.codec import decode_model, encode_json
from chiso_shared.contracts.events import NAMESPACE
from chiso_shared.contracts.rollup import RollupEvent

from tests.unit.alerts_examples import START, TARGET, reported, rollup, rule
from tests.unit.catalogue_seeds import seeds

CELL = {
    "unit": "21289",
    "submission_id": "0198c0de-7a11-7c4e-9d3f-5b2a1c0e8f77",
    "agency": "H48.12",
    "revision": 1,
    "delta_numerator": 1071,
    "reason": "file truncated",
}


def book(*rules: object) -> RuleBook:
    return RuleBook.of(replace(seeds(), rules=tuple(rules) or (rule(),)))  # type: ignore[arg-type]


def evaluate(*events: RollupEvent, under: RuleBook | None = None) -> tuple[Evaluated, ...]:
    ledger = Ledger(under or book(), {}, START)
    for event in events:
        ledger.apply(Arrival(event, "00-" + "a" * 32 + "-" + "b" * 16 + "-01"))
    return ledger.results()


def test_alert_id_is_a_uuid5_of_its_key_for_ever() -> None:
    key = AlertKey("r", "51", "DVC.ONLINE_SUBMIT", "administrative", "2025-10", "in_period")
    parts = ("r", "51", "DVC.ONLINE_SUBMIT", "administrative", "2025-10", "in_period")
    assert key.alert_id == uuid5(NAMESPACE, "\x1f".join(parts))
    assert key.alert_id.version == 5
    assert key.event_id("v", 3, "opened", "report", 1) == key.event_id("v", 3, "opened", "report", 9)
    assert key.event_id("v", 3, "opened", "report", 1) != key.event_id("v", 4, "opened", "report", 1)
    removed = [key.event_id("v", 3, "resolved", "rule_removed", sequence) for sequence in (2, 4)]
    assert removed[0] != removed[1], "the rule came back in between"


def test_an_event_carries_what_the_contract_promises() -> None:
    found = evaluate(
        rollup(79.61, 118, completeness=Decimal("0.94")),
        rollup(79.61, 119, phase="closed", vintage=1, causes=("close",)),
        rollup(
            81.27,
            121,
            phase="closed",
            vintage=2,
            causes=("correct",),
            changed_cells=[CELL],
            completeness=Decimal("0.94"),
        ),
    )
    (only,) = found
    assert [fact.event.transition for fact in only.facts] == ["opened", "confirmed", "retracted"]
    event = decode_model(AlertEvent, encode_json(only.facts[-1].event))
    assert (event.state, event.transition, event.reason) == ("RESOLVED", "retracted", "restated")
    assert (event.phase, event.finality, event.causes) == ("closed", "restated", ("correct",))
    assert (event.episode, event.sequence, event.severity) == (1, 3, "warning")
    assert event.target is not None
    assert event.target.version == "t1"
    assert event.target.value == 80
    assert event.target.exit_value == 82
    assert event.before is not None
    assert (event.before.value, event.before.rollup_version) == (Decimal("79.61"), 119)
    assert (event.after.value, event.after.rollup_version, event.after.vintage) == (Decimal("81.27"), 121, 2)
    assert event.evidence[0].agency == "H48.12"
    assert event.evidence[0].delta_numerator == 1071
    assert event.explain_url == f"/v1/alerts/{event.alert_id}/explain"
    assert event.alert_id == key_of("online_share_below_target", rollup(1)).alert_id
    assert event.at == START


def test_the_state_agrees_with_the_last_event() -> None:
    (only,) = evaluate(rollup(70, 1))
    state = decode_model(AlertState, encode_json(only.state))
    assert (state.state, state.sequence, state.transition, state.reason) == ("FIRING", 1, "opened", "report")
    assert state.reading is not None
    assert state.reading.value == 70
    assert (state.opened_at, state.resolved_at) == (START, None)


def test_messages_in_both_languages() -> None:
    (only,) = evaluate(rollup("73.794", 1))
    event = only.facts[0].event
    assert event.message == "Opened (new report): Quang Ngai Province: 73.79 %, below the target of 80 %."
    assert event.message_vi == "Mở cảnh báo (báo cáo mới): Tỉnh Quảng Ngãi: 73,79 %, dưới mục tiêu 80 %."


def test_an_alert_that_ends_does_not_say_below() -> None:
    (only,) = evaluate(rollup(70, 1), rollup(90, 2, causes=("correct",)))
    event = only.facts[-1].event
    assert event.message.startswith("Retracted (figures restated): Quang Ngai")
    assert "is 90 (target ≥ 80)" in event.message
    assert "(mục tiêu ≥ 80)" in event.message_vi


@pytest.mark.parametrize(
    ("qualifier", "value", "high", "english", "vietnamese"),
    [
        ("eq", "1234567.891", None, "1,234,567.89", "1.234.567,89"),
        ("gt", "74", None, "more than 74", "trên 74"),
        ("lt", "80", None, "less than 80", "dưới 80"),
        ("range", "98", "99", "98–99", "98–99"),
        ("approx", "79.5", None, "about 79.5", "khoảng 79,5"),
    ],
)
def test_figures(qualifier: str, value: str, high: str | None, english: str, vietnamese: str) -> None:
    reading = AlertReading(
        value=Decimal(value),
        qualifier=qualifier,
        value_high=None if high is None else Decimal(high),
        rollup_version=1,
        vintage=0,
    )
    assert figure(reading, "en", 2) == english
    assert figure(reading, "vi", 2) == vietnamese


def test_numbers_are_rounded_half_even_only_when_shown() -> None:
    assert number(Decimal("0.125"), "en", 2) == "0.12"
    assert number(Decimal("0.125"), "vi") == "0,125"
    assert number(Decimal(10**40) + Decimal("0.5"), "en", 2).count("0") >= 40, "also long ones"
    assert share(Decimal("0.9479"), "vi") == "94,8 %"
    assert share(None, "en") == "not applicable"


def test_explanation_has_the_gates_with_their_inputs() -> None:
    under = book(rule(min_completeness=Decimal("0.5"), min_denominator=Decimal(10)))
    (only,) = evaluate(rollup(70, 1, changed_cells=[CELL], changed_cells_count=60), under=under)
    found = only.facts[0].explanation
    assert found["observation"] == "BREACH"
    assert found["gate"]["completeness"] == {
        "n_expected": 96,
        "n_reported": 90,
        "n_contributing": 90,
        "share_contributing": Decimal("0.9375"),
        "minimum": Decimal("0.5"),
        "open": True,
    }
    assert found["gate"]["denominator"]["open"] is True
    assert found["changed_cells_count"] == 60


def test_rollups_without_target_or_rule_leave_nothing_behind() -> None:
    assert evaluate(rollup(70, 1, target=None)) == ()
    assert evaluate(rollup(70, 1, basis="ytd")) == ()
    assert evaluate(rollup(70, 1, level="commune", unit="21289")) == ()
    assert evaluate(rollup(70, 1, target=TARGET.model_copy(update={"severity": "info"}))) == ()


def test_a_new_rule_judges_open_periods_only() -> None:
    under = book()
    (only,) = under.rules.values()
    ledger = Ledger(under, {}, START)
    ledger.apply_rule(Arrival(rollup(70, 7)), only, new_rule=True)
    ledger.apply_rule(
        Arrival(rollup(70, 7, period="2025-09", phase="closed", vintage=1)), only, new_rule=True
    )
    (found,) = ledger.results()
    assert (found.key.period, found.facts[0].event.reason) == ("2025-10", "rule_changed")


def test_the_seed_rules_and_the_published_figures_of_quang_tri_and_quang_ngai() -> None:
    under = RuleBook.of(seeds())
    past = {"phase": "closed", "vintage": 1, "causes": ("backfill",), "n_expected": 0, "n_contributing": 0}
    common = past | {"calendar": "statistical", "completeness": None, "n_reported": 0}
    (quang_tri,) = evaluate(reported("eq", "72.63", 1, unit="44", period="2025-10", **common), under=under)
    event = quang_tri.facts[0].event
    assert (event.state, event.transition, event.reason) == ("FIRING", "opened", "backfill")
    assert event.finality == "final"
    newer = common | {"causes": ("correct",), "vintage": 2}
    (quang_ngai,) = evaluate(
        reported("eq", "73.79", 1, unit="51", period="2025-12", **common),
        reported("gt", "74", 2, unit="51", period="2025-12", **newer),
        under=under,
    )
    assert [(fact.event.transition, fact.event.reason) for fact in quang_ngai.facts] == [
        ("opened", "backfill"),
        ("retracted", "undetermined"),
    ]
    assert not quang_ngai.memory.standing


def test_pending_and_back_makes_the_state_topic_forget() -> None:
    under = book(rule(hold_seconds=60))
    (waiting,) = evaluate(rollup(70, 1), under=under)
    assert waiting.published
    assert waiting.facts == ()
    ledger = Ledger(under, {waiting.key.alert_id: waiting.memory}, START)
    ledger.apply(Arrival(rollup(90, 2)))
    (gone,) = ledger.results()
    assert gone.published
    assert not gone.memory.visible
    quiet = Ledger(under, {gone.key.alert_id: gone.memory}, START)
    quiet.apply(Arrival(rollup(91, 3)))
    assert [one.published for one in quiet.results()] == [False]


def test_memories_of_a_batch_carry_on_from_what_is_stored() -> None:
    (first,) = evaluate(rollup(70, 1))
    stored = decode_model(AlertMemory, encode_json(first.memory))
    ledger = Ledger(book(), {first.key.alert_id: stored}, START)
    ledger.apply(Arrival(rollup(70, 1)))
    assert ledger.results() == ()
    ledger.apply(Arrival(rollup(90, 2)))
    (second,) = ledger.results()
    assert [fact.event.sequence for fact in second.facts] == [2]


def test_a_stored_state_is_the_state_that_the_contract_describes() -> None:
    for following in ([], [rollup(95, 2)], [rollup(None, 3)]):
        [found] = evaluate(rollup(70, 1), *following)
        assert encode_json(found.document) == encode_json(found.state)
        assert decode_model(AlertState, encode_json(found.document)) == found.state


def test_a_unit_that_says_nothing_about_itself_has_no_discrepancy_to_remember() -> None:
    under = book(seeds_rule("reported_differs_from_computed"))
    silent = rollup(90, 1)
    assert evaluate(silent, under=under) == ()
    assert evaluate(rollup(90, 2, phase="closed", vintage=1, causes=("close",)), under=under) == ()
    [spoken] = evaluate(silent, rollup(90, 2, discrepancy=Decimal(3)), under=under)
    assert spoken.memory.name == "FIRING"
    [withdrawn] = evaluate(rollup(90, 2, discrepancy=Decimal(3)), rollup(90, 3), under=under)
    assert withdrawn.memory.reading is not None and withdrawn.memory.reading.rollup_version == 3


def test_the_second_close_of_a_period_is_known_for_a_close() -> None:
    under = book(seeds_rule("reported_differs_from_computed"))
    reopened = rollup(90, 3, phase="reopened", vintage=1, causes=("correct",))
    again = rollup(90, 5, phase="closed", vintage=2, causes=("close",), discrepancy=Decimal(3))
    [found] = evaluate(reopened, again, under=under)
    assert [(fact.event.transition, fact.event.reason) for fact in found.facts] == [("opened", "close")]


def seeds_rule(rule_id: str) -> Rule:
    return next(one for one in seeds().rules if one.id == rule_id)


def test_an_alert_of_a_unit_that_is_gone_is_not_judged_again_until_it_is_back() -> None:
    gone, here = rollup(70, 1, unit="99"), rollup(70, 1)
    only = rule()
    for event, expected in ((gone, ["unit_retired"]), (here, ["unit_retired", "rule_changed"])):
        ledger = Ledger(book(only), {}, START)
        ledger.apply(Arrival(event))
        ledger.retire(key_of(only.id, event), Arrival(event), only, "unit_retired")
        ledger.apply_rule(Arrival(event), only, new_rule=True)
        [found] = ledger.results()
        assert [fact.event.reason for fact in found.facts[1:]] == expected


def test_a_rule_that_goes_back_and_forth_tells_events_apart() -> None:
    event = rollup(70, 1, n_contributing=60)
    mild, strict = rule(version="1"), rule(version="2", min_completeness=Decimal("0.9"))
    memories: dict[UUID, AlertMemory] = {}
    told: list[tuple[str, str, str]] = []
    for judge in (mild, strict, mild, strict):
        ledger = Ledger(book(judge), memories, START)
        ledger.apply_rule(Arrival(event), judge, new_rule=bool(told))
        for found in ledger.results():
            memories[found.key.alert_id] = found.memory
            told += [(one.event.transition, one.event.reason, one.id) for one in found.facts]
    assert [one[:2] for one in told].count(("updated", "incomplete")) == 2
    assert len({one[2] for one in told}) == len(told)


def test_a_commune_that_moves_is_missing_where_it_is_now() -> None:
    missing = seeds_rule("report_missing")
    [left, here] = (
        Receipts(
            DatasetKey(province, "DVC", "administrative", "2025-10", "in_period"),
            units,
            "collecting",
            version,
            0,
            rollup(None, version, unit=province),
            "DVC.ON_TIME",
        )
        for province, units, version in (("44", frozenset[str](), 200), ("51", frozenset({"21025"}), 90))
    )
    before = replace(left, missing=frozenset({"21025"}))
    key = before.key.alert_key(missing.id, "21025")
    firing, _ = step_missing(NEVER_SEEN, True, before, missing, START)
    for order in ((left, here), (here, left)):
        ledger = Ledger(book(missing), {key.alert_id: firing}, START)
        for found in order:
            ledger.apply_receipts(found, missing, ["21025"])
        [result] = ledger.results()
        assert (result.memory.name, result.facts) == ("FIRING", ())
        received = replace(here, missing=frozenset(), version=91)
        ledger.apply_receipts(received, missing, ["21025"])
        assert [fact.event.reason for fact in ledger.results()[0].facts] == ["received"]
