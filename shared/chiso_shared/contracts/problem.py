"""RFC 9457 problem details as every service answers them (docs/contract.md §2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel

ErrorCode = Literal[
    "malformed",
    "missing_field",
    "unknown_field",
    "wrong_type",
    "out_of_range",
    "unknown_unit",
    "unit_not_valid_in_period",
    "unknown_indicator",
    "unknown_period",
    "period_in_future",
    "basis_not_allowed",
    "kind_mismatch",
    "numerator_exceeds_denominator",
    "duplicate_cell",
    "reason_required",
    "not_authoritative_level",
    "out_of_scope",
    "too_many_observations",
]


# Short Vietnamese messages, where there is no better one.
WORDS_VI: Final[Mapping[ErrorCode, str]] = {
    "missing_field": "thiếu trường",
    "unknown_field": "trường không tồn tại",
    "wrong_type": "sai kiểu",
    "out_of_range": "ngoài phạm vi cho phép",
    "malformed": "không phải JSON",
}


class ProblemItem(BaseModel):
    """One offender: where it stands (RFC 6901 pointer), what is wrong, and what would be right."""

    pointer: str
    code: ErrorCode
    message: str
    message_vi: str
    value: Any = None
    hint: str | None = None
    line: int | None = None


class Problem(BaseModel):
    """An `application/problem+json` body."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    errors: list[ProblemItem] = []
