"""Deliberate mistakes in the cores of ingest and indicators, patched in; and the list of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final
from unittest.mock import patch

from chiso_indicators.core import assemble, changes, fold, plan, submissions, version
from chiso_indicators.core import figure as figures
from chiso_indicators.core import row as rows
from chiso_indicators.core import value as values
from chiso_indicators.core.expectation import Expectations
from chiso_indicators.core.figure import Addends, Figure
from chiso_indicators.core.phases import Marks
from chiso_ingest.core import check as checking
from chiso_ingest.core import observations

from tests.simulation.mutants_alerts import ALERT_MUTANTS, Patch


def _arrival_order_wins() -> Any:
    def join(self: Any, other: Any) -> Any:
        return fold.Contender(other.winner, min(self.first_accepted_at, other.first_accepted_at))

    return patch.object(fold.Contender, "join", join)


def _duplicates_counted() -> Any:
    true = submissions.sort_out

    def sort_out(batch: Any, known: Any) -> Any:
        return true(batch, {})

    return patch.object(submissions, "sort_out", sort_out)


def _last_payload_stands() -> Any:
    def sort_out(batch: Any, known: Any) -> Any:
        found = submissions.Sorted()
        for accepted in batch:
            found.new[accepted.id] = accepted
        return found

    return patch.object(submissions, "sort_out", sort_out)


def _late_correction_is_a_late_report() -> Any:
    def join(self: Any, other: Any) -> Any:
        winner = self.winner if self.winner.order >= other.winner.order else other.winner
        return fold.Contender(winner, winner.order.accepted_at)

    return patch.object(fold.Contender, "join", join)


def _date_of_the_figure_ignored() -> Any:
    true = fold.order_of

    def order_of(basis: str, as_of: Any, *rest: Any) -> Any:
        return true(basis, None, *rest)

    return patch.object(submissions, "order_of", order_of)


def _sums(change: Callable[[Any, Any], Any]) -> Any:
    true = rows.draft

    def draft(key: Any, sums: Any, own: Any, context: Any, *rest: Any) -> Any:
        return true(key, change(sums, context), own, context, *rest)

    return patch.object(assemble, "draft", draft)


def _nation_added_twice() -> Any:
    def twice(sums: Any, context: Any) -> Any:
        if context.level != "nation" or sums.numerator is None:
            return sums
        return replace(
            sums, numerator=2 * sums.numerator, denominator=sums.denominator and 2 * sums.denominator
        )

    return _sums(twice)


def _percentage_added() -> Any:
    true = figures.addends

    def addends(figure: Any, is_ratio: bool) -> Any:
        found = true(figure, is_ratio)
        percent_only = figure is not None and figure.stated and is_ratio and figure.value is not None
        return Addends(figure.value, Decimal(100)) if found is None and percent_only else found

    return patch.object(figures, "addends", addends)


def _rounded_down() -> Any:
    def rounded(number: Decimal, decimals: int) -> Decimal:
        return number.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN)

    return patch.object(values, "rounded", rounded)


def _longer_periods_forgotten() -> Any:
    def periods_moved(self: Any, calendar: str, code: str, basis: str) -> Any:
        return (code,)

    return patch.object(plan.Planner, "periods_moved", periods_moved)


def _nation_forgotten() -> Any:
    true = plan.Planner.units_moved

    def units_moved(self: Any, *args: Any) -> Iterator[str]:
        return (unit for unit in true(self, *args) if unit != "VN")

    return patch.object(plan.Planner, "units_moved", units_moved)


def _corrections_after_the_close_lost() -> Any:
    true = changes.Judge._change

    def change(self: Any, standing: Any, revisions: Any, found: Any) -> Any:
        return None if self.is_after_close(revisions[-1]) else true(self, standing, revisions, found)

    return patch.object(changes.Judge, "_change", change)


def _version_stands_still() -> Any:
    true = version.next_version

    def next_version(before: Any, after: Any, causes: Any) -> Any:
        found = true(before, after, causes)
        if found is None or before is None:
            return found
        return type(found)(
            **{name: getattr(found, name) for name in found.__struct_fields__} | {"version": 1}
        )

    return patch.object(version, "next_version", next_version)


def _phase_is_no_change() -> Any:
    names = tuple(name for name in version.TELLING if name != "phase")
    return patch.object(version, "TELLING", names)


def _closed_too_early() -> Any:
    def phase(self: Any, period: Any, *rest: Any) -> str:
        return "closed" if period.end_at <= self.ended_through else "open"

    return patch.object(Marks, "phase", phase)


def _one_too_many_expected() -> Any:
    true = Expectations.count

    def count(self: Any, *args: Any) -> int:
        found = true(self, *args)
        return found + 1 if found else 0

    return patch.object(Expectations, "count", count)


def _withdrawn_counted() -> Any:
    return patch.object(Figure, "reported", True)


def _every_payload_has_the_same_hash() -> Any:
    return patch.object(checking, "payload_hash", lambda document: "0" * 64)


def _unknown_units_accepted() -> Any:
    true = observations.check_observation

    def check_observation(raw: Any, at: int, desk: Any) -> Any:
        known = {**raw, "unit": "51"} if isinstance(raw, dict) and raw.get("unit") == "99999" else raw
        return true(known, at, desk)

    return patch.object(checking, "check_observation", check_observation)


MUTANTS: Final[dict[str, Patch]] = {
    "arrival order wins": _arrival_order_wins,
    "duplicates counted": _duplicates_counted,
    "the last payload under an id stands": _last_payload_stands,
    "a late correction is a late report": _late_correction_is_a_late_report,
    "the date of a figure is ignored": _date_of_the_figure_ignored,
    "withdrawn counted": _withdrawn_counted,
    "percentages added": _percentage_added,
    "nation added twice": _nation_added_twice,
    "rounded down": _rounded_down,
    "longer periods forgotten": _longer_periods_forgotten,
    "nation forgotten": _nation_forgotten,
    "corrections after the close lost": _corrections_after_the_close_lost,
    "the version stands still": _version_stands_still,
    "a phase is no change": _phase_is_no_change,
    "closed at the end instead of the close": _closed_too_early,
    "one report too many expected": _one_too_many_expected,
    "every payload has the same hash": _every_payload_has_the_same_hash,
    "unknown units accepted": _unknown_units_accepted,
    **ALERT_MUTANTS,
}
