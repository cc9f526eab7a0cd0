"""The bounds of what the door takes (contract §2), as one value. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

REASON_LENGTH: Final = 2_000
DOCUMENT_LENGTH: Final = 500
URL_LENGTH: Final = 2_000
LARGEST_REVISION: Final = 2**31 - 1
SIGNIFICANT_DIGITS: Final = 15
DECIMALS: Final = 6
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2199


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of a body, observations of a submission, nesting and lines of JSON, problems in an answer."""

    body_bytes: int = 1024 * 1024
    observations: int = 5_000
    nesting: int = 8
    lines: int = 5_000
    problems: int = 1_000


DEFAULT_LIMITS: Final = Limits()
