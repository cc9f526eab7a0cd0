"""Registers from their tables: systems, sources, published figures, tasks, routes, colour rules. Pure."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Final

from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.periods import FIRST_YEAR, LAST_YEAR
from chiso_shared.catalogue.registers import PublishedFigure, SourceDocument, StatusRule, System, Task
from chiso_shared.catalogue.tables import Row, columns, unique
from chiso_shared.catalogue.units import Units
from chiso_shared.catalogue.versions import entry_version
from chiso_shared.catalogue.words import AUTHORITIES, DIRECTIONS, QUALIFIERS, STATED_BASES

SYSTEM_COLUMNS: Final = columns("id name_vi name_en seeds role indicator_codes coverage evidence")
SOURCE_COLUMNS: Final = columns(
    "source file sha256 units title outlet url meeting_date publication_date dating_note number_locale"
)
FIGURE_COLUMNS: Final = columns(
    "id source unit level_of_statement indicator_code qualifier value value_high unit_of_measure kind"
    " basis as_of window_start window_end publication_date target_value attainment_claimed numerator"
    " denominator population_unit direction quote note as_of_precision cohort_size value_text"
    " definition_confidence part_of"
)
TASK_COLUMNS: Final = columns("id unit text_en text_vi owner due_date count status_if_known source")
ROUTE_COLUMNS: Final = columns("home partition communes")
STATUS_COLUMNS: Final = columns(
    "version in_force_from green_from_percent yellow_from_percent minimum_completeness kind source"
)
REFERENCE_COLUMNS: Final = columns("number reference")

PARTITIONS: Final = 12
_STATEMENT_LEVELS: Final = columns(
    "nation province commune_aggregate province_and_communes national_rank world_rank website"
)


def read_systems(rows: Sequence[Row]) -> Mapping[str, System]:
    """Systems by id; their indicators are checked by `check_systems`, which needs the dictionary."""
    unique(rows, "id")
    found = [
        System(
            id=row.required("id"),
            name_vi=row.required("name_vi"),
            name_en=row.required("name_en"),
            seeds=row.codes("seeds"),
            role=row.required("role"),
            indicator_codes=row.codes("indicator_codes"),
            coverage=row.required("coverage"),
            evidence=row.text("evidence"),
        )
        for row in rows
    ]
    return MappingProxyType({system.id: system for system in found})


def check_systems(
    rows: Sequence[Row], indicators: Mapping[str, Indicator], sources: Mapping[str, SourceDocument]
) -> None:
    """Systems name only indicators and sources that exist."""
    for row in rows:
        for code in row.text("indicator_codes").split(";"):
            row.reference("indicator_codes", code, indicators, "indicator")
        for code in row.text("seeds").split(";"):
            row.reference("seeds", code, sources, "source")


def read_sources(rows: Sequence[Row], units: Units) -> Mapping[str, SourceDocument]:
    """Source documents by code."""
    unique(rows, "source")
    found: dict[str, SourceDocument] = {}
    for row in rows:
        for code in row.codes("units"):
            _check_unit(row, "units", code, units, date.max)
        found[row.text("source")] = SourceDocument(
            code=row.required("source"),
            file=row.required("file"),
            sha256=row.required("sha256"),
            units=row.codes("units"),
            title=row.required("title"),
            outlet=row.required("outlet"),
            url=row.text("url"),
            meeting_date=row.optional_day("meeting_date"),
            publication_date=row.optional_day("publication_date"),
            dating_note=row.text("dating_note"),
            number_locale=row.required("number_locale"),
        )
    return MappingProxyType(found)


def read_figures(
    rows: Sequence[Row],
    indicators: Mapping[str, Indicator],
    sources: Mapping[str, SourceDocument],
    units: Units,
) -> tuple[PublishedFigure, ...]:
    """Published figures in the order of the file."""
    unique(rows, "id")
    ids = {row.text("id") for row in rows}
    return tuple(_figure(row, indicators, sources, units, ids) for row in rows)


def _figure(
    row: Row,
    indicators: Mapping[str, Indicator],
    sources: Mapping[str, SourceDocument],
    units: Units,
    ids: Collection[str],
) -> PublishedFigure:
    as_of = row.optional_day("as_of")
    basis = row.word("basis", (*STATED_BASES, "unknown"))
    cohort = row.optional_number("cohort_size")
    figure = PublishedFigure(
        id=row.required("id"),
        source=row.required("source"),
        unit=row.required("unit"),
        level_of_statement=row.word("level_of_statement", _STATEMENT_LEVELS),
        indicator=row.required("indicator_code"),
        qualifier=row.word("qualifier", QUALIFIERS),
        value=row.optional_number("value"),
        value_high=row.optional_number("value_high"),
        unit_of_measure=row.text("unit_of_measure"),
        kind=row.required("kind"),
        basis=None if basis == "unknown" else basis,
        as_of=as_of,
        window_start=row.optional_day("window_start"),
        window_end=row.optional_day("window_end"),
        publication_date=row.optional_day("publication_date"),
        target_value=row.optional_number("target_value"),
        attainment_claimed=row.optional_number("attainment_claimed"),
        numerator=row.optional_number("numerator"),
        denominator=row.optional_number("denominator"),
        population_unit=row.required("population_unit"),
        direction=row.word("direction", DIRECTIONS),
        quote=row.required("quote"),
        note=row.text("note"),
        as_of_precision=row.word("as_of_precision", ("day", "month", "report", "publication", "unknown")),
        cohort_size=None if cohort is None else int(cohort),
        value_text=row.text("value_text"),
        definition_confidence=row.word("definition_confidence", ("high", "medium", "low")),
        part_of=row.text("part_of") or None,
    )
    row.reference("indicator_code", figure.indicator, indicators, "indicator")
    row.reference("source", figure.source, sources, "source")
    row.reference("part_of", row.text("part_of"), ids, "figure")
    _check_unit(row, "unit", figure.unit, units, as_of or date.max)
    _check_figure(row, figure, indicators.get(figure.indicator))
    return figure


def _check_figure(row: Row, figure: PublishedFigure, indicator: Indicator | None) -> None:
    if (figure.qualifier == "range") != (figure.value_high is not None):
        row.problem("value_high", "a range has a high value, nothing else has")
    if figure.value is not None and figure.value_high is not None and figure.value_high <= figure.value:
        row.problem("value_high", "the range is empty")
    if (figure.numerator is None) != (figure.denominator is None):
        row.problem("numerator", "numerator and denominator come together")
    if figure.as_of is not None and not FIRST_YEAR <= figure.as_of.year <= LAST_YEAR:
        row.problem("as_of", f"{figure.as_of} lies in no period ({FIRST_YEAR} to {LAST_YEAR})")
    if indicator is None:
        return
    if figure.basis is not None and not indicator.allows(figure.basis):
        row.problem("basis", f"{indicator.code} does not allow {figure.basis}")
    if figure.value is not None and not indicator.in_range(figure.value):
        row.problem("value", f"{figure.value} is outside the values of {indicator.code}")


def read_tasks(rows: Sequence[Row], units: Units) -> tuple[Task, ...]:
    """Tasks in the order of the file."""
    unique(rows, "id")
    found: list[Task] = []
    for row in rows:
        count = row.optional_number("count")
        if count is not None and (count < 1 or count != count.to_integral_value()):
            row.problem("count", f"{count} is no number of tasks")
        _check_unit(row, "unit", row.required("unit"), units, date.max)
        found.append(
            Task(
                id=row.required("id"),
                unit=row.text("unit"),
                text_en=row.required("text_en"),
                text_vi=row.required("text_vi"),
                owner=row.required("owner"),
                due_date=row.optional_day("due_date"),
                count=None if count is None else int(count),
                status_if_known=row.text("status_if_known"),
                source=row.required("source"),
            )
        )
    return tuple(found)


def read_routes(rows: Sequence[Row], units: Units) -> Mapping[str, int]:
    """The fixed partition of every home; each current province and the nation has one."""
    unique(rows, "home")
    routes: dict[str, int] = {}
    for row in rows:
        _check_unit(row, "home", row.required("home"), units, date.max)
        routes[row.text("home")] = row.integer("partition", 0, PARTITIONS - 1)
        row.integer("communes", 0, 9999)
    homes = [unit.code for level in ("nation", "province") for unit in units.of_level(level, date.max)]
    for home in homes if rows else ():
        if home not in routes:
            rows[0].report.add(rows[0].file, 0, "home", f"{home} has no route")
    return MappingProxyType(routes)


def read_status_rules(rows: Sequence[Row]) -> tuple[StatusRule, ...]:
    """The versions of the colour rule, oldest first."""
    unique(rows, "version")
    found: list[StatusRule] = []
    for row in rows:
        number = row.integer("version", 1, 9999)
        green, yellow = (
            row.number_between(name, 0) for name in ("green_from_percent", "yellow_from_percent")
        )
        if yellow > green:
            row.problem("yellow_from_percent", "yellow begins above green")
        version = entry_version(number, *(row.text(column) for column in STATUS_COLUMNS[1:5]))
        found.append(
            StatusRule(
                version=version,
                in_force_from=row.optional_day("in_force_from"),
                green_from_percent=green,
                yellow_from_percent=yellow,
                minimum_completeness=row.number_between("minimum_completeness", 0, 1),
                kind=row.word("kind", AUTHORITIES),
                source=row.required("source"),
            )
        )
    return tuple(
        sorted(found, key=lambda rule: (rule.in_force_from or date.min, int(rule.version.split("-")[0])))
    )


def read_references(rows: Sequence[Row]) -> Mapping[int, str]:
    """The numbered public sources that provenance columns cite in brackets."""
    unique(rows, "number")
    return MappingProxyType({row.integer("number", 1, 9999): row.required("reference") for row in rows})


def _check_unit(row: Row, column: str, code: str, units: Units, on: date) -> None:
    if code and units.get(code, on) is None:
        row.problem(column, f"{code!r} is no known unit on {on}")
