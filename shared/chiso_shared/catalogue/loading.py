"""From a folder of seed files to the catalogue, or to every problem at once.

`load_catalogue` and `read_files` read the files and do nothing else; `parse_catalogue` is pure.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from chiso_shared.catalogue import read_indicators, read_periods, read_registers, read_units
from chiso_shared.catalogue.authorities import AUTHORITY_COLUMNS, read_authorities
from chiso_shared.catalogue.catalogue import Catalogue
from chiso_shared.catalogue.problems import Report
from chiso_shared.catalogue.read_rules import read_rules
from chiso_shared.catalogue.tables import Row, parse_table
from chiso_shared.catalogue.versions import content_version

RULES_FILE: Final = "rules.yaml"
TABLES: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "units.csv": read_units.UNIT_COLUMNS,
        "unit_type_history.csv": read_units.TYPE_COLUMNS,
        "provinces.csv": read_units.PROVINCE_COLUMNS,
        "predecessors.csv": read_units.PREDECESSOR_COLUMNS,
        "departments.csv": read_units.DEPARTMENT_COLUMNS,
        "calendars.csv": read_periods.CALENDAR_COLUMNS,
        "datasets.csv": read_periods.DATASET_COLUMNS,
        "obligations.csv": read_periods.OBLIGATION_COLUMNS,
        "indicators.csv": read_indicators.INDICATOR_COLUMNS,
        "targets.csv": read_indicators.TARGET_COLUMNS,
        "systems.csv": read_registers.SYSTEM_COLUMNS,
        "sources.csv": read_registers.SOURCE_COLUMNS,
        "published_figures.csv": read_registers.FIGURE_COLUMNS,
        "tasks.csv": read_registers.TASK_COLUMNS,
        "routes.csv": read_registers.ROUTE_COLUMNS,
        "status_rules.csv": read_registers.STATUS_COLUMNS,
        "references.csv": read_registers.REFERENCE_COLUMNS,
        "authoritative_sources.csv": AUTHORITY_COLUMNS,
    }
)
MAY_BE_EMPTY: Final = frozenset({"authoritative_sources.csv"})
FILES: Final = (*TABLES, RULES_FILE)


def load_catalogue(folder: Path) -> Catalogue:
    """The catalogue of a folder. Raises `CatalogueError` with every problem (file, row, column)."""
    report = Report()
    return _parse(_read(folder, report), report)


def read_files(folder: Path) -> dict[str, bytes]:
    """What the files of a folder hold, by name. Raises `CatalogueError` where one cannot be read."""
    report = Report()
    files = _read(folder, report)
    report.raise_if_any()
    return files


def parse_catalogue(files: Mapping[str, bytes]) -> Catalogue:
    """The catalogue of these file contents, by name. Raises `CatalogueError`; reads nothing."""
    return _parse(files, Report())


def _read(folder: Path, report: Report) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for name in FILES:
        try:
            files[name] = (folder / name).read_bytes()
        except OSError as error:
            report.add(name, 0, "", f"cannot be read from {folder}: {error.strerror}")
    return files


def _parse(files: Mapping[str, bytes], report: Report) -> Catalogue:
    unreadable = report.files()
    for name in FILES:
        if name not in files and name not in unreadable:
            report.add(name, 0, "", "file is missing")
    known = {name: files[name] for name in FILES if name in files}
    rows = {
        name: parse_table(name, known[name], columns, report) if name in known else ()
        for name, columns in TABLES.items()
    }
    for name, table in rows.items():
        if not table and name not in report.files() and name not in MAY_BE_EMPTY:
            report.add(name, 0, "", "has no rows")
    catalogue = _build(rows, known, report)
    report.raise_if_any()
    return catalogue


def _build(rows: Mapping[str, Sequence[Row]], files: Mapping[str, bytes], report: Report) -> Catalogue:
    units = read_units.read_units(
        read_units.UnitTables(
            units=rows["units.csv"],
            types=rows["unit_type_history.csv"],
            provinces=rows["provinces.csv"],
            predecessors=rows["predecessors.csv"],
            departments=rows["departments.csv"],
        )
    )
    systems = read_registers.read_systems(rows["systems.csv"])
    indicators = read_indicators.read_indicators(rows["indicators.csv"], systems)
    datasets = read_periods.read_datasets(rows["datasets.csv"], indicators)
    sources = read_registers.read_sources(rows["sources.csv"], units)
    read_registers.check_systems(rows["systems.csv"], indicators, sources)
    return Catalogue(
        version=content_version(files),
        units=units,
        predecessors=read_units.read_predecessors(rows["predecessors.csv"], units),
        indicators=indicators,
        calendars=read_periods.read_calendars(rows["calendars.csv"]),
        datasets=MappingProxyType(datasets),
        obligations=read_periods.read_obligations(rows["obligations.csv"], datasets, indicators),
        targets=read_indicators.read_targets(rows["targets.csv"], indicators, units),
        rules=read_rules(RULES_FILE, files.get(RULES_FILE, b"[]"), indicators, datasets, report),
        tasks=read_registers.read_tasks(rows["tasks.csv"], units),
        systems=systems,
        sources=sources,
        published=read_registers.read_figures(rows["published_figures.csv"], indicators, sources, units),
        routes=read_registers.read_routes(rows["routes.csv"], units),
        status_rules=read_registers.read_status_rules(rows["status_rules.csv"]),
        references=read_registers.read_references(rows["references.csv"]),
        authorities=read_authorities(rows["authoritative_sources.csv"], units, tuple(indicators)),
        files=MappingProxyType(dict(files)),
    )
