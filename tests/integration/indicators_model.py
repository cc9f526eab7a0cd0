"""What must come out of a log of submissions, computed a second time. Shares no code with the service."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any
from uuid import UUID

CellKey = tuple[str, str, str, str, str]

INSIDE = {
    "2026-Q3": ("2026-07", "2026-08", "2026-09"),
    "2026-H2": ("2026-07", "2026-08", "2026-09", "2026-Q3"),
    "2026-9M": ("2026-07", "2026-08", "2026-09", "2026-Q3"),
    "2026": ("2026-07", "2026-08", "2026-09", "2026-Q3"),
}
MONTHS = ("2026-07", "2026-08", "2026-09")


@dataclass(frozen=True)
class Kind:
    """How one indicator behaves, written down by hand."""

    ratio: bool
    over_time: str
    level: str
    obliged: bool
    decimals: int


KINDS = {
    "DVC.ONLINE_SUBMIT": Kind(True, "sum", "commune", True, 4),
    "DVC.RECEIVED": Kind(False, "sum", "commune", False, 2),
    "DVC.OVERDUE": Kind(False, "last", "commune", False, 2),
    "INF.FIBRE_HOUSEHOLD": Kind(True, "last", "commune", False, 4),
    "STI.ENTERPRISES": Kind(False, "last", "province", False, 2),
    "SEC.INCIDENTS": Kind(False, "sum", "province", False, 2),
}


def winners(sent: Iterable[Mapping[str, Any]]) -> tuple[dict[CellKey, dict[str, Any]], Counter[str]]:
    """The winning observation of each cell, with its earliest instant; duplicates and conflicts counted."""
    known: dict[tuple[str, str], str] = {}
    best: dict[CellKey, tuple[Any, dict[str, Any]]] = {}
    first: dict[CellKey, Any] = {}
    counted: Counter[str] = Counter()
    for payload in sent:
        identity = (payload["agency"], payload["submission_id"])
        if identity in known:
            counted["duplicate" if known[identity] == payload["payload_sha256"] else "conflict"] += 1
            continue
        known[identity] = payload["payload_sha256"]
        dated = payload["basis"] in ("as_of", "unstated")
        rank = (
            payload["as_of"] if dated and payload["as_of"] else "0001-01-01",
            payload["revision"],
            payload["accepted_at"],
            UUID(payload["submission_id"]).int,
            payload["agency"],
        )
        for item in payload["observations"]:
            key = (item["unit"], item["indicator"], payload["calendar"], payload["period"], payload["basis"])
            first[key] = min(first.get(key, payload["accepted_at"]), payload["accepted_at"])
            if key not in best or rank > best[key][0]:
                best[key] = (rank, {**item, "as_of": payload["as_of"]})
    return {key: {**item, "first": first[key]} for key, (_, item) in best.items()}, counted


def number(item: Mapping[str, Any], kind: Kind) -> tuple[Decimal, Decimal] | None:
    """What may be added of a report."""
    if item["op"] == "withdraw" or item["status"] == "NA" or item["qualifier"] != "eq":
        return None
    if not kind.ratio:
        return (Decimal(str(item["value"])), Decimal(1)) if item.get("value") is not None else None
    if item.get("numerator") is None:
        return None
    return Decimal(str(item["numerator"])), Decimal(str(item["denominator"]))


def ends_on(period: str) -> str:
    """Sorts periods by their end; a quarter ends with its last month."""
    return "2026-09" if period == "2026-Q3" else period


def counting(
    cells: Mapping[CellKey, dict[str, Any]], unit: str, rest: tuple[str, str, str], period: str
) -> dict[str, dict[str, Any]]:
    """A unit's cells that count in a period: a longer one only without reported months inside it."""
    indicator, calendar, basis = rest
    parts = (period, *INSIDE.get(period, ()))
    own = {part: cells.get((unit, indicator, calendar, part, basis)) for part in parts}
    found = {part: item for part, item in own.items() if item is not None}

    def finer(part: str) -> bool:
        inside = INSIDE.get(part, ())
        return any(found[other]["op"] == "report" for other in inside if other in found)

    return {part: item for part, item in found.items() if not finer(part)}


@dataclass
class Expected:
    """The numbers of one rollup."""

    numerator: Decimal | None
    denominator: Decimal | None
    value: Decimal | None
    n_reported: int
    n_contributing: int
    n_percent_only: int
    n_unexpected: int


def rollup(
    cells: Mapping[CellKey, dict[str, Any]], units: Iterable[str], rest: tuple[str, str, str], period: str
) -> Expected:
    """Over the cells of these units (the parts of a province, of the nation, or a unit alone)."""
    kind = KINDS[rest[0]]
    sums: list[tuple[Decimal, Decimal]] = []
    counts: Counter[str] = Counter()
    for unit in units:
        found = counting(cells, unit, rest, period)
        for part, item in found.items():
            if item["op"] == "withdraw":
                continue
            obliged = kind.obliged and part in MONTHS
            added, applicable = number(item, kind) is not None, item["status"] != "NA"
            counts["unexpected"] += not obliged
            counts["reported"] += obliged
            counts["contributing"] += obliged and (added or not applicable)
            counts["percent_only"] += obliged and applicable and not added
        reported = {part: item for part, item in found.items() if item["op"] == "report"}
        if kind.over_time == "last" and reported:
            last = max(reported, key=ends_on)
            reported = {last: reported[last]}
        sums.extend(figures for item in reported.values() if (figures := number(item, kind)) is not None)
    numerator = sum((one for one, _ in sums), Decimal(0)) if sums else None
    denominator = sum((other for _, other in sums), Decimal(0)) if sums and kind.ratio else None
    return Expected(
        numerator if kind.ratio else None,
        denominator,
        _value(kind, numerator, denominator),
        counts["reported"],
        counts["contributing"],
        counts["percent_only"],
        counts["unexpected"],
    )


def _value(kind: Kind, numerator: Decimal | None, denominator: Decimal | None) -> Decimal | None:
    if numerator is None or (kind.ratio and not denominator):
        return None
    with localcontext() as context:
        context.prec = 50
        exact = 100 * numerator / denominator if kind.ratio and denominator else numerator
        return exact.quantize(Decimal(1).scaleb(-kind.decimals), ROUND_HALF_EVEN)


def touched(cells: Iterable[CellKey]) -> dict[tuple[str, str, str], set[str]]:
    """Per (indicator, calendar, basis) the periods that have rollups."""
    found: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for _, indicator, calendar, period, basis in cells:
        found[(indicator, calendar, basis)].update(
            {period, *(longer for longer, inside in INSIDE.items() if period in inside)}
        )
    return found


def last_day(period: str) -> date:
    """A day inside a month of either calendar."""
    return date(2026, int(period[-2:]), 10)
