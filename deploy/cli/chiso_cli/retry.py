"""When to send the same bytes again, and after how long. Pure: time and chance come in as arguments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

_TOO_EARLY_OR_TOO_FAST: Final = frozenset({425, 429})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off: `first_ms`, doubled each time up to `longest_ms`; at most `total_ms` in all."""

    attempts: int = 10
    first_ms: int = 200
    longest_ms: int = 10_000
    total_ms: int = 120_000


def is_transient(status: int | None) -> bool:
    """Whether the same bytes may fare better later. `None` means that the connection failed or was lost."""
    return status is None or status in _TOO_EARLY_OR_TOO_FAST or status >= 500


def delay_ms(
    policy: RetryPolicy, attempt: int, elapsed_ms: int, retry_after_ms: int | None, chance: float
) -> int | None:
    """How long to wait after failed attempt number `attempt` (1 is the first), or `None` to give up.

    `chance` in [0, 1) spreads clients apart: without Retry-After the delay is half to all of the back-off,
    with it never less than the door asked for. A delay that would pass `total_ms` is not begun.
    """
    if attempt >= policy.attempts:
        return None
    backoff = min(policy.longest_ms, policy.first_ms * 2 ** (attempt - 1))
    delay = int(backoff * (0.5 + chance / 2))
    if retry_after_ms is not None:
        delay = retry_after_ms + int(min(backoff, policy.first_ms * 2) * chance)
    return delay if elapsed_ms + delay <= policy.total_ms else None


def parse_retry_after(text: str | None, now: datetime) -> int | None:
    """Milliseconds of a `Retry-After` header, seconds or an HTTP date; `None` if absent or unreadable."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return int(text) * 1000
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    return max(0, int((at - now).total_seconds() * 1000))
