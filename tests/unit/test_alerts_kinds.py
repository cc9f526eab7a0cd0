"""Rules of the kinds missing, task, discrepancy and fall, value by value; and the stories of seeds/."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml
from chiso_alerts.core.machine import retire
from chiso_alerts.core.measure import measured
from chiso_alerts.core.missing import DatasetKey, Receipts, receipts, step_missing
from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.core.scenario import BadScenario, differences
from chiso_alerts.core.state import NEVER_SEEN, AlertMemory
from chiso_alerts.core.tasks import TaskDone, is_about, step_task, task_key, view_of
from chiso_shared.catalogue import Rule
from chiso_shared.contracts.rollup import RollupEvent

from tests.unit.alerts_examples import START, rollup
from tests.unit.catalogue_seeds import SEEDS, seeds

BOOK = RuleBook.of(seeds())
MISSING, TASK = BOOK.rules["report_missing"], BOOK.rules["task_deadline"]
FALL, DISCREPANCY = BOOK.rules["coverage_fell"], BOOK.rules["reported_differs_from_computed"]
KEY = DatasetKey("51", "DVC", "administrative", "2025-10", "in_period")
STORIES = yaml.load((SEEDS / "rules_scenarios.yaml").read_text(), yaml.BaseLoader)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story["name"])
def test_the_stories_of_the_seeds_go_as_expected(story: dict[str, Any]) -> None:
    assert differences(BOOK, story) == []


def test_every_rule_kind_has_a_story_in_which_something_happens() -> None:
    told = {
        expected.split(":")[0] for story in STORIES for step in story["steps"] for expected in step["expect"]
    }
    kinds = {BOOK.rules[rule].kind for rule in told}
    assert kinds == {"threshold", "missing", "task", "discrepancy", "fall"}


def test_a_story_that_goes_another_way_is_shown_with_its_step() -> None:
    story = {"rollup": STORIES[0]["rollup"], "steps": [STORIES[0]["steps"][0] | {"expect": []}]}
    (wrong,) = differences(BOOK, story)
    assert (wrong.step, wrong.expected) == (1, ())
    assert wrong.happened == ("online_share_below_target: opened (report) warning",)


@pytest.mark.parametrize(
    "step",
    [{"rollup": {"value": "x"}}, {"wait": 3}, {"task": {"id": "T-0"}}, {"missing": {}}, {"at": "soon"}],
)
def test_a_story_that_cannot_be_told_says_where(step: dict[str, Any]) -> None:
    with pytest.raises(BadScenario, match="step 1"):
        differences(BOOK, {"rollup": STORIES[0]["rollup"], "steps": [step]})


# Missing


def parts(missing: dict[str, list[str]], **fields: Any) -> dict[str, RollupEvent]:
    return {code: rollup(None, 1, indicator=code, missing=units, **fields) for code, units in missing.items()}


def test_a_unit_has_reported_with_its_first_indicator_or_by_rule_with_its_last() -> None:
    two = parts({"DVC.ON_TIME": ["a", "b"], "DVC.DIGITISED": ["b", "c"]})
    found = receipts(KEY, two, two, MISSING)
    assert found is not None
    assert found.missing == {"b"}
    every = replace(MISSING, parameters={"received_by": "every_indicator"})
    found = receipts(KEY, two, two, every)
    assert found is not None
    assert found.missing == {"a", "b", "c"}


def test_nobody_is_missing_before_every_indicator_has_said_so() -> None:
    one = parts({"DVC.ON_TIME": ["a"]})
    assert receipts(KEY, one, ("DVC.ON_TIME", "DVC.DIGITISED"), MISSING) is None
    early = one | {"DVC.DIGITISED": rollup(None, 1, indicator="DVC.DIGITISED", missing=None)}
    assert receipts(KEY, early, early, MISSING) is None
    assert receipts(KEY, {}, (), MISSING) is None


def test_a_dataset_is_closed_when_all_of_it_is() -> None:
    both = parts({"DVC.ON_TIME": [], "DVC.DIGITISED": []}, phase="closed", vintage=1)
    both["DVC.DIGITISED"] = both["DVC.DIGITISED"].model_copy(update={"phase": "collecting", "version": 4})
    found = receipts(KEY, both, both, MISSING)
    assert found is not None
    assert (found.phase, found.version, found.finality) == ("collecting", 5, "provisional")
    assert found.obliged == "DVC.DIGITISED DVC.ON_TIME"


def seen(version: int, phase: Any = "collecting", vintage: int = 0) -> Receipts:
    return Receipts(KEY, frozenset(), phase, version, vintage, rollup(None, version))


def life(*steps: tuple[bool, Receipts], rule: Rule = MISSING) -> tuple[AlertMemory, list[str]]:
    memory, told = NEVER_SEEN, []
    for is_missing, found in steps:
        memory, changes = step_missing(memory, is_missing, found, rule, START)
        told += [f"{change.transition} ({change.reason})" for change in changes]
    return memory, told


def test_a_withdrawn_report_is_missing_again_and_old_news_changes_nothing() -> None:
    memory, told = life((True, seen(2)), (False, seen(3)), (True, seen(2)), (True, seen(3)), (True, seen(4)))
    assert told == ["opened (due)", "resolved (received)", "reopened (withdrawn)"]
    assert (memory.episode, memory.sequence) == (2, 3)


def test_fewer_obliged_indicators_count_from_then_on() -> None:
    many = replace(seen(200), obliged="A B")
    few, closed = replace(seen(110), obliged="A"), replace(seen(111, "closed", 1), obliged="A")
    assert life((True, many), (True, few), (True, closed))[1] == ["opened (due)", "confirmed (close)"]
    assert life((True, many), (False, few))[1] == ["opened (due)", "resolved (received)"]
    assert life((True, many), (False, replace(few, obliged="A B")))[1] == ["opened (due)"], "old news"


def test_a_missing_rule_that_comes_back_says_so() -> None:
    memory, _ = life((True, seen(2)))
    memory, _ = retire(memory, "rule_removed", START)
    memory, [change] = step_missing(memory, True, seen(2), MISSING, START)
    assert (change.transition, change.reason, memory.name) == ("reopened", "rule_changed", "FIRING")
    assert step_missing(memory, True, seen(2), MISSING, START) == (memory, ())


def test_alerts_of_a_dataset_that_nobody_owes_any_more_end() -> None:
    row = rollup(None, 1, indicator="DVC")
    assert BOOK.still_covers(MISSING, row)
    nobody = RuleBook.of(replace(seeds(), obligations=()))
    assert not nobody.still_covers(MISSING, row)


def test_a_service_that_slept_through_due_and_close_opens_at_the_close() -> None:
    memory, told = life((True, seen(9, "closed", 1)))
    assert told == ["opened (close)"]
    assert memory.finality == "final"


def test_a_receipt_before_the_close_is_not_late_even_if_both_come_at_once() -> None:
    assert life((True, seen(2)), (False, seen(5, "closed", 1)))[1][-1] == "resolved (received)"
    assert life((True, seen(2)), (False, seen(5, "closed", 2)))[1][-1] == "resolved (received_late)"


def test_a_new_version_of_the_rule_judges_open_periods_only() -> None:
    graver = replace(MISSING, version="2-x", severity="critical")
    memory, _ = life((True, seen(2)))
    assert step_missing(memory, True, seen(2), graver, START)[0].severity == "critical"
    closed, _ = life((True, seen(2, "closed", 1)))
    assert step_missing(closed, True, seen(2, "closed", 1), graver, START)[0] is closed


# Tasks


@pytest.mark.parametrize(
    ("task", "standing"),
    [
        ("T-51-01", "not_watched"),
        ("T-51-03", "overdue"),
        ("T-VN-04", "not_watched"),
        ("T-44-02", "done"),
        ("T-44-03", "not_watched"),
        ("T-VN-01", "overdue"),
    ],
)
def test_what_the_register_says(task: str, standing: str) -> None:
    assert view_of(BOOK.tasks[task], TASK, None, date(2026, 6, 1)).standing == standing


def test_done_in_time_done_late_and_a_deadline_that_moves_away() -> None:
    task = BOOK.tasks["T-51-03"]
    memory, _ = step_task(NEVER_SEEN, view_of(task, TASK, None, date(2026, 4, 2)), TASK, START)
    for day, reason in ((31, "done"), (1, "done_late")):
        done = TaskDone(task.id, date(2026, 3 if day == 31 else 4, day))
        view = view_of(task, TASK, done, date(2026, 4, 3))
        ended, (change,) = step_task(memory, view, TASK, START)
        assert (ended.name, change.transition, change.reason) == ("RESOLVED", "resolved", reason)
        assert step_task(ended, view, TASK, START) == (ended, ())
    moved = replace(task, due_date=date(2026, 6, 30))
    _, (change,) = step_task(memory, view_of(moved, TASK, None, date(2026, 4, 3)), TASK, START)
    assert (change.transition, change.reason) == ("retracted", "reference")


def test_a_task_done_before_it_is_due_soon_is_never_alerted() -> None:
    done = TaskDone("T-51-03", date(2026, 1, 5))
    view = view_of(BOOK.tasks["T-51-03"], TASK, done, date(2026, 4, 5))
    assert step_task(NEVER_SEEN, view, TASK, datetime(2026, 4, 5, tzinfo=UTC) + timedelta(days=1)) == (
        NEVER_SEEN,
        (),
    )


def test_an_alert_is_no_more_about_a_task_that_went_or_moved() -> None:
    task = BOOK.tasks["T-51-03"]
    key = task_key(task, TASK)
    assert is_about(key, task, TASK)
    assert is_about(key, replace(task, due_date=date(2026, 3, 1)), TASK)
    for other in (
        None,
        replace(task, due_date=None),
        replace(task, due_date=date(2026, 5, 1)),
        replace(task, unit="VN"),
    ):
        assert not is_about(key, other, TASK)


# Falls and discrepancies

FIBRE = {"indicator": "INF.FIBRE_COMMUNE", "basis": "as_of", "calendar": "statistical", "target": None}


def fall(now: Any, before: Any, **fields: Any) -> tuple[Any, Any, Any]:
    current = rollup(now, 3, **(FIBRE | fields))
    previous = None if before is None else rollup(before, 2, **FIBRE)
    found = measured(current, seeds().indicators["INF.FIBRE_COMMUNE"], FALL, previous)
    return found.interval and (found.interval.low, found.interval.high), found.shown.value, found.version


def test_a_fall_is_measured_from_the_period_before_and_grows_newer_with_either() -> None:
    assert fall(98, 100) == ((2, 2), 2, 5)
    assert fall(100, 98) == ((0, 0), 0, 5)
    assert fall(98, None) == (None, None, 3)


def test_a_fall_from_a_figure_with_a_qualifier_is_an_interval() -> None:
    own = {"value": Decimal(90), "qualifier": "range", "value_high": Decimal(95)}
    bounds, _, _ = fall(90, 93, value_source="reported", reported=own)
    assert bounds == (0, 3)


@pytest.mark.parametrize(
    ("derived", "expected"),
    [
        (None, None),
        ({"reason": "previous_missing"}, None),
        ({"numerator": -7, "denominator": 2, "reason": "decreased"}, 7),
        ({"numerator": 7, "denominator": 20, "value": 35}, 0),
    ],
)
def test_a_series_within_its_year_tells_its_fall_itself(derived: Any, expected: Any) -> None:
    found = measured(
        rollup(10, 1, **(FIBRE | {"basis": "ytd", "derived": derived})),
        seeds().indicators["INF.FIBRE_COMMUNE"],
        FALL,
    )
    assert found.shown.value == expected


def test_a_discrepancy_counts_in_both_directions_and_only_where_there_is_one() -> None:
    indicator = seeds().indicators["DVC.ON_TIME"]
    for value, expected in (("-2.5", Decimal("2.5")), ("2.5", Decimal("2.5")), (None, None)):
        event = rollup(97, 1, indicator="DVC.ON_TIME", discrepancy=value)
        assert measured(event, indicator, DISCREPANCY).shown.value == expected
