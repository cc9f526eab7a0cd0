"""The sentence that an alert event carries, from the rule's own text. Pure."""

from __future__ import annotations

from chiso_shared.catalogue.rules import Rule
from chiso_shared.catalogue.units import Unit
from chiso_shared.contracts.rollup import Rollup

from chiso_alerts.core.rulebook import Subject
from chiso_alerts.core.state import Change
from chiso_alerts.core.wording import WORDS, Language, figure, number, share


def message(
    change: Change,
    rule: Rule | None,
    rollup: Rollup,
    subject: Subject,
    unit: Unit | None,
    language: Language,
) -> str:
    """What happened and why, then the rule's text with its placeholders filled in.

    The rule's text states a breach; an alert that ends says the figure and the target instead. Rule and
    unit are None when the catalogue in force does not have them any more.
    """
    words = WORDS[language]
    reason = words.reasons.get(change.reason, change.reason)
    text = words.ended_by_kind.get(rule.kind, words.ended) if rule is not None else words.ended
    if rule is not None and change.transition not in ("resolved", "retracted"):
        text = rule.text_vi if language == "vi" else rule.text_en
    filled = text.format_map(_placeholders(change, rollup, subject, unit, language))
    return f"{words.transitions[change.transition]} ({reason}): {filled}"


def _placeholders(
    change: Change, rollup: Rollup, subject: Subject, unit: Unit | None, language: Language
) -> dict[str, str]:
    words, memory, target = WORDS[language], change.memory, change.memory.target
    return {
        "unit": rollup.unit,
        "unit_name_vi": unit.name_vi_full if unit is not None else rollup.unit,
        "unit_name_en": unit.name_en if unit is not None else rollup.unit,
        "indicator": rollup.indicator,
        "indicator_name_vi": subject.name_vi,
        "indicator_name_en": subject.name_en,
        "calendar": words.calendars[rollup.calendar],
        "period": rollup.period,
        "basis": words.bases[rollup.basis],
        "value": figure(change.after, language, subject.decimals),
        "target": number(target.value, language) if target is not None else words.not_applicable,
        "comparator": "≤" if target is not None and target.comparator == "le" else "≥",
        "completeness": share(change.after.completeness, language),
        "severity": words.severities.get(memory.severity or "", ""),
    }
