"""Values that the unit tests of indicators are made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from uuid import UUID

from chiso_indicators.core.figure import Figure
from chiso_indicators.core.fold import Revision, order_of
from chiso_indicators.core.keys import Key
from chiso_indicators.core.plan import Planner
from chiso_shared.catalogue import Catalogue, load_catalogue

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
KEY = Key("21028", "DVC.ONLINE_SUBMIT", "administrative", "2026-09", "in_period")


@cache
def catalogue() -> Catalogue:
    """The catalogue of the project."""
    return load_catalogue(Path(__file__).resolve().parents[2] / "seeds")


@cache
def planner() -> Planner:
    """A planner of it."""
    return Planner(catalogue())


def ratio(numerator: int | str, denominator: int | str) -> Figure:
    """An exact share."""
    return Figure("report", "A", Decimal(numerator), Decimal(denominator), None, None, "eq", None)


def value(number: int | str, qualifier: str = "eq") -> Figure:
    """A value alone: percent-only for a share."""
    return Figure("report", "A", None, None, Decimal(number), None, qualifier, None)


WITHDRAWN = Figure("withdraw", "A", None, None, None, None, "eq", None)
NOT_APPLICABLE = Figure("report", "NA", None, None, None, None, "eq", None)


def revision(
    figure: Figure, number: int = 0, second: int = 0, identity: int = 1, key: Key = KEY, agency: str = "H48"
) -> Revision:
    """One revision of a cell."""
    order = order_of(
        key.basis, figure.as_of, number, EPOCH + timedelta(seconds=second), UUID(int=identity), agency
    )
    return Revision(key, 0, order, figure, "actual", None)
