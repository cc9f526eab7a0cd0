"""Winners and rollups of a log, the plain way: one rule of semantics after the other. No service code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any, NamedTuple
from uuid import UUID

from tests.model.reference import (
    Kind,
    below,
    expected,
    identity,
    kinds,
    obliged,
    obliged_levels,
    places,
    span,
)
from tests.model.spans import before, frequency_of, inside, months_of

CellKey = tuple[str, str, str, str, str]
Identity = tuple[str, bool]
Numbers = tuple[Decimal, Decimal]
HIGHEST = {"commune": 0, "department": 0, "province": 1, "nation": 2}
ZERO = Decimal(0)


class Slot(NamedTuple):
    """All cells of one indicator, calendar and basis: they never meet those of another."""

    indicator: str
    calendar: str
    basis: str


@dataclass(frozen=True)
class Cell:
    """A winning observation, and when the cell was first reported."""

    op: str
    status: str
    numerator: Decimal | None
    denominator: Decimal | None
    value: Decimal | None
    value_high: Decimal | None
    qualifier: str
    as_of: date | None
    first: datetime

    @property
    def reported(self) -> bool:
        """Not withdrawn."""
        return self.op == "report"

    @property
    def stated(self) -> bool:
        """Says a figure."""
        return self.reported and self.status != "NA"

    def exact(self, kind: Kind) -> Numbers | None:
        """What may be added up: two exact numbers of a ratio, one of anything else."""
        if not self.stated or self.qualifier != "eq":
            return None
        if not kind.ratio:
            return None if self.value is None else (self.value, ZERO)
        if self.numerator is None or self.denominator is None:
            return None
        return self.numerator, self.denominator


def winners(log: Iterable[Mapping[str, Any]]) -> dict[CellKey, Cell]:
    """The winner of each cell. `log` is in the order of the log; instants are aware datetimes."""
    known: set[tuple[str, str]] = set()
    best: dict[CellKey, tuple[Any, Mapping[str, Any], date | None]] = {}
    first: dict[CellKey, datetime] = {}
    for document in log:
        identity = (document["agency"], document["submission_id"])
        if identity in known:
            continue  # a duplicate, or a conflict: either way the first in the log stands
        known.add(identity)
        day = date.fromisoformat(document["as_of"]) if document["as_of"] else None
        dated = day if document["basis"] in ("as_of", "unstated") and day else date.min
        rank = (
            dated,
            document["revision"],
            document["accepted_at"],
            UUID(document["submission_id"]).int,
            document["agency"],
        )
        for item in document["observations"]:
            key = (
                item["unit"],
                item["indicator"],
                document["calendar"],
                document["period"],
                document["basis"],
            )
            first[key] = min(first.get(key, document["accepted_at"]), document["accepted_at"])
            if key not in best or rank > best[key][0]:
                best[key] = (rank, item, day)
    return {key: _cell(item, day, first[key]) for key, (_, item, day) in best.items()}


def _cell(item: Mapping[str, Any], day: date | None, first: datetime) -> Cell:
    def number(name: str) -> Decimal | None:
        return Decimal(item[name]) if item.get(name) is not None else None

    return Cell(
        item["op"],
        item["status"],
        number("numerator"),
        number("denominator"),
        number("value"),
        number("value_high"),
        item["qualifier"],
        day,
        first,
    )


@dataclass(frozen=True)
class Sums:
    """What cells give together; `ends` are the last days of the parts that a stock's numbers stem from."""

    numbers: Numbers | None = None
    counts: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
    withdrawn: bool = False
    has_cells: bool = False
    reporters: frozenset[str] = frozenset()
    ends: frozenset[date] = frozenset()

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        mine, theirs = self.numbers, other.numbers
        numbers = (mine[0] + theirs[0], mine[1] + theirs[1]) if mine and theirs else mine or theirs
        return Sums(
            numbers,
            tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),  # type: ignore[arg-type]
            self.withdrawn or other.withdrawn,
            self.has_cells or other.has_cells,
            self.reporters | other.reporters,
            self.ends | other.ends,
        )


@dataclass(frozen=True)
class Rollup:
    """What a rollup must say."""

    numerator: Decimal | None
    denominator: Decimal | None
    value: Decimal | None
    value_source: str
    is_refused: bool
    reported: Any
    n_expected: int
    n_reported: int
    n_contributing: int
    n_on_time: int
    n_percent_only: int
    n_unexpected: int
    completeness: Decimal | None
    timeliness: Decimal | None
    phase: str
    derived: Any
    missing: Any
    stale: bool
    oldest_part_on: date | None
    newest_part_on: date | None

    def differences(self, other: Rollup) -> list[str]:
        """Fields that differ, with both values."""
        return [
            f"{item.name}: model {getattr(self, item.name)!r}, service {getattr(other, item.name)!r}"
            for item in fields(self)
            if getattr(self, item.name) != getattr(other, item.name)
        ]


def rounded(number: Decimal, decimals: int) -> Decimal:
    """Half-even."""
    with localcontext() as context:
        context.prec = 60
        return number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)


def quotient(numerator: Decimal | int, denominator: Decimal | int) -> Decimal:
    """To 60 digits."""
    with localcontext() as context:
        context.prec = 60
        return Decimal(numerator) / Decimal(denominator)


@dataclass
class Judge:
    """All rollups of one slot. `cells` are its winners by (unit, period)."""

    slot: Slot
    cells: Mapping[tuple[str, str], Cell]
    now: datetime
    first_started_at: datetime
    kind: Kind = field(init=False)
    _reporting: set[str] = field(init=False)
    _memory: dict[tuple[str, str], Sums] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.kind = kinds()[self.slot.indicator]
        self._reporting = {unit for unit, _ in self.cells}

    @property
    def rule(self) -> str:
        """How the parts of a longer period come together: `sum`, `last`, or not at all (`own`)."""
        if self.slot.basis == "unstated" or self.kind.over_time == "none":
            return "own"
        return "last" if self.slot.basis == "ytd" else self.kind.over_time

    def is_own(self, level: str) -> bool:
        """At the source level a unit's row is its own cell; unstated figures belong to their unit alone."""
        return self.slot.basis == "unstated" or HIGHEST[level] <= HIGHEST[self.kind.level]

    def place(self, unit: str, code: str) -> Any:
        """The unit at the end of a period, or None."""
        return places(span(self.slot.calendar, code).end).get(unit)

    def who(self, unit: str, code: str) -> Identity:
        """The unit that a code means at the end of a period."""
        return identity(unit, span(self.slot.calendar, code).end)

    def is_same(self, unit: str, one: str, other: str) -> bool:
        """Whether the code means one and the same unit at the ends of both periods."""
        known = self.place(unit, one) is not None and self.place(unit, other) is not None
        return known and self.who(unit, one) == self.who(unit, other)

    def own_sums(self, unit: str, code: str, who: Identity | None = None) -> Sums:
        """What one unit's own cells give for a period; `who` is the unit meant, if not that of its end."""
        if unit not in self._reporting:
            return Sums()
        who = who or self.who(unit, code)
        parts = [code] if self.rule == "own" else [code, *inside(code)]
        parts = [part for part in parts if self.who(unit, part) == who]
        found = [(part, self.cells[(unit, part)]) for part in parts if (unit, part) in self.cells]
        counting = [(part, cell) for part, cell in found if not self._has_finer(unit, part)]
        total = Sums()
        for part, cell in counting:
            total = total.plus(self._counted(unit, part, cell))
        added = [(part, cell) for part, cell in counting if cell.reported]
        if self.rule == "last" and added:
            added = [max(added, key=lambda pair: span(self.slot.calendar, pair[0]).end)]
        is_stock = self.rule == "last" and frequency_of(code) != "month"
        for part, cell in added:
            numbers = cell.exact(self.kind)
            ends = {span(self.slot.calendar, part).end} if is_stock and numbers else set[date]()
            total = total.plus(Sums(numbers, ends=frozenset(ends)))
        return total

    def _has_finer(self, unit: str, part: str) -> bool:
        return any(
            (cell := self.cells.get((unit, finer))) is not None and cell.reported
            for finer in inside(part)
            if self.who(unit, finer) == self.who(unit, part)
        )

    def _counted(self, unit: str, part: str, cell: Cell) -> Sums:
        if not cell.reported:
            return Sums(withdrawn=True, has_cells=True)
        place = self.place(unit, part)
        if place.level not in obliged_levels(*self.slot, part):
            return Sums(counts=(0, 0, 0, 0, 1), has_cells=True)
        exact, applicable = cell.exact(self.kind) is not None, cell.status != "NA"
        on_time = cell.first <= span(self.slot.calendar, part).due_at(place.level)
        counts = (1, int(exact or not applicable), int(on_time), int(applicable and not exact), 0)
        return Sums(counts=counts, has_cells=True, reporters=frozenset({unit}))

    def sums(self, unit: str, code: str) -> Sums:
        """What a unit's row is made of."""
        if (unit, code) not in self._memory:
            self._memory[(unit, code)] = self._sums(unit, code)
        return self._memory[(unit, code)]

    def _sums(self, unit: str, code: str) -> Sums:
        if self.is_own(self.place(unit, code).level):
            return self.own_sums(unit, code)
        total = Sums()
        present = places(span(self.slot.calendar, code).end) is places(date.max)
        for child in below(unit, present):
            total = total.plus(self.sums(child, code) if unit == "VN" else self.own_sums(child, code))
        if unit == "VN":
            total = total.plus(self._of_former_provinces(code))
        return total

    def _of_former_provinces(self, code: str) -> Sums:
        """What provinces that no longer are there at the period's end reported in parts of it: flows add up,
        a stock of them is in those they went into. They had no communes that anybody knows of."""
        total = Sums()
        if not self.is_own("province"):
            return total
        for unit, who in {(unit, self.who(unit, part)) for unit, part in self.cells if part in inside(code)}:
            if who[1] and who != self.who(unit, code):
                total = total.plus(self.own_sums(unit, code, who))
        return replace(total, numbers=None, ends=frozenset()) if self.rule == "last" else total

    def rollup(self, unit: str, code: str) -> Rollup:
        """The row of a unit and a period."""
        sums, own = self.sums(unit, code), self.cells.get((unit, code))
        numbers, is_refused = self._numbers(unit, code, sums, own)
        reported = self._reported(own)
        value = self._value(numbers)
        source = "computed" if numbers else "none"
        if not numbers and reported is not None:
            value, source = reported[0], "reported"
        count = expected(unit, *self.slot, code)
        here = span(self.slot.calendar, code)
        late_start = here.close_at <= self.first_started_at
        ends = sums.ends if numbers else frozenset[date]()
        return Rollup(
            numbers[0] if numbers else None,
            numbers[1] if numbers and self.kind.ratio else None,
            value,
            source,
            is_refused and source == "none",
            reported,
            count,
            *sums.counts,
            completeness=rounded(quotient(sums.counts[0], count), 4) if count else None,
            timeliness=rounded(quotient(sums.counts[2], count), 4) if count and not late_start else None,
            phase=self._phase(here.end_at, here.close_at),
            derived=self._derived(unit, code, numbers),
            missing=self._missing(unit, code, sums),
            stale=len(ends) > 1,
            oldest_part_on=min(ends, default=None),
            newest_part_on=max(ends, default=None),
        )

    def _phase(self, end_at: datetime, close_at: datetime) -> str:
        return "closed" if close_at <= self.now else "collecting" if end_at <= self.now else "open"

    def _numbers(self, unit: str, code: str, sums: Sums, own: Cell | None) -> tuple[Numbers | None, bool]:
        """What may be shown as computed, and whether the kind refuses to be added up here."""
        is_own = self.is_own(self.place(unit, code).level)
        longer = frequency_of(code) != "month"
        over_time = self.rule == "own" and longer and self.slot.basis != "unstated"
        over_units = self.kind.over_units == "none" and (not is_own or unit == "VN" or own is None)
        if self.kind.single and own is not None and is_own and not longer:
            return None, False
        if (over_time or over_units) and (not is_own or own is None):
            return None, True
        return sums.numbers, over_time or over_units

    def _value(self, numbers: Numbers | None) -> Decimal | None:
        if numbers is None or (self.kind.ratio and not numbers[1]):
            return None
        exact = numbers[0]
        if self.kind.ratio:
            exact = quotient(self.kind.factor * numbers[0], numbers[1])
        return rounded(exact, self.kind.decimals + 2)

    def _reported(self, own: Cell | None) -> Any:
        if own is None or not own.stated:
            return None
        value = own.value
        if value is None and self.kind.ratio and own.numerator is not None and own.denominator is not None:
            value = self._value((own.numerator, own.denominator))
        return value, own.value_high, own.qualifier, own.as_of

    def _derived(self, unit: str, code: str, numbers: Numbers | None) -> Any:
        if self.slot.basis != "ytd" or numbers is None or self.kind.over_time == "none":
            return None
        ratio, earlier = self.kind.ratio, before(code)
        if earlier is None:
            return numbers[0], numbers[1] if ratio else None, self._value(numbers), None
        sums = self.sums(unit, earlier) if self.is_same(unit, earlier, code) else Sums()
        if sums.numbers is None:
            return None, None, None, "previous_withdrawn" if sums.withdrawn else "previous_missing"
        step = (numbers[0] - sums.numbers[0], numbers[1] - sums.numbers[1])
        if step[0] < 0 or step[1] < 0:
            return step[0], step[1] if ratio else None, None, "decreased"
        return step[0], step[1] if ratio else None, self._value(step), None

    def _missing(self, unit: str, code: str, sums: Sums) -> Any:
        here = span(self.slot.calendar, code)
        owed = obliged(unit, *self.slot, code)
        if unit == "VN" or not owed or frequency_of(code) != "month" or here.due_at("province") > self.now:
            return None
        return tuple(sorted(owed - sums.reporters))

    def keys(self, codes: Iterable[str]) -> set[tuple[str, str]]:
        """The rows of provinces and the nation that must exist."""
        found: set[tuple[str, str]] = set()
        for unit, part in self.cells:
            place = self.place(unit, part)
            units = {unit} if place.level in ("province", "nation") else set()
            if self.slot.basis != "unstated":
                units |= {place.parent, "VN"} - {""}
            for code in codes:
                covers = code == part or (
                    self.slot.basis != "unstated" and set(months_of(part)) < set(months_of(code))
                )
                found |= {(one, code) for one in units if covers and self.is_same(one, part, code)}
        for code in codes:
            month = span(self.slot.calendar, code)
            is_owed = self.first_started_at < month.close_at and month.due_at("province") <= self.now
            if frequency_of(code) == "month" and is_owed:
                known = places(month.end).items()
                above = [one for one, place in known if place.level in ("province", "nation")]
                found |= {(one, code) for one in above if expected(one, *self.slot, code)}
        return found
