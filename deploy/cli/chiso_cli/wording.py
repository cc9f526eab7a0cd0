"""Column headings and words in English and Vietnamese, and numbers and instants as people read them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final, Literal

Language = Literal["en", "vi"]

VIETNAM: Final = timezone(timedelta(hours=7))

_VIETNAMESE: Final[Mapping[str, str]] = {
    "accepted": "tiếp nhận",
    "agency": "cơ quan",
    "alert": "cảnh báo",
    "basis": "cơ sở",
    "calendar": "lịch",
    "cause": "nguyên nhân",
    "code": "mã lỗi",
    "colour": "màu",
    "complete": "đầy đủ",
    "event": "sự kiện",
    "figure": "số liệu",
    "field": "trường",
    "hint": "gợi ý",
    "id": "mã",
    "indicator": "chỉ tiêu",
    "kind": "loại",
    "line": "dòng",
    "message": "thông báo",
    "name": "tên",
    "observations": "số quan sát",
    "outcome": "kết quả",
    "period": "kỳ",
    "phase": "giai đoạn",
    "reason": "lý do",
    "reported": "đã báo cáo",
    "revision": "lần sửa",
    "rollups": "tổng hợp",
    "rule": "quy tắc",
    "severity": "mức độ",
    "since": "từ lúc",
    "state": "trạng thái",
    "submission": "báo cáo",
    "target": "mục tiêu",
    "text": "nội dung",
    "unit": "đơn vị",
    "updated": "cập nhật",
    "value": "giá trị",
    "version": "phiên bản",
    "what": "diễn biến",
    "green": "xanh",
    "yellow": "vàng",
    "red": "đỏ",
    "grey": "xám",
    "open": "đang mở",
    "collecting": "đang thu",
    "closed": "đã chốt",
    "reopened": "mở lại",
    "opened": "phát sinh",
    "confirmed": "xác nhận",
    "resolved": "đã hết",
    "retracted": "rút lại",
    "info": "thông tin",
    "warning": "cảnh báo",
    "critical": "nghiêm trọng",
    "administrative": "hành chính",
    "statistical": "thống kê",
    "adm": "HC",
    "sta": "TK",
}
_QUALIFIERS: Final[Mapping[str, str]] = {"gt": "> ", "ge": "≥ ", "lt": "< ", "le": "≤ ", "approx": "≈ "}


def word(text: str, language: Language) -> str:
    """The word in the language, or itself where there is no translation."""
    return _VIETNAMESE.get(text, text) if language == "vi" else text


def number(value: Any, language: Language = "en") -> str:
    """A number with all its digits, decimal comma in Vietnamese; empty for none."""
    if value is None:
        return ""
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return text.replace(".", ",") if language == "vi" else text


def counted(count: int, noun: str) -> str:
    """`1 observation`, `2,007 observations`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(ratio: Any, language: Language = "en") -> str:
    """A ratio as per cent with one decimal: 0.9479 → `94.8 %`."""
    return "" if ratio is None else number(round(Decimal(ratio) * 100, 1), language) + " %"


def figure(reading: Mapping[str, Any] | None, language: Language = "en") -> str:
    """A value with its qualifier: `> 74`, `98–99`, `≈ 80`; its parts where there is no value."""
    if reading is None:
        return ""
    value = reading.get("value")
    if value is None:
        numerator, denominator = reading.get("numerator"), reading.get("denominator")
        return "" if numerator is None else f"{number(numerator, language)} / {number(denominator, language)}"
    qualifier = reading.get("qualifier") or "eq"
    if qualifier == "range":
        return f"{number(value, language)}–{number(reading.get('value_high'), language)}"
    return _QUALIFIERS.get(qualifier, "") + number(value, language)


def limit(target: Mapping[str, Any] | None, language: Language = "en") -> str:
    """A target: `≥ 80`."""
    if not target:
        return ""
    return _QUALIFIERS.get(str(target.get("comparator")), "") + number(target.get("value"), language)


def instant(text: Any) -> str:
    """An instant in Vietnam's time, to the second."""
    if not isinstance(text, str):
        return ""
    try:
        return f"{datetime.fromisoformat(text).astimezone(VIETNAM):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return text
