"""How long Roll rests between ticks."""

from __future__ import annotations

from chiso_indicators.ticker import rest_after
from hypothesis import given
from hypothesis import strategies as st

spent = st.floats(0, 100)
polls = st.floats(0.01, 10)


@given(spent, polls)
def test_ticks_leave_time_for_others_and_never_rest_for_long(seconds: float, poll: float) -> None:
    rest = rest_after(seconds, poll)
    assert 0 <= rest <= 1
    assert rest == 1 or rest + seconds >= min(poll, 1), "not more often than it polls"
    assert rest == 1 or rest >= seconds / 2, "never more than two thirds of the time"


def test_short_ticks_come_sooner_than_long_ones() -> None:
    assert (rest_after(0.2, 0.1), rest_after(0.6, 0.1), rest_after(5, 0.1)) == (0.1, 0.6, 1)
