"""What people see: numbers with their qualifiers, tables, words in two languages, sequences, settings."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from chiso_cli import environment
from chiso_cli.documents import Outgoing
from chiso_cli.exits import USAGE, CommandFailed
from chiso_cli.problems import problem_rows, problem_table
from chiso_cli.render import alert_columns, cell_columns, rollup_columns, table
from chiso_cli.sequences import Sequences
from chiso_cli.wording import Language, figure, instant, limit, number, percent
from rich.console import Console
from rich.table import Table

ROLLUP: dict[str, Any] = {
    "unit": "51",
    "indicator": "DVC.ONLINE_SUBMIT",
    "calendar": "administrative",
    "period": "2025-10",
    "basis": "in_period",
    "value": Decimal("73.7938"),
    "value_source": "computed",
    "target": {"comparator": "ge", "value": 80},
    "status_colour": "yellow",
    "n_reported": 91,
    "n_expected": 96,
    "completeness": Decimal("0.9479"),
    "phase": "collecting",
    "version": 118,
    "updated_at": "2025-10-20T03:10:02.123456Z",
}


def text_of(shown: Table) -> str:
    console = Console(file=io.StringIO(), width=300)
    console.print(shown)
    written: str = console.file.getvalue()  # type: ignore[attr-defined]
    return written


@pytest.mark.parametrize(
    ("reading", "shown"),
    [
        ({"value": Decimal("72.63")}, "72.63"),
        ({"value": Decimal(74), "qualifier": "gt"}, "> 74"),
        ({"value": Decimal(98), "qualifier": "lt"}, "< 98"),
        ({"value": Decimal(98), "value_high": Decimal(99), "qualifier": "range"}, "98–99"),
        ({"value": Decimal(80), "qualifier": "approx"}, "≈ 80"),
        ({"numerator": 812, "denominator": 1004}, "812 / 1004"),
        ({"value": None, "numerator": None}, ""),
        (None, ""),
    ],
)
def test_a_figure_is_never_shown_without_its_qualifier(reading: dict[str, Any] | None, shown: str) -> None:
    assert figure(reading) == shown


def test_numbers_keep_their_digits_and_take_the_languages_sign() -> None:
    assert number(Decimal("1234567890.123456")) == "1234567890.123456"
    assert number(Decimal("1E+3")) == "1000"
    assert number(Decimal("69.13"), "vi") == "69,13"
    assert percent(Decimal("0.9479")) == "94.8 %"
    assert limit({"comparator": "le", "value": Decimal("2.5")}, "vi") == "≤ 2,5"
    assert instant("2025-10-20T17:10:02.123456Z") == "2025-10-21 00:10:02"


def test_a_rollup_is_shown_with_target_completeness_and_finality() -> None:
    shown = text_of(table(rollup_columns({"51": "Quảng Ngãi"}, "en"), [ROLLUP], "en"))
    for part in ("Quảng Ngãi", "2025-10 adm", "73.7938", "≥ 80", "91/96", "94.8 %", "collecting", "118"):
        assert part in shown
    shown = text_of(table(rollup_columns({}, "vi"), [ROLLUP], "vi"))
    for part in ("đơn vị", "73,7938", "94,8 %", "đang thu", "vàng", "2025-10 HC"):
        assert part in shown


def test_a_figure_that_is_only_reported_is_read_with_its_qualifier() -> None:
    reported = ROLLUP | {
        "value": Decimal(74),
        "value_source": "reported",
        "reported": {"value": Decimal(74), "qualifier": "gt"},
    }
    assert "> 74" in text_of(table(rollup_columns({}, "en"), [reported], "en"))


def test_a_cell_shows_its_winner() -> None:
    winner = {"value": Decimal(12), "status": "E", "agency": "H48", "outcome": "applied", "revision": 2}
    shown = text_of(table(cell_columns({}, "en"), [ROLLUP | {"winner": winner}], "en"))
    assert "12 (E)" in shown and "H48" in shown
    withdrawn = {"op": "withdraw", "revision": 3}
    assert "withdrawn" in text_of(table(cell_columns({}, "en"), [ROLLUP | {"winner": withdrawn}], "en"))


def test_an_alert_shows_what_happened_last() -> None:
    alert = ROLLUP | {
        "state": "RESOLVED",
        "severity": "warning",
        "reading": {"value": Decimal("81.27")},
        "transition": "retracted",
        "reason": "restated",
        "rule": {"id": "online_share_below_target"},
        "alert_id": "3f2a91c0-0000-5000-8000-000000000000",
    }
    shown = text_of(table(alert_columns({}, "vi"), [alert], "vi"))
    for part in ("RESOLVED", "cảnh báo", "81,27", "rút lại (restated)", "3f2a91c0"):
        assert part in shown


@pytest.mark.parametrize(("language", "words"), [("en", "no unit"), ("vi", "không có")])
def test_problems_say_where_what_and_what_would_be_right(language: Language, words: str) -> None:
    error = {
        "pointer": "/observations/3/unit",
        "code": "unknown_unit",
        "message": "no unit has this code",
        "message_vi": "không có đơn vị nào mang mã này",
        "value": "99999",
        "hint": "did you mean 21289?",
        "line": 5,
    }
    of_csv = Outgoing("a.csv", None, "csv", "id", False, b"", {})
    shown = text_of(problem_table(problem_rows(of_csv, {"errors": [error]}, language), language))
    for part in ("a.csv:5", "/observations/3/unit", "unknown_unit", words, "[99999]", "did you mean 21289?"):
        assert part in shown
    of_line = Outgoing("a.ndjson", 7, "ndjson", "id", False, b"", {})
    assert [row["place"] for row in problem_rows(of_line, {"errors": [error]}, language)] == ["a.ndjson:7"]


def test_a_problem_without_errors_is_still_a_row() -> None:
    of_json = Outgoing("a.json", None, "json", "id", False, b"", {})
    (row,) = problem_rows(of_json, {"status": 413, "title": "The body is too large"}, "en")
    assert (row["code"], row["message"]) == ("413", "The body is too large")


def test_gaps_and_repetitions_of_a_sequence_are_told_apart() -> None:
    sequences = Sequences(from_beginning=False)
    arrivals = [sequences.arrive("a", sequence) for sequence in (4, 5, 5, 4, 8, 9)]
    assert [arrival.kind for arrival in arrivals] == ["new", "new", "again", "again", "gap", "new"]
    assert arrivals[4].expected == 6
    assert sequences.arrive("b", 1).kind == "new"
    assert Sequences(from_beginning=True).arrive("a", 3).kind == "gap"
    assert Sequences(from_beginning=True).arrive("a", 1).kind == "new"


def test_addresses_come_from_option_url_or_port() -> None:
    assert environment.service_url("ingest", None, {}) == "http://127.0.0.1:8101"
    assert environment.service_url("alerts", None, {"CHISO_ALERTS_PORT": "9"}) == "http://127.0.0.1:9"
    assert environment.service_url("ingest", None, {"CHISO_INGEST_URL": "https://x/"}) == "https://x"
    assert environment.service_url("ingest", "http://y:1/", {"CHISO_INGEST_URL": "https://x"}) == "http://y:1"
    assert environment.bootstrap_servers(None, {"CHISO_KAFKA_PORT": "7"}) == "127.0.0.1:7"
    with pytest.raises(CommandFailed, match="no address"):
        environment.service_url("ingest", "localhost:8101", {})


def test_a_key_that_was_given_beats_one_that_lies_about(tmp_path: Path) -> None:
    (tmp_path / "demo.key").write_text("demo\n")
    (tmp_path / "other.key").write_text("other\n")
    home = {"CHISO_HOME": str(tmp_path)}
    assert environment.read_key(None, home) == "demo"
    assert environment.read_key(None, home | {"CHISO_KEY": "given"}) == "given"
    assert environment.read_key(tmp_path / "other.key", home | {"CHISO_KEY": "given"}) == "other"
    for broken in ("", "two\nlines\n"):
        (tmp_path / "demo.key").write_text(broken)
        with pytest.raises(CommandFailed, match="one line"):
            environment.read_key(None, home)
    with pytest.raises(CommandFailed, match="No key") as failed:
        environment.read_key(None, {"CHISO_HOME": str(tmp_path / "nowhere")})
    assert failed.value.code == USAGE


@pytest.mark.parametrize("width", [400, 140, 110, 80, 40])
def test_a_narrow_terminal_leaves_out_what_can_be_spared(width: int) -> None:
    columns = rollup_columns({"51": "Quảng Ngãi"}, "en")
    shown = table(columns, [ROLLUP, ROLLUP | {"value": None}], "en", width)
    headings = [str(column.header) for column in shown.columns]
    assert {"unit", "indicator", "period", "value", "target", "colour", "reported"} <= set(headings)
    order = ["updated", "version", "name", "complete", "basis"]
    spared = [heading for heading in order if heading not in headings]
    assert spared == order[: len(spared)]
    assert (width < 400) == bool(spared)


def test_a_column_without_any_text_is_left_out() -> None:
    shown = table(cell_columns({}, "en"), [ROLLUP | {"winner": {"value": 1}}], "en")
    assert "reason" not in [str(column.header) for column in shown.columns]
