"""`chiso rollups` and `chiso cells`: what the numbers are, and what they are made of."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from chiso_cli.environment import service_url
from chiso_cli.exits import ALL_WELL, USAGE, CommandFailed
from chiso_cli.options import AS_A_TABLE, FIRST_ROWS, Amount, IndicatorsURL, Output
from chiso_cli.reading import Query, Reader, path_of, unit_names
from chiso_cli.render import Column, Names, cell_columns, cell_figure, rollup_columns
from chiso_cli.terminal import notes, print_json, print_json_lines, print_table
from chiso_cli.wording import Language, instant


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class KeyFilter:
    """Which rows. Each may be given several times: any of its values matches."""

    unit: Annotated[tuple[str, ...], Parameter(help="NSO code (51, 21289, VN) or H-code.")] = ()
    level: Annotated[tuple[str, ...], Parameter(help="nation, province, commune or department.")] = ()
    indicator: Annotated[tuple[str, ...], Parameter(help="Such as DVC.ONLINE_SUBMIT.")] = ()
    calendar: Annotated[tuple[str, ...], Parameter(help="administrative (15th to 14th) or statistical.")] = ()
    period: Annotated[tuple[str, ...], Parameter(help="2025-10, 2025-Q4, 2025-H2, 2025-9M or 2025.")] = ()
    basis: Annotated[tuple[str, ...], Parameter(help="in_period, ytd, as_of or unstated.")] = ()

    def query(self) -> dict[str, tuple[str, ...]]:
        """The filters that were given, as query parameters."""
        given = {
            "unit": self.unit,
            "level": self.level,
            "indicator": self.indicator,
            "calendar": self.calendar,
            "period": self.period,
            "basis": self.basis,
        }
        return {name: values for name, values in given.items() if values}

    def key_path(self, kind: str) -> str:
        """The path of the one row that the filters name. Raises CommandFailed unless they name just one."""
        parts = (self.unit, self.indicator, self.calendar, self.period, self.basis)
        if any(len(values) != 1 for values in parts):
            raise CommandFailed(
                "--history is about one row: give --unit, --indicator, --calendar, --period and --basis, "
                "each once.",
                USAGE,
            )
        return path_of("v1", kind, *(values[0] for values in parts))


def rollups(
    *,
    which: KeyFilter = KeyFilter(),
    as_of: str | None = None,
    history: bool = False,
    amount: Amount = FIRST_ROWS,
    output: Output = AS_A_TABLE,
    indicators_url: IndicatorsURL = None,
) -> int:
    """Read rollups: each number with its target, completeness and finality.

    Try:

    * `chiso rollups --unit 51 --indicator DVC.ONLINE_SUBMIT`
    * `chiso rollups --level province --period 2025-10 --json | jq .value`

    Parameters
    ----------
    as_of
        An instant such as 2025-10-20T03:10:02Z: what a reader could have seen then.
    history
        Every version of one row, oldest first; needs the five parts of its key.
    """
    base_url = service_url("indicators", indicators_url, os.environ)
    with Reader.of("indicators", base_url) as indicators:
        if history:
            items = indicators.get(which.key_path("rollups"), {"history": "true"})["items"]
            return _show(items, None, base_url, output, rollup_columns)
        query: dict[str, str | tuple[str, ...]] = {**which.query()}
        if as_of is not None:
            query["as_of"] = as_of
        return _list(indicators, "/v1/rollups", query, amount, base_url, output, rollup_columns)


def cells(
    *,
    which: KeyFilter = KeyFilter(),
    history: bool = False,
    amount: Amount = FIRST_ROWS,
    output: Output = AS_A_TABLE,
    indicators_url: IndicatorsURL = None,
) -> int:
    """Read cells: what each reporting unit says about itself.

    Try:

    * `chiso cells --unit 21289 --period 2025-10`
    * `chiso cells --history --unit 51 --indicator DVC.ON_TIME --calendar statistical --period 2025-10
      --basis unstated`

    Parameters
    ----------
    history
        All revisions of one cell with authors and reasons; needs the five parts of its key.
    """
    base_url = service_url("indicators", indicators_url, os.environ)
    with Reader.of("indicators", base_url) as indicators:
        if history:
            cell = indicators.get(which.key_path("cells"))
            if output.json:
                print_json(cell)
            else:
                print_table(_revision_columns(output.lang), cell.get("revisions") or (), output.lang)
            return ALL_WELL
        return _list(indicators, "/v1/cells", which.query(), amount, base_url, output, cell_columns)


def _list(
    indicators: Reader,
    path: str,
    query: Query,
    amount: Amount,
    base_url: str,
    output: Output,
    columns: Callable[[Names, Language], list[Column]],
) -> int:
    found = indicators.items(path, query, amount.most)
    if output.json:
        print_json_lines(found)
        return ALL_WELL
    return _show(list(found), amount.most, base_url, output, columns)


def _show(
    items: list[Any],
    most: int | None,
    base_url: str,
    output: Output,
    columns: Callable[[Names, Language], list[Column]],
) -> int:
    if output.json:
        print_json_lines(items)
        return ALL_WELL
    if not items:
        notes().print("Nothing matches.")
        return ALL_WELL
    names = unit_names(base_url, output.lang, (str(item.get("unit")) for item in items))
    print_table(columns(names, output.lang), items, output.lang)
    if most is not None and len(items) == most:
        notes().print(f"{most} rows shown; there may be more: --limit or --all.", style="dim")
    return ALL_WELL


def _revision_columns(language: Language) -> list[Column]:
    def plain(name: str) -> Callable[[Any], str]:
        return lambda item: "" if item.get(name) is None else str(item[name])

    return [
        Column("accepted", lambda item: instant(item.get("accepted_at"))),
        Column("revision", plain("revision"), right=True),
        Column("figure", lambda item: cell_figure(item, language), right=True),
        Column("as_of", plain("as_of")),
        Column("agency", plain("agency")),
        Column("outcome", plain("outcome")),
        Column("submission", plain("submission_id")),
        Column("reason", plain("reason")),
    ]
