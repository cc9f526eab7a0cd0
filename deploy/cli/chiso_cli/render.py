"""Tables for people out of the objects that the services answer with. Pure: builds, never prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from chiso_cli.wording import Language, figure, instant, limit, number, percent, word

Item = Mapping[str, Any]
Names = Mapping[str, str]

_STYLES: Final[Mapping[str, str]] = {
    "green": "green",
    "yellow": "yellow",
    "red": "red",
    "grey": "dim",
    "FIRING": "bold red",
    "PENDING": "yellow",
    "RECOVERING": "yellow",
    "RESOLVED": "green",
    "critical": "bold red",
    "warning": "yellow",
    "applied": "green",
    "accepted": "green",
    "valid": "green",
    "refused": "red",
    "rejected": "red",
    "quarantined": "red",
    "undelivered": "bold red",
    "not_sent": "yellow",
}
SHORT_ID: Final = 8
_BETWEEN: Final = 3
_NEVER_FOLDED: Final = 12


@dataclass(frozen=True, slots=True)
class Column:
    """A heading (an English word of `wording`), and the text of its cell for one item.

    Where a table is too wide, columns with the greatest `spare` are left out first, those with 0 never.
    """

    heading: str
    text: Callable[[Item], str]
    right: bool = False
    spare: int = 0


def table(
    columns: Sequence[Column], items: Iterable[Item], language: Language, width: int | None = None
) -> Table:
    """A table without lines but the one below its head; words with a meaning are coloured.

    A column without any text is left out; so are spare ones until the rest fits into `width` cells.
    """
    rows = [[column.text(item) for column in columns] for item in items]
    widths = _fitting(columns, rows, language, width)
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for index in widths:
        grid.add_column(
            word(columns[index].heading, language),
            justify="right" if columns[index].right else "left",
            overflow="fold",
            no_wrap=columns[index].right or widths[index] <= _NEVER_FOLDED,
        )
    for row in rows:
        texts = (row[index] for index in widths)
        grid.add_row(*(Text(word(text, language), style=_STYLES.get(text, "")) for text in texts))
    return grid


def _fitting(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], language: Language, width: int | None
) -> Mapping[int, int]:
    """The columns that are shown, by their place, with the width that they would like."""
    widths = {
        index: max(cell_len(text) for text in (word(column.heading, language), *(row[index] for row in rows)))
        for index, column in enumerate(columns)
        if any(row[index] for row in rows)
    }
    while width is not None and sum(widths.values()) + _BETWEEN * (len(widths) - 1) > width:
        most_spare = max(widths, key=lambda index: columns[index].spare)
        if columns[most_spare].spare == 0:
            break
        del widths[most_spare]
    return widths


def _period(item: Item, language: Language) -> str:
    return f"{item.get('period')} {word(str(item.get('calendar'))[:3], language)}"


def _plain(name: str) -> Callable[[Item], str]:
    return lambda item: "" if item.get(name) is None else str(item[name])


def key_columns(names: Names, language: Language) -> list[Column]:
    """The columns that say which cell, rollup or alert a row is about."""
    return [
        Column("unit", _plain("unit")),
        Column("name", lambda item: names.get(str(item.get("unit")), ""), spare=3),
        Column("indicator", _plain("indicator")),
        Column("period", lambda item: _period(item, language)),
        Column("basis", _plain("basis"), spare=1),
    ]


def rollup_columns(names: Names, language: Language) -> list[Column]:
    """A rollup: its number with target, completeness and finality."""
    return [
        *key_columns(names, language),
        Column("value", lambda item: rollup_figure(item, language), right=True),
        Column("target", lambda item: limit(item.get("target"), language), right=True),
        Column("colour", _plain("status_colour")),
        Column(
            "reported", lambda item: f"{item.get('n_reported', 0)}/{item.get('n_expected', 0)}", right=True
        ),
        Column("complete", lambda item: percent(item.get("completeness"), language), right=True, spare=2),
        Column("phase", _plain("phase")),
        Column("version", _plain("version"), right=True, spare=4),
        Column("updated", lambda item: instant(item.get("updated_at")), spare=5),
    ]


def rollup_figure(item: Item, language: Language) -> str:
    """The value; one that the unit only reports itself is read with its qualifier."""
    if item.get("value_source") == "reported":
        return figure(item.get("reported"), language)
    return number(item.get("value"), language)


def cell_columns(names: Names, language: Language) -> list[Column]:
    """A cell: the revision that counts."""

    def winner(name: str) -> Callable[[Item], str]:
        return lambda item: _plain(name)(item.get("winner") or {})

    return [
        *key_columns(names, language),
        Column("figure", lambda item: cell_figure(item.get("winner"), language), right=True),
        Column("agency", winner("agency")),
        Column("revision", winner("revision"), right=True),
        Column("outcome", winner("outcome")),
        Column("accepted", lambda item: instant((item.get("winner") or {}).get("accepted_at")), spare=4),
        Column("reason", winner("reason")),
    ]


def cell_figure(revision: Item | None, language: Language) -> str:
    """What one revision says: its numbers, or that it is withdrawn or not applicable."""
    if revision is None:
        return ""
    if revision.get("op") == "withdraw":
        return "withdrawn"
    if revision.get("status") == "NA":
        return "NA"
    text = figure(revision, language)
    return f"{text} ({revision['status']})" if revision.get("status") in ("P", "E") else text


def alert_columns(names: Names, language: Language) -> list[Column]:
    """An alert's present state."""
    return [
        Column("state", _plain("state")),
        Column("severity", _plain("severity"), spare=1),
        *key_columns(names, language),
        Column("value", lambda item: figure(item.get("reading"), language), right=True),
        Column("target", lambda item: limit(item.get("target"), language), right=True),
        Column("what", lambda item: _what(item, language), spare=2),
        Column("rule", lambda item: str((item.get("rule") or {}).get("id", "")), spare=4),
        Column("updated", lambda item: instant(item.get("updated_at")), spare=5),
        Column("id", lambda item: str(item.get("alert_id"))[:SHORT_ID]),
    ]


def _what(item: Item, language: Language) -> str:
    transition, reason = item.get("transition"), item.get("reason")
    said = word(str(transition or ""), language)
    return f"{said} ({reason})" if reason else said


def event_columns(language: Language) -> list[Column]:
    """The events of one alert."""
    message = "message_vi" if language == "vi" else "message"
    return [
        Column("#", _plain("sequence"), right=True),
        Column("since", lambda item: instant(item.get("at"))),
        Column("event", lambda item: _what(item, language)),
        Column("severity", _plain("severity")),
        Column("value", lambda item: figure(item.get("after"), language), right=True),
        Column("message", _plain(message)),
    ]


def evidence_columns(names: Names, language: Language) -> list[Column]:
    """The cells that moved an alert."""
    return [
        Column("unit", _plain("unit")),
        Column("name", lambda item: names.get(str(item.get("unit")), ""), spare=3),
        Column("agency", _plain("agency")),
        Column("submission", _plain("submission_id")),
        Column("revision", _plain("revision"), right=True),
        Column("Δ n", lambda item: number(item.get("delta_numerator"), language), right=True),
        Column("Δ d", lambda item: number(item.get("delta_denominator"), language), right=True),
        Column("value", lambda item: number(item.get("value"), language), right=True),
        Column("accepted", lambda item: instant(item.get("accepted_at")), spare=4),
        Column("reason", _plain("reason")),
    ]


def outcome_columns(names: Names) -> list[Column]:
    """The observations of one submission and what became of them."""
    return [
        Column("unit", _plain("unit")),
        Column("name", lambda item: names.get(str(item.get("unit")), ""), spare=2),
        Column("indicator", _plain("indicator")),
        Column("outcome", _plain("outcome")),
        Column("reason", _plain("reason")),
        Column("rollups", _rollup_versions),
    ]


def _rollup_versions(item: Item) -> str:
    rollups = item.get("rollups")
    if rollups is None:
        return "…"
    return ", ".join(
        f"{rollup.get('unit')} {rollup.get('period')} v{rollup.get('version')}" for rollup in rollups
    )
