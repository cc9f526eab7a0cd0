"""What a simulation takes from the catalogue: provinces, communes, indicators with targets, the period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from chiso_shared.catalogue import Catalogue, Period

from chiso_cli.exits import USAGE, CommandFailed
from chiso_cli.simulation import Measure, Province

_SIMULATED_KINDS: Final = frozenset({"flow", "stock", "cumulative", "ratio_flow", "ratio_stock"})


def period_to_simulate(catalogue: Catalogue, calendar: str, code: str | None, today: date) -> Period:
    """The period of the code, else the last month that has ended. Raises CommandFailed (usage)."""
    if code is None:
        running = catalogue.calendars.of_date(calendar, "month", today)
        return catalogue.calendars.of_date(calendar, "month", running.start - timedelta(days=1))
    period = catalogue.calendars.parse(calendar, code)
    if period is None:
        raise CommandFailed(
            f"{code!r} is no period of the {calendar} calendar: it looks like 2025-10 or 2025-Q4.", USAGE
        )
    return period


def provinces_to_simulate(catalogue: Catalogue, codes: Sequence[str], on: date) -> list[Province]:
    """The provinces named, all of them without a name, with their communes of that day."""
    known = {unit.code: unit for unit in catalogue.units.of_level("province", on)}
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise CommandFailed(
            f"No province has the code {', '.join(unknown)} on {on}: codes have two digits, such as 51.",
            USAGE,
        )
    return [
        Province(code, tuple(unit.code for unit in catalogue.units.children(code, on, "commune")))
        for code in (sorted(set(codes)) or sorted(known))
    ]


def measures_to_simulate(
    catalogue: Catalogue, codes: Sequence[str], period: Period, provinces: Sequence[Province]
) -> list[Measure]:
    """The indicators named, without a name what communes are obliged to report."""
    wanted = codes or sorted(
        {
            indicator
            for obligation in catalogue.obligations
            if obligation.level == "commune"
            for indicator in obligation.indicators
        }
    )
    return [_measure(catalogue, code, period, provinces) for code in dict.fromkeys(wanted)]


def _measure(catalogue: Catalogue, code: str, period: Period, provinces: Sequence[Province]) -> Measure:
    indicator = catalogue.indicators.get(code)
    if indicator is None:
        raise CommandFailed(f"There is no indicator {code}.", USAGE)
    if indicator.source_level != "commune" or indicator.kind not in _SIMULATED_KINDS:
        raise CommandFailed(
            f"{code} cannot be simulated: it is a {indicator.kind} that a {indicator.source_level} reports.",
            USAGE,
        )
    basis = "in_period" if "in_period" in indicator.allowed_bases else indicator.allowed_bases[0]
    limits = {
        province.code: target.value
        for province in provinces
        if (target := catalogue.targets.find(code, province.code, "province", period.calendar, period, basis))
    }
    return Measure(code, basis, indicator.is_ratio, limits)
