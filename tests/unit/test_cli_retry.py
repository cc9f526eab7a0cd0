"""When the command sends again: laws of the back-off, and what a Retry-After says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from chiso_cli.retry import RetryPolicy, delay_ms, is_transient, parse_retry_after
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
POLICY = RetryPolicy(attempts=6, first_ms=200, longest_ms=5_000, total_ms=60_000)


@given(
    attempt=st.integers(1, 20),
    elapsed_ms=st.integers(0, 100_000),
    retry_after_ms=st.none() | st.integers(0, 100_000),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_a_delay_keeps_every_bound(
    attempt: int, elapsed_ms: int, retry_after_ms: int | None, chance: float
) -> None:
    delay = delay_ms(POLICY, attempt, elapsed_ms, retry_after_ms, chance)
    if delay is None:
        shortest = retry_after_ms if retry_after_ms is not None else 0
        backoff = min(POLICY.longest_ms, POLICY.first_ms * 2 ** (attempt - 1))
        assert attempt >= POLICY.attempts or elapsed_ms + shortest + backoff > POLICY.total_ms
        return
    assert attempt < POLICY.attempts
    assert elapsed_ms + delay <= POLICY.total_ms
    if retry_after_ms is None:
        assert 0 < delay <= POLICY.longest_ms
    else:
        assert retry_after_ms <= delay <= retry_after_ms + 2 * POLICY.first_ms


def test_the_back_off_doubles_up_to_its_longest() -> None:
    delays = [delay_ms(POLICY, attempt, 0, None, 0.999999) for attempt in range(1, 6)]
    assert delays == [199, 399, 799, 1599, 3199]
    assert delay_ms(RetryPolicy(longest_ms=1_000), 9, 0, None, 0.999999) == 999


def test_clients_are_spread_apart() -> None:
    assert delay_ms(POLICY, 1, 0, None, 0.0) == 100
    assert delay_ms(POLICY, 1, 0, 2_000, 0.0) == 2_000
    assert delay_ms(POLICY, 1, 0, 2_000, 0.5) == 2_100


@pytest.mark.parametrize("status", [None, 429, 500, 502, 503, 504])
def test_these_may_fare_better_later(status: int | None) -> None:
    assert is_transient(status)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 413, 415, 422])
def test_these_are_final(status: int) -> None:
    assert not is_transient(status)


def test_retry_after_is_seconds_or_a_date() -> None:
    assert parse_retry_after("7", NOW) == 7_000
    assert parse_retry_after(format_datetime(NOW + timedelta(seconds=90), usegmt=True), NOW) == 90_000
    assert parse_retry_after(format_datetime(NOW - timedelta(hours=1), usegmt=True), NOW) == 0
    for unreadable in (None, "", "soon", "-3", "1.5"):
        assert parse_retry_after(unreadable, NOW) is None
