"""Numbers and words of alert messages in Vietnamese and English. Composes no sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from chiso_shared.contracts.alert import AlertReading
from chiso_shared.contracts.codec import EXACT, plain

Language = Literal["vi", "en"]


@dataclass(frozen=True, slots=True)
class Words:
    """The vocabulary of one language. `decimal_sign` and `group_sign` are how its numbers are written."""

    decimal_sign: str
    group_sign: str
    no_value: str
    not_applicable: str
    qualifiers: Mapping[str, str]
    severities: Mapping[str, str]
    calendars: Mapping[str, str]
    bases: Mapping[str, str]
    transitions: Mapping[str, str]
    reasons: Mapping[str, str]
    ended: str
    ended_by_kind: Mapping[str, str]


_EN: Final = Words(
    decimal_sign=".",
    group_sign=",",
    no_value="no value",
    not_applicable="not applicable",
    qualifiers={"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most", "approx": "about"},
    severities={"info": "info", "warning": "warning", "critical": "critical"},
    calendars={"administrative": "administrative", "statistical": "statistical"},
    bases={"in_period": "in period", "ytd": "year to date", "as_of": "as of a date", "unstated": "unstated"},
    transitions={
        "opened": "Opened",
        "updated": "Updated",
        "confirmed": "Confirmed",
        "resolved": "Resolved",
        "retracted": "Retracted",
        "reopened": "Reopened",
    },
    reasons={
        "report": "new report",
        "restated": "figures restated",
        "withdrawn": "figures withdrawn",
        "reference": "definition or obligation changed",
        "hierarchy": "units changed",
        "backfill": "past period loaded",
        "close": "period closed",
        "severity": "severity changed",
        "value": "value moved",
        "completeness": "completeness changed",
        "target": "target changed",
        "incomplete": "too few reports to judge",
        "undetermined": "figure does not tell",
        "stale": "no value any more",
        "insufficient": "too few reports at the close",
        "recovered": "reporting moved the number back",
        "recurred": "breached again",
        "rule_removed": "rule removed",
        "unit_retired": "unit retired",
        "rule_changed": "rule changed",
        "target_changed": "target changed",
        "due": "report overdue",
        "received": "report received",
        "received_late": "report received after the close",
        "due_soon": "due soon",
        "overdue": "overdue",
        "done": "done",
        "done_late": "done late",
    },
    ended="{unit_name_en}: {indicator_name_en} of {period} is {value} (target {comparator} {target}).",
    ended_by_kind={
        "missing": "{unit_name_en}: {indicator_name_en} of {period}.",
        "task": "{unit_name_en}: task {indicator} “{indicator_name_en}”.",
        "discrepancy": "{unit_name_en}: {indicator_name_en} of {period}: reported is off by {value}.",
        "fall": "{unit_name_en}: {indicator_name_en} of {period}: below the period before by {value}.",
    },
)
_VI: Final = Words(
    decimal_sign=",",
    group_sign=".",
    no_value="không có số liệu",
    not_applicable="không áp dụng",
    qualifiers={"gt": "trên", "ge": "ít nhất", "lt": "dưới", "le": "tối đa", "approx": "khoảng"},
    severities={"info": "thông tin", "warning": "cảnh báo", "critical": "nghiêm trọng"},
    calendars={"administrative": "hành chính", "statistical": "thống kê"},
    bases={
        "in_period": "trong kỳ",
        "ytd": "lũy kế từ đầu năm",
        "as_of": "tại thời điểm",
        "unstated": "không nêu rõ",
    },
    transitions={
        "opened": "Mở cảnh báo",
        "updated": "Cập nhật",
        "confirmed": "Xác nhận",
        "resolved": "Đã khắc phục",
        "retracted": "Rút cảnh báo",
        "reopened": "Mở lại",
    },
    reasons={
        "report": "báo cáo mới",
        "restated": "số liệu được đính chính",
        "withdrawn": "số liệu bị rút",
        "reference": "định nghĩa hoặc nghĩa vụ báo cáo thay đổi",
        "hierarchy": "đơn vị thay đổi",
        "backfill": "nạp số liệu kỳ trước",
        "close": "khóa sổ kỳ báo cáo",
        "severity": "mức độ thay đổi",
        "value": "giá trị thay đổi",
        "completeness": "mức đầy đủ thay đổi",
        "target": "mục tiêu thay đổi",
        "incomplete": "chưa đủ báo cáo để đánh giá",
        "undetermined": "số liệu chưa đủ rõ để kết luận",
        "stale": "không còn số liệu",
        "insufficient": "không đủ báo cáo khi khóa sổ",
        "recovered": "số liệu báo cáo đã đạt trở lại",
        "recurred": "lại không đạt",
        "rule_removed": "quy tắc bị bỏ",
        "unit_retired": "đơn vị không còn hiệu lực",
        "rule_changed": "quy tắc thay đổi",
        "target_changed": "mục tiêu thay đổi",
        "due": "quá hạn báo cáo",
        "received": "đã nhận báo cáo",
        "received_late": "nhận báo cáo sau khi khóa sổ",
        "due_soon": "sắp đến hạn",
        "overdue": "quá hạn",
        "done": "đã hoàn thành",
        "done_late": "hoàn thành trễ hạn",
    },
    ended="{unit_name_vi}: {indicator_name_vi} kỳ {period} là {value} (mục tiêu {comparator} {target}).",
    ended_by_kind={
        "missing": "{unit_name_vi}: {indicator_name_vi} kỳ {period}.",
        "task": "{unit_name_vi}: nhiệm vụ {indicator} “{indicator_name_vi}”.",
        "discrepancy": "{unit_name_vi}: {indicator_name_vi} kỳ {period}: số báo cáo lệch {value}.",
        "fall": "{unit_name_vi}: {indicator_name_vi} kỳ {period}: thấp hơn kỳ trước {value}.",
    },
)
WORDS: Final[Mapping[Language, Words]] = {"vi": _VI, "en": _EN}


def number(value: Decimal, language: Language, decimals: int | None = None) -> str:
    """A number as the language writes it, rounded half-even to `decimals`; None keeps all digits."""
    words = WORDS[language]
    shown = plain(value if decimals is None else value.quantize(Decimal(1).scaleb(-decimals), context=EXACT))
    return f"{shown:,f}".translate(str.maketrans(",.", words.group_sign + words.decimal_sign))


def figure(reading: AlertReading, language: Language, decimals: int | None) -> str:
    """A reading's value with its qualifier in words: `more than 74`, `98–99`, `dưới 80`."""
    words = WORDS[language]
    if reading.value is None:
        return words.no_value
    text = number(reading.value, language, decimals)
    if reading.qualifier == "range" and reading.value_high is not None:
        return f"{text}–{number(reading.value_high, language, decimals)}"
    qualifier = words.qualifiers.get(reading.qualifier)
    return f"{qualifier} {text}" if qualifier else text


def share(value: Decimal | None, language: Language) -> str:
    """A share from 0 to 1 as a percentage with one decimal."""
    if value is None:
        return WORDS[language].not_applicable
    return f"{number(value * 100, language, 1)} %"
