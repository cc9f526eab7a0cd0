"""Intervals, gates and observations: docs/semantics.md §4 and §7, with the vectors of §8 on them."""

from decimal import Decimal
from typing import Any

import pytest
from chiso_alerts.core.intervals import Interval, interval_of
from chiso_alerts.core.limits import Limits, limits_of
from chiso_alerts.core.observe import gate, observe
from chiso_shared.catalogue import SeverityLevel
from chiso_shared.contracts.rollup import RollupEvent, RollupTarget
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.alerts_examples import (
    HIGHER_IS_BAD,
    TARGET,
    Life,
    reading,
    reported,
    rollup,
    rule,
)

NUMBERS = st.decimals(min_value=-200, max_value=200, places=2)


def limit(comparator: str, value: int, leave: int | None = None) -> RollupTarget:
    return RollupTarget.model_validate(
        {
            "comparator": comparator,
            "value": value,
            "exit_value": leave,
            "severity": "warning",
            "version": "t",
        }
    )


def kind(event: RollupEvent, target: RollupTarget) -> str:
    found = limits_of(rule(), target)
    assert found is not None
    return observe(reading(event), rule(), found).kind


def test_vector_6_more_than_74_against_75_is_undetermined() -> None:
    assert kind(reported("gt", 74), limit("ge", 75)) == "UNDETERMINED"


def test_vector_6_more_than_97_against_95_is_ok() -> None:
    assert kind(reported("gt", 97), limit("ge", 95, 96)) == "OK"


def test_vector_6_nearly_80_against_80_is_a_breach_of_unknown_size() -> None:
    assert kind(reported("lt", 80), limit("ge", 80, 82)) == "BREACH"


def test_vector_6_98_to_99_against_98_is_ok() -> None:
    assert kind(reported("range", 98, high=99), limit("ge", 98)) == "OK"


def test_vector_of_severities() -> None:
    life = Life(rule(severities=HIGHER_IS_BAD, update_epsilon=Decimal(1000)), target=None)
    found = []
    for value in (61, 73, 64, 85, 62, 56, 47):
        life.see(value)
        found.append(life.memory.severity if life.memory.standing else "OK")
    assert found == ["info", "warning", "warning", "critical", "info", "info", "OK"]
    assert [event.transition for event in life.events] == ["opened", *["updated"] * 3, "resolved"]


@pytest.mark.parametrize(
    ("qualifier", "value", "high", "expected"),
    [
        ("eq", 74, None, Interval(Decimal(74), Decimal(74))),
        ("gt", 74, None, Interval(Decimal(74), Decimal(100), low_open=True)),
        ("ge", 74, None, Interval(Decimal(74), Decimal(100))),
        ("lt", 80, None, Interval(Decimal(0), Decimal(80), high_open=True)),
        ("le", 80, None, Interval(Decimal(0), Decimal(80))),
        ("approx", 99.5, None, Interval(Decimal("98.5"), Decimal(100))),
        ("range", 98, 99, Interval(Decimal(98), Decimal(99))),
        ("ge", 100, None, Interval(Decimal(100), Decimal(100))),
    ],
)
def test_qualifiers_are_intervals(qualifier: str, value: float, high: int | None, expected: Interval) -> None:
    found = interval_of(
        Decimal(str(value)),
        qualifier,
        None if high is None else Decimal(high),
        minimum=Decimal(0),
        maximum=Decimal(100),
        approx_half_width=Decimal(1),
    )
    assert found == expected


def test_without_a_maximum_more_than_is_unbounded() -> None:
    assert interval_of(Decimal(13000), "gt") == Interval(Decimal(13000), None, low_open=True)


def test_an_unknown_qualifier_is_refused() -> None:
    with pytest.raises(ValueError, match="nearly"):
        interval_of(Decimal(1), "nearly")


@given(NUMBERS, NUMBERS, st.sampled_from(["eq", "gt", "ge", "lt", "le", "approx", "range"]), NUMBERS)
def test_below_and_at_least_exclude_each_other_and_mirror(
    value: Decimal, other: Decimal, qualifier: str, line: Decimal
) -> None:
    found = interval_of(
        value,
        qualifier,
        max(value, other),
        minimum=Decimal(0),
        maximum=Decimal(100),
        approx_half_width=abs(other),
    )
    assert not (found.wholly_below(line) and found.wholly_at_least(line))
    assert found.mirrored().mirrored() == found
    if qualifier == "eq":
        assert found.wholly_below(line) != found.wholly_at_least(line)


@pytest.mark.parametrize(("value", "expected"), [(0, "OK"), (1, "BREACH"), (0.5, "BREACH")])
def test_lower_is_better_is_the_mirror(value: float, expected: str) -> None:
    assert kind(rollup(value), limit("le", 0)) == expected


def test_lower_is_better_has_a_band_too() -> None:
    assert kind(rollup(9), limit("le", 10, 8)) == "BAND"
    assert kind(rollup(8), limit("le", 10, 8)) == "OK"


@pytest.mark.parametrize(
    ("value", "expected"), [(79.99, "BREACH"), (80, "BAND"), (81.99, "BAND"), (82, "OK")]
)
def test_band_lies_between_enter_and_exit(value: float, expected: str) -> None:
    assert kind(rollup(value), TARGET) == expected


def test_certainly_no_breach_but_not_surely_recovered_is_band() -> None:
    assert kind(reported("ge", 80), TARGET) == "BAND"


def test_at_the_close_band_counts_as_ok() -> None:
    assert kind(rollup(81, phase="closed", vintage=1), TARGET) == "OK"


def test_an_empty_exit_is_the_target() -> None:
    assert kind(rollup(80), limit("ge", 80)) == "OK"


def test_nothing_reported_is_nodata_and_not_zero() -> None:
    assert kind(rollup(None), TARGET) == "NODATA"
    assert kind(rollup(None, value_source="computed"), TARGET) == "NODATA"


@pytest.mark.parametrize(
    ("fields", "is_open"),
    [
        ({}, True),
        ({"n_contributing": 48}, True),
        ({"n_contributing": 47}, False),
        ({"n_contributing": 0, "n_expected": 0}, True),
        ({"n_contributing": 0, "basis": "unstated"}, True),
        ({"denominator": 99}, False),
        ({"denominator": None}, True),
        ({"phase": "open"}, False),
        ({"phase": "reopened"}, True),
    ],
)
def test_gates(fields: dict[str, Any], is_open: bool) -> None:
    gated = rule(
        min_completeness=Decimal("0.5"), min_denominator=Decimal(100), phases=("collecting", "closed")
    )
    event = rollup(70, **({"n_expected": 96} | fields))
    assert gate(reading(event), gated).is_open is is_open
    found = limits_of(gated, TARGET)
    assert found is not None
    assert observe(reading(event), gated, found).kind == ("BREACH" if is_open else "GATED")


def test_the_gate_looks_at_contributions_not_at_reports() -> None:
    event = rollup(70, n_reported=96, n_contributing=10, completeness=Decimal(1))
    assert not gate(reading(event), rule(min_completeness=Decimal("0.5"))).is_open


def test_targets_of_severity_info_are_never_alerted() -> None:
    assert limits_of(rule(), TARGET.model_copy(update={"severity": "info"})) is None
    assert limits_of(rule(), None) is None


def test_a_rule_may_override_the_severity_of_the_target() -> None:
    found = limits_of(rule(severity="critical"), TARGET)
    assert found is not None
    assert [level.severity for level in found.levels] == ["critical"]


@pytest.mark.parametrize(
    ("levels", "parameters", "target", "comparator"),
    [
        ((("warning", 60, 50),), {}, TARGET, "le"),
        ((("warning", 60, 70),), {}, None, "ge"),
        ((("info", 60, 60), ("warning", 70, 70)), {}, TARGET, "le"),
        ((("info", 70, 70), ("warning", 60, 60)), {}, None, "ge"),
        ((("warning", 60, 60),), {"comparator": "le"}, TARGET, "le"),
        ((("warning", 60, 60),), {}, TARGET, "ge"),
    ],
)
def test_own_severities_tell_which_side_is_bad(
    levels: tuple[tuple[str, int, int], ...],
    parameters: dict[str, str],
    target: RollupTarget | None,
    comparator: str,
) -> None:
    own = tuple(SeverityLevel(name, Decimal(enter), Decimal(leave)) for name, enter, leave in levels)  # type: ignore[arg-type]
    found = limits_of(rule(severities=own, parameters=parameters), target)
    assert isinstance(found, Limits)
    assert found.comparator == comparator
