"""One observation: its fields, its cell against catalogue and key, its figures against the kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, Final, get_args

from chiso_shared.catalogue.catalogue import Catalogue
from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.units import Unit
from chiso_shared.contracts.fields import ObservationStatus, Op, Qualifier

from chiso_ingest.core import texts
from chiso_ingest.core.figures import Figure, canonical_figure
from chiso_ingest.core.findings import Findings, UnreadableNumber, token, wrong_type
from chiso_ingest.core.hints import near_name, near_unit
from chiso_ingest.core.limits import REASON_LENGTH
from chiso_ingest.core.measures import check_measure
from chiso_ingest.core.scope import Scope
from chiso_ingest.core.text import read_text, read_word
from chiso_ingest.core.texts import Text

NUMBERS: Final = ("numerator", "denominator", "value", "value_high")
FIELDS: Final = frozenset(("unit", "indicator", "op", "status", *NUMBERS, "qualifier", "reason"))
OPS: Final[tuple[str, ...]] = get_args(Op)
STATUSES: Final[tuple[str, ...]] = get_args(ObservationStatus)
QUALIFIERS: Final[tuple[str, ...]] = get_args(Qualifier)
_DEPTH: Final = {"nation": 0, "province": 1, "commune": 2, "department": 2}
_LEVELS_VI: Final = {"nation": "quốc gia", "province": "tỉnh", "commune": "xã", "department": "sở, ngành"}


@dataclass(slots=True)
class Desk:
    """What every observation of one submission is checked with. `on` is the last day of the period.

    `cells` remembers where each (unit, indicator) was first seen.
    """

    catalogue: Catalogue
    scope: Scope
    basis: str | None
    on: date
    findings: Findings
    cells: dict[tuple[str, str], int] = field(default_factory=dict)


def check_observation(raw: Any, at: int, desk: Desk) -> dict[str, Any] | None:
    """The canonical observation with every field, or None; what is wrong stands in the desk's findings.

    Numbers are `int` or `Decimal` within the bounds of contract §2. All offending fields are noted.
    """
    findings = desk.findings
    if not isinstance(raw, dict):
        findings.add(texts.WRONG_TYPE, "", raw, observation=at, words=wrong_type(dict, raw))
        return None
    if not raw.keys() <= FIELDS:
        _note_unknown(raw, at, findings)
    before = findings.total
    canonical: dict[str, Any] = {
        "unit": None,
        "indicator": None,
        "op": read_word(raw.get("op"), "/op", findings, OPS, "report", at),
        "status": read_word(raw.get("status"), "/status", findings, STATUSES, "A", at),
        "numerator": _number(raw.get("numerator"), "/numerator", at, findings),
        "denominator": _number(raw.get("denominator"), "/denominator", at, findings),
        "value": _number(raw.get("value"), "/value", at, findings),
        "value_high": _number(raw.get("value_high"), "/value_high", at, findings),
        "qualifier": read_word(raw.get("qualifier"), "/qualifier", findings, QUALIFIERS, "eq", at),
        "reason": None,
    }
    figures_are_whole = findings.total == before
    canonical["reason"] = read_text(raw.get("reason"), "/reason", findings, REASON_LENGTH, at)
    unit = _unit(raw.get("unit"), at, desk)
    indicator = _indicator(raw.get("indicator"), at, desk)
    if unit and indicator:
        canonical["unit"], canonical["indicator"] = unit.code, indicator.code
        _check_cell(unit, indicator, canonical["op"], at, desk)
    if indicator and figures_are_whole:
        check_measure(canonical, indicator, desk.basis, at, findings)
    return None if at in findings.refused else canonical


def _note_unknown(raw: dict[str, Any], at: int, findings: Findings) -> None:
    for name in raw:
        if name not in FIELDS:
            meant = partial(near_name, name, sorted(FIELDS))
            findings.add(texts.UNKNOWN_FIELD, token(name), raw[name], observation=at, hint=meant)


def _number(raw: Any, pointer: str, at: int, findings: Findings) -> Figure | None:
    if raw is None:
        return None
    if isinstance(raw, UnreadableNumber):
        findings.add(texts.UNREADABLE_NUMBER, pointer, raw, observation=at, hint=raw.hint)
        return None
    if isinstance(raw, bool) or not isinstance(raw, int | Decimal):
        findings.add(texts.WRONG_TYPE, pointer, raw, observation=at, words=wrong_type(int, raw))
        return None
    figure = canonical_figure(raw)
    if isinstance(figure, Text):
        findings.add(figure, pointer, raw, observation=at)
        return None
    return figure


def _unit(raw: Any, at: int, desk: Desk) -> Unit | None:
    findings, units = desk.findings, desk.catalogue.units
    if raw is None:
        findings.add(texts.MISSING, "/unit", observation=at)
        return None
    if not isinstance(raw, str):
        hint = "codes are text, with their leading zeros" if type(raw) is int else None
        findings.add(texts.WRONG_TYPE, "/unit", raw, observation=at, hint=hint, words=wrong_type(str, raw))
        return None
    code = raw.strip()
    unit = units.get(code, desk.on)
    if unit is not None:
        return unit
    if units.known(code):
        findings.add(texts.UNIT_NOT_VALID, "/unit", raw, observation=at, words={"end": desk.on})
        return None
    province = units.by_h_code(code, desk.on)
    meant = (
        f"a province goes by its NSO code: {province.code}" if province else partial(near_unit, code, units)
    )
    findings.add(texts.UNKNOWN_UNIT, "/unit", raw, observation=at, hint=meant)
    return None


def _indicator(raw: Any, at: int, desk: Desk) -> Indicator | None:
    findings = desk.findings
    if raw is None:
        findings.add(texts.MISSING, "/indicator", observation=at)
        return None
    if not isinstance(raw, str):
        findings.add(texts.WRONG_TYPE, "/indicator", raw, observation=at, words=wrong_type(str, raw))
        return None
    indicator = desk.catalogue.indicators.get(raw.strip())
    if indicator is None:
        meant = partial(near_name, raw, desk.catalogue.indicators)
        findings.add(texts.UNKNOWN_INDICATOR, "/indicator", raw, observation=at, hint=meant)
    return indicator


def _check_cell(unit: Unit, indicator: Indicator, op: str | None, at: int, desk: Desk) -> None:
    findings, scope = desk.findings, desk.scope
    if desk.basis is not None and not indicator.allows(desk.basis):
        allowed = "allowed: " + ", ".join((*indicator.allowed_bases, "unstated"))
        findings.add(
            texts.BASIS_NOT_ALLOWED,
            "/indicator",
            indicator.code,
            observation=at,
            hint=allowed,
            words={"basis": desk.basis},
        )
    if _is_below_source(unit, indicator):
        findings.add(
            texts.NOT_AUTHORITATIVE,
            "/unit",
            unit.code,
            observation=at,
            words={
                "level": unit.level,
                "source_level": indicator.source_level,
                "level_vi": _LEVELS_VI[unit.level],
                "source_level_vi": _LEVELS_VI[indicator.source_level],
            },
        )
    if not scope.allows_unit(unit.code, desk.catalogue.units, desk.on):
        findings.add(texts.UNIT_OUT_OF_SCOPE, "/unit", unit.code, observation=at)
    if not scope.allows_indicator(indicator.code):
        findings.add(texts.INDICATOR_OUT_OF_SCOPE, "/indicator", indicator.code, observation=at)
    if op is not None and op not in scope.actions:
        findings.add(texts.ACTION_OUT_OF_SCOPE, "/op", op, observation=at, words={"action": op})
    first = desk.cells.setdefault((unit.code, indicator.code), at)
    if first != at:
        findings.add(
            texts.DUPLICATE_CELL, "", observation=at, hint=f"/observations/{first}", words={"first": first}
        )


def _is_below_source(unit: Unit, indicator: Indicator) -> bool:
    """Kinds that do not add up over units are accepted at any level (docs/semantics.md §4)."""
    if indicator.space_aggregation == "none":
        return False
    return _DEPTH[unit.level] > _DEPTH[indicator.source_level]
