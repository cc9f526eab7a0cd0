"""Which numbers a kind takes, and how they bound each other (contract §2, semantics §4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from chiso_shared.catalogue.indicators import Indicator

from chiso_ingest.core import texts
from chiso_ingest.core.findings import Findings

_FRACTION = ("numerator", "denominator")
_VALUES = ("value", "value_high")


def check_measure(
    observation: dict[str, Any], indicator: Indicator, basis: str | None, at: int, findings: Findings
) -> None:
    """Checks the canonical numbers of one observation together; `basis` None was refused elsewhere."""
    if observation["op"] == "withdraw" or observation["status"] == "NA":
        _refuse_numbers(observation, at, findings)
    elif observation["numerator"] is not None or observation["denominator"] is not None:
        _check_fraction(observation, indicator, basis, at, findings)
    else:
        _check_value(observation, indicator, basis, at, findings)


def _refuse_numbers(observation: dict[str, Any], at: int, findings: Findings) -> None:
    for name in (*_FRACTION, *_VALUES):
        if observation[name] is not None:
            findings.add(texts.NUMBERS_NOT_ALLOWED, f"/{name}", observation[name], observation=at)
    if observation["qualifier"] != "eq":
        findings.add(texts.NUMBERS_NOT_ALLOWED, "/qualifier", observation["qualifier"], observation=at)


def _check_fraction(
    observation: dict[str, Any], indicator: Indicator, basis: str | None, at: int, findings: Findings
) -> None:
    numerator, denominator = observation["numerator"], observation["denominator"]
    if not indicator.is_ratio or basis == "unstated":
        text = texts.UNSTATED_FRACTION if indicator.is_ratio else texts.FRACTION_OF_NO_RATIO
        for name in _FRACTION:
            if observation[name] is not None:
                findings.add(
                    text, f"/{name}", observation[name], observation=at, words={"kind": indicator.kind}
                )
        return
    for name in _VALUES:
        if observation[name] is not None:
            findings.add(texts.FRACTION_AND_VALUE, f"/{name}", observation[name], observation=at)
    if observation["qualifier"] != "eq":
        findings.add(texts.QUALIFIED_FRACTION, "/qualifier", observation["qualifier"], observation=at)
    if numerator is None or denominator is None:
        missing = "numerator" if numerator is None else "denominator"
        findings.add(texts.MISSING_NUMBERS, f"/{missing}", observation=at)
    elif numerator > denominator and not indicator.unbounded:
        findings.add(
            texts.NUMERATOR_EXCEEDS,
            "/numerator",
            numerator,
            observation=at,
            words={"denominator": denominator},
        )


def _check_value(
    observation: dict[str, Any], indicator: Indicator, basis: str | None, at: int, findings: Findings
) -> None:
    value, high = observation["value"], observation["value_high"]
    if value is None:
        fraction = indicator.is_ratio and basis != "unstated" and high is None
        hint = "numerator and denominator, or value alone" if fraction else None
        pointer = "/numerator" if fraction else "/value"
        findings.add(texts.MISSING_NUMBERS, pointer, observation=at, hint=hint)
    if observation["qualifier"] == "range":
        if high is None:
            findings.add(
                texts.MISSING_NUMBERS, "/value_high", observation=at, hint="the upper end of the range"
            )
        elif value is not None and high < value:
            findings.add(texts.RANGE_REVERSED, "/value_high", high, observation=at)
    elif high is not None:
        findings.add(texts.VALUE_HIGH_WITHOUT_RANGE, "/value_high", high, observation=at)
    for name in _VALUES:
        number = observation[name]
        if number is not None and not indicator.in_range(Decimal(number)):
            findings.add(
                texts.VALUE_OUT_OF_BOUNDS, f"/{name}", number, observation=at, hint=_bounds(indicator)
            )


def _bounds(indicator: Indicator) -> str:
    low = 0 if indicator.value_minimum is None else indicator.value_minimum
    high = indicator.value_maximum
    return f"from {low} to {high}" if high is not None else f"{low} or more"
