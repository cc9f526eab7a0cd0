"""Calendars, datasets and obligations from their tables. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from chiso_shared.catalogue.calendars import Calendars
from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.obligations import Dataset, Obligation
from chiso_shared.catalogue.periods import CalendarRule, period_of
from chiso_shared.catalogue.tables import Row, columns, unique
from chiso_shared.catalogue.words import AUTHORITIES, CALENDARS, FREQUENCIES, LEVELS, STATED_BASES

CALENDAR_COLUMNS: Final = columns(
    "calendar frequency name_vi name_en period_pattern start_day start_month_offset end_day"
    " end_month_offset start_rule end_rule due_rule due_day due_month_offset due_status commune_due_day"
    " commune_due_month_offset commune_due_status close_days_after_due examples source note"
)
DATASET_COLUMNS: Final = columns("dataset name_vi name_en indicators source")
OBLIGATION_COLUMNS: Final = columns("dataset level calendar frequency basis valid_from valid_to kind source")


def read_calendars(rows: Sequence[Row]) -> Calendars:
    """Both calendars with every frequency; the examples of each row must recompute."""
    unique(rows, "calendar", "frequency")
    rules: dict[tuple[str, str], CalendarRule] = {}
    for row in rows:
        rule = _calendar_rule(row)
        rules[rule.calendar, rule.frequency] = rule
        _check_examples(row, rule)
    if rows:
        for calendar in CALENDARS:
            for frequency in FREQUENCIES:
                if (calendar, frequency) not in rules:
                    rows[0].report.add(rows[0].file, 0, "", f"{calendar} {frequency} is missing")
    return Calendars(MappingProxyType(rules))


def read_datasets(rows: Sequence[Row], indicators: Mapping[str, Indicator]) -> dict[str, Dataset]:
    """Datasets by code."""
    unique(rows, "dataset")
    found: dict[str, Dataset] = {}
    for row in rows:
        codes = row.codes("indicators")
        row.required("indicators")
        for code in codes:
            row.reference("indicators", code, indicators, "indicator")
        code = row.required("dataset")
        found[code] = Dataset(
            code, row.required("name_vi"), row.required("name_en"), codes, row.required("source")
        )
    return found


def read_obligations(
    rows: Sequence[Row], datasets: Mapping[str, Dataset], indicators: Mapping[str, Indicator]
) -> tuple[Obligation, ...]:
    """Obligations; the basis must be allowed for every indicator of the dataset, spans must not overlap."""
    found: list[tuple[Row, Obligation]] = []
    for row in rows:
        row.reference("dataset", row.required("dataset"), datasets, "dataset")
        dataset = datasets.get(row.text("dataset"))
        obligation = Obligation(
            dataset=row.text("dataset"),
            indicators=frozenset(dataset.indicators if dataset else ()),
            level=row.word("level", LEVELS),
            calendar=row.word("calendar", CALENDARS),
            frequency=row.word("frequency", FREQUENCIES),
            basis=row.word("basis", STATED_BASES),
            valid_from=row.day("valid_from"),
            valid_to=row.optional_day("valid_to"),
            kind=row.word("kind", AUTHORITIES),
            source=row.required("source"),
        )
        for code in sorted(obligation.indicators & indicators.keys()):
            if not indicators[code].allows(obligation.basis):
                row.problem("basis", f"{code} does not allow {obligation.basis}")
        _check_spans(row, obligation, [other for _, other in found])
        found.append((row, obligation))
    return tuple(obligation for _, obligation in found)


def _check_spans(row: Row, one: Obligation, others: Sequence[Obligation]) -> None:
    if one.valid_to is not None and one.valid_to < one.valid_from:
        row.problem("valid_to", "ends before it begins")
    for other in others:
        same = all(
            getattr(one, name) == getattr(other, name)
            for name in ("dataset", "level", "calendar", "frequency", "basis")
        )
        apart = (other.valid_to is not None and other.valid_to < one.valid_from) or (
            one.valid_to is not None and one.valid_to < other.valid_from
        )
        if same and not apart:
            row.problem("valid_from", "overlaps an obligation of the same dataset, level, calendar and basis")


def _calendar_rule(row: Row) -> CalendarRule:
    province = row.integer("due_day", 1, 28), row.integer("due_month_offset", 0, 12)
    commune = row.integer("commune_due_day", 1, 28), row.integer("commune_due_month_offset", 0, 12)
    return CalendarRule(
        calendar=row.word("calendar", CALENDARS),
        frequency=row.word("frequency", FREQUENCIES),
        name_vi=row.required("name_vi"),
        name_en=row.required("name_en"),
        start_day=row.integer("start_day", 1, 28),
        start_month_offset=row.integer("start_month_offset", -1, 1),
        end_day=None if row.text("end_day") == "last" else row.integer("end_day", 1, 28),
        end_month_offset=row.integer("end_month_offset", -1, 1),
        due=MappingProxyType(
            {"nation": province, "province": province, "commune": commune, "department": commune}
        ),
        close_days_after_due=row.integer("close_days_after_due", 0, 366),
        due_status=row.word("due_status", AUTHORITIES),
        commune_due_status=row.word("commune_due_status", AUTHORITIES),
        start_rule=row.text("start_rule"),
        end_rule=row.text("end_rule"),
        due_rule=row.text("due_rule"),
        source=row.required("source"),
        note=row.text("note"),
    )


def _check_examples(row: Row, rule: CalendarRule) -> None:
    """An example reads `2025-10=2025-09-15..2025-10-14 due 2025-10-25`; several are joined by ` | `."""
    for example in row.required("examples").split(" | "):
        code = example.partition("=")[0]
        period = period_of(code, rule)
        if period is None:
            row.problem("examples", f"{code!r} is no period of this frequency")
            continue
        recomputed = f"{code}={period.start}..{period.end} due {period.due_on('province')}"
        if example != recomputed:
            row.problem("examples", f"{example!r} should be {recomputed!r}")
        if not period.start <= period.end < period.due_on("commune") <= period.due_on("province"):
            row.problem(
                "commune_due_day", f"{code}: communes are due after the end and not after the province"
            )
