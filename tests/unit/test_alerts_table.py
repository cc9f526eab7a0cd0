"""The table of docs/semantics.md §7, row by row."""

from dataclasses import replace
from decimal import Decimal

import pytest
from chiso_alerts.core.machine import retire

from tests.unit.alerts_examples import HIGHER_IS_BAD, TARGET, Life, reported, rule

HELD = rule(hold_seconds=600)
KEPT = rule(keep_firing_seconds=600)
GATED = rule(min_completeness=Decimal("0.5"))
FEW = {"n_contributing": 10, "n_reported": 10, "completeness": Decimal("0.1042")}


def firing(value: float = 70, under: object = None) -> Life:
    life = Life(under or rule())  # type: ignore[arg-type]
    assert life.see(value) == "opened (report)"
    return life


def recovering() -> Life:
    life = firing()
    assert life.see(81) is None
    assert life.state == "RECOVERING"
    return life


def resolved() -> Life:
    life = firing()
    assert life.see(90) == "resolved (recovered)"
    return life


def test_row_1_a_breach_without_hold_time_opens() -> None:
    life = Life()
    assert life.see(79.99) == "opened (report)"
    assert (life.state, life.memory.severity, life.memory.finality) == ("FIRING", "warning", "provisional")
    assert (life.memory.episode, life.memory.sequence) == (1, 1)


@pytest.mark.parametrize(
    ("causes", "reason"),
    [
        (("report", "correct"), "restated"),
        (("withdraw", "reference"), "withdrawn"),
        (("hierarchy", "report"), "hierarchy"),
        (("backfill",), "backfill"),
    ],
)
def test_row_1_several_causes_are_named_by_the_first_correction(causes: tuple[str, ...], reason: str) -> None:
    assert Life().see(70, *causes) == f"opened ({reason})"


def test_row_2_a_breach_with_hold_time_waits_and_the_timer_is_kept() -> None:
    life = Life(HELD)
    assert life.see(70) is None
    assert life.state == "PENDING"
    assert life.memory.due_at is not None
    assert (life.memory.due_at - life.now).total_seconds() == 600


def test_row_2_gated_and_below_enter_is_pending_without_a_due_timer() -> None:
    life = Life(GATED)
    assert life.see(70, **FEW) is None
    assert (life.state, life.memory.due_at) == ("PENDING", None)
    other = Life(GATED)
    assert other.see(90, **FEW) is None
    assert other.state == "INACTIVE"


def test_row_3_the_timer_opens_while_it_is_still_a_breach() -> None:
    life = Life(HELD)
    life.see(70)
    assert life.wait(599) is None
    assert life.wait(1) == "opened (report)"
    assert life.state == "FIRING"


def test_row_3_a_shut_gate_keeps_the_timer_from_firing() -> None:
    life = Life(rule(min_completeness=Decimal("0.5"), hold_seconds=600))
    life.see(70, **FEW)
    assert life.wait(3600) is None
    assert life.state == "PENDING"
    assert life.see(70) == "opened (report)"


@pytest.mark.parametrize("value", [90, 81, None])
def test_row_4_ok_band_and_nodata_end_pending_silently(value: float | None) -> None:
    life = Life(HELD)
    life.see(70)
    assert life.see(value) is None
    assert (life.state, life.memory.sequence) == ("INACTIVE", 0)
    assert life.wait(3600) is None


def test_row_5_a_changed_severity_is_an_update() -> None:
    life = Life(rule(severities=HIGHER_IS_BAD), target=None)
    assert life.see(61) == "opened (report)"
    assert life.see(85) == "updated (severity)"
    assert life.memory.severity == "critical"


def test_row_6_a_value_that_moved_by_epsilon_is_an_update() -> None:
    life = firing(70)
    assert life.see(70.4) is None
    assert life.see(70.5) == "updated (value)"


def test_row_6_small_moves_add_up() -> None:
    life = firing(70)
    assert [life.see(70 + step / 10) for step in range(1, 6)] == [None] * 4 + ["updated (value)"]


def test_row_6_a_changed_completeness_class_is_an_update() -> None:
    life = firing(70)
    assert life.see(70, completeness=Decimal("0.81")) is None
    assert life.see(70, completeness=Decimal("0.79")) == "updated (completeness)"
    assert life.see(70, completeness=Decimal("0.49")) == "updated (completeness)"


def test_row_6_a_changed_target_version_is_an_update() -> None:
    life = firing(70)
    life.target = TARGET.model_copy(update={"version": "t2", "value": Decimal(85)})
    assert life.see(70, "reference") == "updated (target)"


def test_row_6_at_most_one_update_per_interval_and_the_last_one_is_not_lost() -> None:
    life = firing(70, rule(update_interval_seconds=3600))
    assert life.see(75) is None
    assert life.see(76) is None
    assert life.wait(3599) is None
    assert life.wait(1) == "updated (value)"
    assert life.events[-1].before == life.events[0].after
    assert life.events[-1].after.value == 76
    assert life.wait(7200) is None


def test_row_6_a_deferred_update_that_moved_back_is_dropped() -> None:
    life = firing(70, rule(update_interval_seconds=3600))
    life.see(75)
    life.see(70.1)
    assert life.wait(7200) is None
    assert life.memory.due_at is None


def test_row_7_band_starts_recovering() -> None:
    life = firing()
    assert life.see(81) is None
    assert life.state == "RECOVERING"


def test_row_7_ok_while_keep_firing_runs_recovers_then_resolves() -> None:
    life = firing(70, KEPT)
    assert life.see(90) is None
    assert life.state == "RECOVERING"
    assert life.wait(599) is None
    assert life.wait(1) == "resolved (recovered)"


def test_row_8_a_breach_while_recovering_is_the_same_episode() -> None:
    life = recovering()
    assert life.see(70) is None
    assert (life.state, life.memory.episode, life.memory.sequence) == ("FIRING", 1, 1)


@pytest.mark.parametrize("kind", ["gated", "undetermined", "nodata"])
def test_row_8_what_cannot_be_judged_keeps_recovering(kind: str) -> None:
    life = firing(70, GATED)
    life.see(81)
    life.version += 1
    match kind:
        case "gated":
            assert life.see(70, **FEW) is None
        case "undetermined":
            assert life.take(reported("gt", 70, life.version, basis="in_period")) is None
        case "nodata":
            assert life.see(None) is None
    assert life.state == "RECOVERING"


def test_row_9_reporting_that_moved_the_number_back_resolves() -> None:
    life = firing()
    assert life.see(90, "report", "correct") == "resolved (recovered)"
    assert life.state == "RESOLVED"
    again = recovering()
    assert again.see(82) == "resolved (recovered)"


@pytest.mark.parametrize(
    ("causes", "reason"),
    [
        (("correct",), "restated"),
        (("withdraw",), "withdrawn"),
        (("reference",), "reference"),
        (("hierarchy",), "hierarchy"),
        (("hierarchy", "withdraw"), "withdrawn"),
    ],
)
def test_row_10_corrections_alone_retract(causes: tuple[str, ...], reason: str) -> None:
    assert firing().see(90, *causes) == f"retracted ({reason})"
    assert recovering().see(90, *causes) == f"retracted ({reason})"


def test_row_10_keep_firing_does_not_delay_a_retraction() -> None:
    assert firing(70, KEPT).see(90, "correct") == "retracted (restated)"


def test_row_10_any_change_after_the_close_retracts() -> None:
    life = firing()
    assert life.close(70) == "confirmed (close)"
    assert life.restate(81.27) == "retracted (restated)"
    assert (life.state, life.memory.finality) == ("RESOLVED", "restated")


@pytest.mark.parametrize(
    ("fields", "value", "reason"), [(FEW, 70, "incomplete"), ({}, None, "stale"), (FEW, 90, "incomplete")]
)
def test_row_11_what_cannot_be_judged_is_said_once_and_never_resolves(
    fields: dict[str, object], value: float | None, reason: str
) -> None:
    life = firing(70, GATED)
    assert life.see(value, **fields) == f"updated ({reason})"
    assert life.see(value, **fields) is None
    assert life.state == "FIRING"


def test_row_11_undetermined_before_the_close() -> None:
    life = firing()
    life.version += 1
    assert life.take(reported("gt", 74, life.version, basis="in_period")) == "updated (undetermined)"
    assert life.state == "FIRING"


def test_row_12_nodata_at_or_after_the_close_retracts() -> None:
    assert firing().close(None) == "retracted (withdrawn)"
    assert recovering().close(None) == "retracted (withdrawn)"
    life = firing()
    life.close(70)
    assert life.restate(None, "withdraw") == "retracted (withdrawn)"


def test_row_12_undetermined_at_or_after_the_close_retracts() -> None:
    life = firing()
    life.version += 1
    closed = {"phase": "closed", "vintage": 1, "causes": ("close",), "basis": "in_period"}
    assert life.take(reported("gt", 74, life.version, **closed)) == "retracted (undetermined)"
    late = firing()
    late.close(70)
    late.version += 1
    restated = closed | {"vintage": 2, "causes": ("correct",)}
    assert late.take(reported("gt", 74, late.version, **restated)) == "retracted (undetermined)"


def test_row_13_the_close_confirms_what_stands() -> None:
    for life in (firing(), recovering()):
        assert life.close(70) == "confirmed (close)"
        assert (life.state, life.memory.finality, life.memory.episode) == ("FIRING", "final", 1)


def test_row_13_the_close_opens_or_reopens_what_does_not_stand() -> None:
    pending = Life(HELD)
    pending.see(70)
    assert pending.close(70) == "opened (close)"
    inactive = Life(GATED)
    inactive.see(90)
    assert inactive.close(70) == "opened (close)"
    again = resolved()
    assert again.close(70) == "reopened (close)"
    assert again.memory.episode == 2


def test_row_13_gated_is_judged_by_enter_alone_at_the_close() -> None:
    life = Life(GATED)
    assert life.see(70, **FEW) is None
    assert life.close(70, **FEW) == "opened (close)"


def test_row_13_unless_the_rule_says_insufficient() -> None:
    strict = replace(GATED, parameters={"gated_at_close": "insufficient"})
    life = firing(70, strict)
    assert life.close(70, **FEW) == "retracted (insufficient)"
    quiet = Life(strict)
    assert quiet.close(70, **FEW) is None
    assert quiet.state == "INACTIVE"


def test_row_13_a_past_period_opens_as_backfill_and_final() -> None:
    life = Life()
    assert life.close(72.63, causes=("backfill",)) == "opened (backfill)"
    assert (life.state, life.memory.finality) == ("FIRING", "final")


def test_row_13_a_second_backfill_after_the_close_is_still_backfill() -> None:
    life = Life()
    life.close(90, causes=("backfill",))
    assert life.see(70, "backfill", phase="closed") == "opened (backfill)"
    assert life.memory.finality == "final"


def test_row_14_the_closing_tick_resolves() -> None:
    assert firing().close(90) == "resolved (recovered)"
    assert recovering().close(81) == "resolved (recovered)"
    assert firing().close(90, causes=("correct", "close")) == "resolved (recovered)"


def test_row_14_a_close_that_was_skipped_on_the_way_is_recognised_by_the_vintage() -> None:
    life = firing()
    life.vintage = 1
    assert life.restate(90) == "retracted (restated)"


def test_row_15_a_breach_by_reports_recurs() -> None:
    life = resolved()
    assert life.see(70) == "reopened (recurred)"
    assert (life.state, life.memory.episode) == ("FIRING", 2)


def test_row_16_a_correction_reopens() -> None:
    assert resolved().see(70, "correct") == "reopened (restated)"
    assert Life().see(70, "correct") == "opened (restated)"


def test_row_16_a_breach_after_the_close() -> None:
    never = Life()
    never.close(90)
    assert never.restate(70) == "opened (restated)"
    assert never.memory.finality == "restated"
    once = resolved()
    once.close(90)
    assert once.restate(70) == "reopened (restated)"
    late = Life()
    assert late.take(reported("eq", 70, 9, phase="closed", vintage=3, causes=("correct",))) == (
        "opened (restated)"
    )


def test_row_17_a_removed_rule_or_retired_unit_resolves() -> None:
    for reason in ("rule_removed", "unit_retired"):
        for life in (firing(), recovering()):
            memory, changes = retire(life.memory, reason, life.now)
            assert (memory.name, changes[0].transition, changes[0].reason) == ("RESOLVED", "resolved", reason)
            assert memory.sequence == life.memory.sequence + 1
    pending = Life(HELD)
    pending.see(70)
    memory, changes = retire(pending.memory, "rule_removed", pending.now)
    assert (memory.name, changes) == ("INACTIVE", ())
    done = resolved()
    assert retire(done.memory, "rule_removed", done.now) == (done.memory, ())


@pytest.mark.parametrize("held", [False, True])
def test_a_rule_that_comes_back_as_it_was_judges_open_periods_again(held: bool) -> None:
    life = Life(HELD) if held else Life()
    life.see(70)
    life.memory, _ = retire(life.memory, "rule_removed", life.now)
    assert life.again() == (None if held else "reopened (rule_changed)")
    assert life.state == ("PENDING" if held else "FIRING")
    before = life.memory
    assert life.again() is None and life.memory == before, "once"


def test_a_rule_that_comes_back_leaves_closed_periods_alone() -> None:
    life = firing()
    life.close(70)
    life.memory, _ = retire(life.memory, "rule_removed", life.now)
    assert life.again() is None and life.state == "RESOLVED"
    assert life.restate(71) is not None and life.state == "FIRING"


def test_row_18_a_new_rule_version_is_evaluated_again() -> None:
    life = firing(70)
    life.rule = rule(version="r2", severities=HIGHER_IS_BAD[2:])
    assert life.again() == "retracted (rule_changed)"
    life.rule = rule(version="r3")
    assert life.again() == "reopened (rule_changed)"
    assert life.again() is None


def test_row_18_a_new_target_is_evaluated_again() -> None:
    life = firing(70)
    life.target = TARGET.model_copy(update={"version": "t2", "value": Decimal(60), "exit_value": Decimal(60)})
    assert life.see(70, "reference") == "retracted (target_changed)"
    life.target = TARGET.model_copy(update={"version": "t3"})
    assert life.see(70, "reference") == "reopened (target_changed)"


def test_row_18_closed_periods_only_on_request() -> None:
    life = firing(70)
    life.close(70)
    life.rule = rule(version="r2", severities=HIGHER_IS_BAD)
    before = life.memory
    assert life.again() is None
    assert life.memory is before


def test_row_18_a_target_that_is_gone_or_only_informs_ends_the_alert() -> None:
    for replacement in (None, TARGET.model_copy(update={"severity": "info", "version": "t2"})):
        life = firing(70)
        life.target = replacement
        assert life.see(70, "reference") == "retracted (target_changed)"
        assert life.see(70) is None
        assert life.state == "RESOLVED"


def test_a_reopened_period_is_provisional_until_it_closes_again() -> None:
    life = firing()
    life.close(70)
    life.vintage += 1
    assert life.see(70.1, "correct", phase="reopened") is None
    assert (life.state, life.memory.finality) == ("FIRING", "provisional")
    assert life.see(90, "correct", phase="reopened") == "retracted (restated)"
    assert life.close(90) is None
    assert (life.state, life.memory.finality) == ("RESOLVED", "restated")


def test_an_older_or_equal_rollup_version_changes_nothing() -> None:
    life = firing()
    old = life.latest
    life.see(60)
    before = life.memory
    assert old is not None
    assert life.take(old) is None
    assert life.memory is before
    life.version -= 1
    assert life.see(90) is None
    assert life.memory is before


def test_the_example_of_the_contract() -> None:
    life = Life()
    life.see(79.61, completeness=Decimal("0.94"))
    life.close(79.61)
    assert life.restate(81.27) == "retracted (restated)"
    change = life.events[-1]
    assert change.before is not None
    assert (change.before.value, change.after.value) == (Decimal("79.61"), Decimal("81.27"))
    assert (change.before.vintage, change.after.vintage) == (1, 2)
    assert life.memory.target is not None
    assert life.memory.target.value == 80
    assert life.memory.target.exit_value == 82
