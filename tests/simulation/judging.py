"""What a figure is under a limit: a second reading of semantics §7. Shares no code with the services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

MAXIMUM = Decimal(100)


class Limit(NamedTuple):
    """One severity; `above` says that numbers above `enter` are bad."""

    severity: str
    enter: Decimal
    exit: Decimal
    above: bool = False


@dataclass(frozen=True)
class Gates:
    """When a rule may judge before the close."""

    phases: tuple[str, ...] = ("collecting", "closed")
    min_completeness: Decimal = Decimal(0)
    min_denominator: Decimal = Decimal(0)
    insufficient_at_close: bool = False


@dataclass(frozen=True)
class Figure:
    """What a rollup says, as far as an alert is concerned."""

    value: Decimal | None
    phase: str
    qualifier: str = "eq"
    value_high: Decimal | None = None
    denominator: Decimal | None = None
    n_contributing: int = 0
    n_expected: int = 0
    unstated: bool = False

    @property
    def bounds(self) -> tuple[Decimal, bool, Decimal, bool]:
        """Lowest and highest number the figure may stand for, each with whether it may be that number."""
        assert self.value is not None
        low, high = (self.value, True), (self.value, True)
        match self.qualifier:
            case "gt" | "ge":
                low, high = (self.value, self.qualifier == "ge"), (MAXIMUM, True)
            case "lt" | "le":
                low, high = (Decimal(0), True), (self.value, self.qualifier == "le")
            case "range":
                assert self.value_high is not None
                high = (self.value_high, True)
        return (*low, *high)


def surely_bad(figure: Figure, limit: Limit) -> bool:
    """Every number of the figure is beyond `enter`."""
    if figure.value is None:
        return False
    low, low_is_in, high, high_is_in = figure.bounds
    if limit.above:
        return low > limit.enter or (low == limit.enter and not low_is_in)
    return high < limit.enter or (high == limit.enter and not high_is_in)


def surely_good(figure: Figure, limit: Limit) -> bool:
    """Every number of the figure is at `exit` or on its good side."""
    low, _, high, _ = figure.bounds
    return high <= limit.exit if limit.above else low >= limit.exit


def gate_is_open(figure: Figure, gates: Gates) -> bool:
    """Phase, share of contributing units, size of the denominator. A reopened period is one collecting."""
    phase = "collecting" if figure.phase == "reopened" and "reopened" not in gates.phases else figure.phase
    enough = figure.unstated or figure.n_contributing >= gates.min_completeness * figure.n_expected
    large = figure.denominator is None or figure.denominator >= gates.min_denominator
    return phase in gates.phases and enough and large


def final_severity(figure: Figure, limits: Sequence[Limit], gates: Gates) -> str | None:
    """What stands after a close: a function of the final figure and the limits, of nothing else."""
    if gates.insufficient_at_close and not gate_is_open(figure, gates):
        return None
    bad = [limit.severity for limit in limits if surely_bad(figure, limit)]
    return bad[-1] if bad else None


def observation(figure: Figure, limits: Sequence[Limit], gates: Gates) -> str:
    """The observation before the close; limits go from the mildest to the gravest."""
    if not limits:
        return "NO LIMITS"
    if figure.value is None:
        return "NODATA"
    if not gate_is_open(figure, gates):
        return "GATED"
    if any(surely_bad(figure, limit) for limit in limits):
        return "BREACH"
    if all(surely_good(figure, limit) for limit in limits):
        return "OK"
    return "UNDETERMINED OR BAND"


def stands(before: bool, figure: Figure, limits: Sequence[Limit], gates: Gates) -> bool:
    """Whether an episode is open after an input, for rules without hold and keep-firing times."""
    if figure.phase == "closed":
        return final_severity(figure, limits, gates) is not None
    kind = observation(figure, limits, gates)
    return kind == "BREACH" or (before and kind not in ("OK", "NO LIMITS"))
