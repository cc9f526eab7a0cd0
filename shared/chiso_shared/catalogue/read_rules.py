"""Alert rules from YAML, with the line of every mistake. Pure.

The document is composed, not loaded: scalars stay text, so numbers are exact and `on` or `no` mean nothing.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import yaml

from chiso_shared.catalogue.check_rules import check_rule
from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.obligations import Dataset
from chiso_shared.catalogue.problems import Report
from chiso_shared.catalogue.rules import PLACEHOLDERS, Rule, SeverityLevel
from chiso_shared.catalogue.tables import Row, columns, decode_text
from chiso_shared.catalogue.versions import entry_version
from chiso_shared.catalogue.words import (
    BASES,
    CALENDARS,
    LEVELS,
    PHASES,
    RULE_KINDS,
    SEVERITIES,
    Severity,
)

_LISTS: Final = ("indicators", "levels", "calendars", "bases", "phases")
_SCALARS: Final = columns(
    "id kind version severity min_completeness min_denominator hold_seconds keep_firing_seconds"
    " update_epsilon update_interval_seconds text_vi text_en"
)
_FIELDS: Final = (*_SCALARS, *_LISTS, "severities", "parameters")
_MEANING: Final = tuple(name for name in _FIELDS if name not in ("text_vi", "text_en", "parameters"))
_LEVEL_FIELDS: Final = ("severity", "enter", "exit")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One rule as composed: a row of texts (lists joined by `;`) and what does not fit into a row."""

    row: Row
    severities: tuple[Row, ...]
    parameters: Mapping[str, str]


def read_rules(
    file: str,
    content: bytes,
    indicators: Mapping[str, Indicator],
    datasets: Mapping[str, Dataset],
    report: Report,
) -> tuple[Rule, ...]:
    """The rules of a YAML file, a list of mappings; problems go to the report with the line they stand in."""
    entries = _compose(file, content, report)
    rules = [_rule(entry, indicators, datasets) for entry in entries]
    first: dict[str, int] = {}
    for entry in entries:
        if first.setdefault(entry.row.text("id"), entry.row.number) != entry.row.number:
            entry.row.problem(
                "id", f"{entry.row.text('id')} stands already in row {first[entry.row.text('id')]}"
            )
    return tuple(rules)


def _rule(entry: _Entry, indicators: Mapping[str, Indicator], datasets: Mapping[str, Dataset]) -> Rule:
    row = entry.row
    number = row.integer("version", 1, 9999)
    severity = row.word("severity", ("target", *SEVERITIES))
    levels = tuple(_severity_level(level) for level in entry.severities)
    meaning = [row.text(name) for name in _MEANING]
    meaning += [f"{key}={value}" for key, value in sorted(entry.parameters.items())]
    meaning += [f"{level.severity}:{level.enter}:{level.exit}" for level in levels]
    rule = Rule(
        id=row.required("id"),
        kind=row.word("kind", RULE_KINDS),
        version=entry_version(number, *meaning),
        indicators=row.codes("indicators"),
        levels=row.words("levels", LEVELS),
        calendars=row.words("calendars", CALENDARS),
        bases=row.words("bases", BASES),
        severity=_severity(severity),
        phases=row.words("phases", PHASES),
        min_completeness=row.number_between("min_completeness", 0, 1),
        min_denominator=row.number_between("min_denominator", 0),
        hold_seconds=row.integer("hold_seconds", 0, 366 * 86400),
        keep_firing_seconds=row.integer("keep_firing_seconds", 0, 366 * 86400),
        update_epsilon=row.number_between("update_epsilon", 0),
        update_interval_seconds=row.integer("update_interval_seconds", 0, 366 * 86400),
        severities=levels,
        text_vi=_message(row, "text_vi"),
        text_en=_message(row, "text_en"),
        parameters=MappingProxyType(dict(entry.parameters)),
    )
    check_rule(row, rule, indicators, datasets)
    return rule


def _severity(word: str) -> Severity | None:
    return next((severity for severity in SEVERITIES if severity == word), None)


def _severity_level(row: Row) -> SeverityLevel:
    numbers = [row.optional_number(name) for name in ("enter", "exit")]
    for name, value in zip(("enter", "exit"), numbers, strict=True):
        if value is None:
            row.problem(name, "must not be empty")
    enter, leave = (value if value is not None else Decimal(0) for value in numbers)
    return SeverityLevel(row.word("severity", SEVERITIES), enter, leave)


def _message(row: Row, column: str) -> str:
    text = row.required(column)
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError as error:
        row.problem(column, f"has a placeholder that cannot be read: {error}")
        return text
    for name in sorted(names - PLACEHOLDERS):
        row.problem(column, f"{{{name}}} is no placeholder ({', '.join(sorted(PLACEHOLDERS))})")
    return text


def _compose(file: str, content: bytes, report: Report) -> tuple[_Entry, ...]:
    text = decode_text(file, content, report)
    if text is None:
        return ()
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        report.add(file, mark.line + 1 if mark else 0, "", f"is not YAML: {getattr(error, 'problem', error)}")
        return ()
    if not isinstance(root, yaml.SequenceNode):
        report.add(file, 1, "", "must be a list of rules")
        return ()
    return tuple(entry for node in root.value if (entry := _entry(file, node, report)) is not None)


def _entry(file: str, node: yaml.Node, report: Report) -> _Entry | None:
    fields = _mapping(file, node, _FIELDS, ("parameters",), report)
    if fields is None:
        return None
    number = node.start_mark.line + 1
    cells = {name: _scalar(file, name, fields[name], report) for name in _SCALARS}
    cells |= {name: ";".join(_items(file, name, fields[name], report)) for name in _LISTS}
    severities: list[Row] = []
    levels = fields["severities"]
    for level in levels.value if isinstance(levels, yaml.SequenceNode) else ():
        parts = _mapping(file, level, _LEVEL_FIELDS, (), report)
        if parts is not None:
            texts = {name: _scalar(file, name, part, report) for name, part in parts.items()}
            severities.append(Row(file, level.start_mark.line + 1, texts, report))
    if not isinstance(levels, yaml.SequenceNode):
        report.add(file, number, "severities", "must be a list")
    extra = fields.get("parameters")
    pairs = extra.value if isinstance(extra, yaml.MappingNode) else ()
    parameters = {str(key.value): _scalar(file, "parameters", value, report) for key, value in pairs}
    return _Entry(
        Row(file, number, cells | {"severities": "", "parameters": ""}, report), tuple(severities), parameters
    )


def _mapping(
    file: str, node: yaml.Node, allowed: Sequence[str], optional: Sequence[str], report: Report
) -> dict[str, yaml.Node] | None:
    if not isinstance(node, yaml.MappingNode):
        report.add(file, node.start_mark.line + 1, "", "must be a mapping")
        return None
    fields: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = str(key.value)
        if name not in allowed or name in fields:
            report.add(file, key.start_mark.line + 1, name, "field is unknown or occurs twice")
        fields[name] = value
    missing = [name for name in allowed if name not in fields and name not in optional]
    for name in missing:
        report.add(file, node.start_mark.line + 1, name, "field is missing")
    return None if missing else {name: value for name, value in fields.items() if name in allowed}


def _scalar(file: str, name: str, node: yaml.Node, report: Report) -> str:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    report.add(file, node.start_mark.line + 1, name, "must be a single value")
    return ""


def _items(file: str, name: str, node: yaml.Node, report: Report) -> list[str]:
    if isinstance(node, yaml.SequenceNode):
        return [_scalar(file, name, item, report) for item in node.value]
    report.add(file, node.start_mark.line + 1, name, "must be a list")
    return []
