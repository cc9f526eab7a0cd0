"""What people may decide and what follows: permissions, requests, suppression, counterfactuals."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from chiso_alerts.core.counterfactual import counterfactuals
from chiso_alerts.core.identity import AlertKey
from chiso_alerts.core.limits import limits_of
from chiso_alerts.core.permission import Operator, may_decide_on, may_silence
from chiso_alerts.core.requests import BadRequest, acknowledge_of, mark_done_of, silence_of
from chiso_alerts.core.suppression import Acknowledgement, Quiet, Silence

from tests.unit.alerts_examples import rollup, rule
from tests.unit.catalogue_seeds import seeds

NOW = datetime(2025, 10, 20, tzinfo=UTC)
KEY = AlertKey("r", "21289", "DVC", "administrative", "2025-10", "in_period")
SAID = {"author": "A", "reason": "because"}


def above(unit: str) -> tuple[str, ...]:
    return ("51", "VN") if len(unit) == 5 else ("VN",)


@pytest.mark.parametrize(
    ("units", "indicators", "allowed"),
    [
        (("*",), ("*",), True),
        (("51/*",), ("*",), True),
        (("51",), ("*",), False),
        (("21289",), ("DVC", "X.*"), True),
        (("21289",), ("X.*",), False),
        (("44/*",), ("*",), False),
    ],
)
def test_a_key_decides_on_what_it_may_report(
    units: tuple[str, ...], indicators: tuple[str, ...], allowed: bool
) -> None:
    assert may_decide_on(Operator("k", "H48", units, indicators), "21289", "DVC", above) == allowed


@pytest.mark.parametrize(
    ("units", "matchers", "allowed"),
    [
        (("*",), {"rule": ["x"]}, True),
        (("51/*",), {"rule": ["x"]}, False),
        (("51/*",), {"province": ["51"]}, True),
        (("51/*",), {"province": ["51", "44"]}, False),
        (("51/*",), {"unit": ["21289", "51"]}, True),
        (("51",), {"province": ["51"]}, False),
        (("21289",), {"unit": ["21289"]}, True),
    ],
)
def test_a_silence_reaches_no_further_than_the_key(
    units: tuple[str, ...], matchers: dict[str, list[str]], allowed: bool
) -> None:
    assert may_silence(Operator("k", "H48", units, ("*",)), matchers, above) == allowed
    only_dvc = Operator("k", "H48", units, ("DVC.*",))
    assert not may_silence(only_dvc, matchers, above)
    assert may_silence(only_dvc, {**matchers, "indicator": ["DVC.ON_TIME"]}, above) == allowed


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ([], {""}),
        ({}, {"/author", "/reason"}),
        (SAID | {"reason": "x" * 501}, {"/reason"}),
        (SAID | {"author": 3, "colour": "red"}, {"/author", "/colour"}),
        (SAID | {"until": "2025-10-19T00:00:00Z"}, {"/until"}),
        (SAID | {"until": "2025-10-21T00:00:00"}, {"/until"}),
        (SAID | {"until": "9999-12-31T23:59:59-14:00"}, {"/until"}),
        (SAID | {"until": "0001-01-01T00:00:00+14:00", "reason": " \n "}, {"/until", "/reason"}),
    ],
)
def test_every_mistake_of_an_acknowledgement_is_named(document: Any, pointers: set[str]) -> None:
    with pytest.raises(BadRequest) as raised:
        acknowledge_of(document, NOW)
    assert {item.pointer for item in raised.value.items} == pointers


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"matchers": {}}, {"/matchers"}),
        ({"matchers": {"colour": "red", "unit": []}}, {"/matchers/colour", "/matchers/unit"}),
        ({"ends_at": None}, {"/ends_at"}),
        ({"ends_at": "2027-10-21T00:00:00Z"}, {"/ends_at"}),
        ({"starts_at": "2025-10-22T00:00:00Z"}, {"/ends_at"}),
        ({"ends_at": "9999-12-31T00:00:00Z"}, {"/ends_at"}),
    ],
)
def test_every_mistake_of_a_silence_is_named(changes: dict[str, Any], pointers: set[str]) -> None:
    good = SAID | {"matchers": {"unit": "51"}, "ends_at": "2025-10-21T00:00:00Z"}
    assert silence_of(good, NOW).matchers == {"unit": ("51",)}
    last = {"starts_at": "9999-06-01T00:00:00Z", "ends_at": "9999-12-01T00:00:00Z"}
    assert silence_of(good | last, NOW).ends_at.year == 9999
    with pytest.raises(BadRequest) as raised:
        silence_of(good | changes, NOW)
    assert {item.pointer for item in raised.value.items} == pointers


def test_a_task_is_not_done_tomorrow() -> None:
    assert mark_done_of(SAID | {"done_on": "2025-10-20"}, date(2025, 10, 20)).done_on == date(2025, 10, 20)
    for wrong in ("2025-10-21", "soon", 7):
        with pytest.raises(BadRequest):
            mark_done_of(SAID | {"done_on": wrong}, date(2025, 10, 20))


def quiet(
    *, matchers: dict[str, set[str]] | None = None, acknowledged: Acknowledgement | None = None
) -> Quiet:
    silences: tuple[Silence, ...] = ()
    if matchers is not None:
        named = {name: frozenset(values) for name, values in matchers.items()}
        silences = (Silence(named, NOW, NOW + timedelta(hours=1)),)
    return Quiet({KEY.alert_id: acknowledged} if acknowledged else {}, silences)


@pytest.mark.parametrize(
    ("matchers", "seconds", "suppressed"),
    [
        ({"province": {"51"}}, 0, True),
        ({"province": {"51"}, "severity": {"warning", "info"}}, 3599, True),
        ({"province": {"51"}}, 3600, False),
        ({"province": {"51"}}, -1, False),
        ({"province": {"51"}, "rule": {"other"}}, 0, False),
        ({}, 0, False),
    ],
)
def test_a_silence_needs_every_matcher_and_its_time(
    matchers: dict[str, set[str]], seconds: int, suppressed: bool
) -> None:
    now = NOW + timedelta(seconds=seconds)
    assert quiet(matchers=matchers).suppresses(KEY, "51", "warning", 1, now) == suppressed


def test_an_acknowledgement_is_for_one_episode_and_until_its_end() -> None:
    taken = quiet(acknowledged=Acknowledgement(2, NOW))
    assert taken.suppresses(KEY, "51", "warning", 2, NOW - timedelta(seconds=1))
    assert not taken.suppresses(KEY, "51", "warning", 2, NOW)
    for_ever = quiet(acknowledged=Acknowledgement(2, None))
    assert for_ever.suppresses(KEY, "51", None, 2, NOW + timedelta(days=900))
    assert not for_ever.suppresses(KEY, "51", "warning", 3, NOW)


def cell(**deltas: Any) -> dict[str, Any]:
    known = {"unit": "21289", "submission_id": "0198c0de-7a11-7c4e-9d3f-5b2a1c0e8f77", "agency": "H48.12"}
    return known | {"revision": 3} | deltas


def test_without_one_revision_there_would_be_no_breach() -> None:
    event = rollup(
        79,
        1,
        numerator=790,
        denominator=1000,
        changed_cells=[
            cell(delta_numerator=-22),
            cell(unit="21292", delta_numerator=5, delta_denominator=10),
        ],
    )
    limits = limits_of(rule(), event.target)
    assert limits is not None
    names = {"21289": ("Phường X", "X Ward")}
    first, second = counterfactuals(
        event, event.changed_cells, seeds().indicators[event.indicator], limits, names
    )
    assert (first["value"], first["breach"], first["numerator"]) == (Decimal("81.2"), False, Decimal(812))
    assert first["text"] == "without revision 3 of X Ward: 81.2 %, no breach"
    assert first["text_vi"] == "không có bản 3 của Phường X: 81,2 %, không vi phạm"
    assert (second["value"], second["severity"]) == (Decimal("79.2929"), "warning")
    assert second["text"].startswith("without revision 3 of 21292: 79.29 %, breach")


def test_what_moved_nothing_or_was_not_computed_has_no_counterfactual() -> None:
    limits = limits_of(rule(), rollup(79).target)
    assert limits is not None
    indicator = seeds().indicators["DVC.ONLINE_SUBMIT"]
    still = rollup(79, 1, changed_cells=[cell()])
    assert counterfactuals(still, still.changed_cells, indicator, limits, {}) == []
    everything = cell(delta_numerator=790, delta_denominator=1000)
    whole = rollup(79, 1, numerator=790, denominator=1000, changed_cells=[everything])
    (nothing_left,) = counterfactuals(whole, whole.changed_cells, indicator, limits, {})
    assert (nothing_left["value"], nothing_left["breach"]) == (None, False)
    reported = whole.model_copy(update={"value_source": "reported"})
    assert counterfactuals(reported, whole.changed_cells, indicator, limits, {}) == []
