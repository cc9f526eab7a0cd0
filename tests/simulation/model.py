"""What must come out of a run, computed from what clients sent. Shares no code with the services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any
from uuid import UUID

HANOI = timezone(timedelta(hours=7))
LONGER = {
    "2025-Q3": (7, 9),
    "2025-Q4": (10, 12),
    "2025-H2": (7, 12),
    "2025-9M": (1, 9),
    "2025": (1, 12),
}
OBLIGED = "DVC.ONLINE_SUBMIT"
FIRST_OBLIGED_MONTH = 7
ADDITIVE = "DVC.OVERDUE"
LIMITS = {"DVC.ONLINE_SUBMIT": (80, 82), "DVC.ON_TIME": (95, 96)}

CellKey = tuple[str, str, str, str]
RollupKey = tuple[str, str, str, str]


@dataclass
class Submission:
    """One that stands: what the client sent, and when the log says it was accepted."""

    document: dict[str, Any]
    accepted_at: str


@dataclass
class Row:
    """The numbers of one rollup."""

    numerator: Decimal | None = None
    denominator: Decimal | None = None
    value: Decimal | None = None
    n_expected: int = 0
    n_reported: int = 0
    n_contributing: int = 0
    n_on_time: int = 0
    n_percent_only: int = 0
    n_unexpected: int = 0
    phase: str = "open"
    missing: list[str] | None = None
    completeness: Decimal | None = field(default=None)


def months(period: str) -> range:
    """Numbers of the months of 2025 in a period."""
    first, last = LONGER.get(period) or (int(period[-2:]),) * 2
    return range(first, last + 1)


def instants(period: str) -> tuple[datetime, datetime, datetime]:
    """End, due and close of an administrative period: ends on a 14th, due on the 25th, closed ten days on."""
    month = months(period)[-1]
    end = datetime(2025, month, 15, tzinfo=HANOI)
    due = datetime(2025, month, 26, tzinfo=HANOI)
    return end, due, due + timedelta(days=10)


def phase(period: str, now: datetime) -> str:
    """By the clock, at rest. A close is read ten seconds after its instant (delivery, Close)."""
    end, _, close = instants(period)
    return "closed" if now >= close + timedelta(seconds=10) else "collecting" if now >= end else "open"


def winners(standing: Iterable[Submission]) -> dict[CellKey, dict[str, Any]]:
    """Per cell the observation that counts, with the earliest instant of any report of it."""
    best: dict[CellKey, tuple[Any, dict[str, Any]]] = {}
    first: dict[CellKey, str] = {}
    for one in standing:
        document = one.document
        rank = (
            document["as_of"] or "" if document["basis"] == "as_of" else "",
            document["revision"],
            one.accepted_at,
            UUID(document["submission_id"]).int,
        )
        for item in document["observations"]:
            key = (item["unit"], item["indicator"], document["period"], document["basis"])
            first[key] = min(first.get(key, one.accepted_at), one.accepted_at)
            if key not in best or rank > best[key][0]:
                best[key] = (rank, item)
    return {key: {**item, "first": first[key]} for key, (_, item) in best.items()}


def adds(item: Mapping[str, Any], indicator: str) -> tuple[Decimal, Decimal] | None:
    """What a report adds; nothing for a withdrawal, a "not applicable", a percentage alone."""
    if item.get("op") == "withdraw" or item.get("status") == "NA":
        return None
    if indicator == ADDITIVE:
        return Decimal(item["value"]), Decimal(0)
    if "numerator" not in item:
        return None
    return Decimal(item["numerator"]), Decimal(item["denominator"])


class Country:
    """The rollups of all units, from the cells that count."""

    def __init__(
        self, cells: Mapping[CellKey, dict[str, Any]], parents: Mapping[str, str], now: datetime
    ) -> None:
        self.cells = cells
        self.parents = parents
        self.now = now

    def keys(self) -> set[RollupKey]:
        """Every rollup of what was ever reported; owed ones exist besides, from their due instant on."""
        found: set[RollupKey] = set()
        for unit, indicator, period, basis in self.cells:
            month = int(period[-2:])
            spans = [period, *(longer for longer in LONGER if month in months(longer))]
            found |= {
                (above, indicator, span, basis) for above in (self.parents[unit], "VN") for span in spans
            }
        return found

    def row(self, key: RollupKey) -> Row:
        """One rollup."""
        unit, indicator, period, basis = key
        below = [code for code, parent in self.parents.items() if unit in ("VN", parent)]
        row = Row(phase=phase(period, self.now))
        owed = [month for month in months(period) if month >= FIRST_OBLIGED_MONTH]
        if indicator == OBLIGED and basis == "in_period":
            row.n_expected = len(owed) * sum(is_commune(code) for code in below)
        numbers: list[tuple[Decimal, Decimal]] = []
        reporters = set[str]()
        for code in below:
            cells = {
                month: cell
                for month in months(period)
                if (cell := self.cells.get((code, indicator, f"2025-{month:02d}", basis))) is not None
            }
            self._count(row, code, indicator, basis, cells)
            reporters |= {code for cell in cells.values() if cell.get("op") != "withdraw"}
            reported = {month: cell for month, cell in cells.items() if cell.get("op") != "withdraw"}
            if indicator == ADDITIVE and reported:
                reported = {max(reported): reported[max(reported)]}
            numbers += [found for cell in reported.values() if (found := adds(cell, indicator)) is not None]
        self._add_up(row, indicator, numbers)
        return row

    def _count(
        self, row: Row, code: str, indicator: str, basis: str, cells: Mapping[int, dict[str, Any]]
    ) -> None:
        is_owed = indicator == OBLIGED and basis == "in_period" and is_commune(code)
        for month, cell in cells.items():
            if cell.get("op") == "withdraw":
                continue
            if not is_owed:
                row.n_unexpected += 1
                continue
            due = datetime(2025, month, 21, tzinfo=HANOI)
            row.n_reported += 1
            row.n_on_time += datetime.fromisoformat(cell["first"]) <= due
            counted = adds(cell, indicator) is not None
            row.n_contributing += counted or cell.get("status") == "NA"
            row.n_percent_only += not counted and cell.get("status") != "NA"

    def _add_up(self, row: Row, indicator: str, numbers: list[tuple[Decimal, Decimal]]) -> None:
        if row.n_expected:
            row.completeness = rounded(Decimal(row.n_reported) / row.n_expected, 4)
        if not numbers:
            return
        row.numerator = sum((one for one, _ in numbers), Decimal(0))
        if indicator == ADDITIVE:
            row.value = row.numerator
            return
        row.denominator = sum((other for _, other in numbers), Decimal(0))
        if row.denominator:
            with localcontext() as context:
                context.prec = 60
                row.value = rounded(100 * row.numerator / row.denominator, 4)


def is_commune(code: str) -> bool:
    """Communes have five digits."""
    return len(code) == 5 and code.isdigit()


def rounded(number: Decimal, decimals: int) -> Decimal:
    """Half to even."""
    return number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
