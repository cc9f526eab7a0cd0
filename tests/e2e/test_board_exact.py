"""The page's own functions in a real browser: numbers stay exact, text stays text."""

from __future__ import annotations

import functools
import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser import Browser

BOARD = Path(__file__).resolve().parents[2] / "services/indicators/chiso_indicators/board"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def page() -> Iterator[Browser]:
    """An empty page that may import the board's modules."""
    handler = functools.partial(_Quiet, directory=str(BOARD))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Browser() as browser:
        browser.open(f"http://127.0.0.1:{server.server_port}/board.css")
        yield browser
    server.shutdown()
    server.server_close()


def call(page: Browser, module: str, expression: str) -> Any:
    return page.evaluate(f"import('/{module}.js').then((m) => {expression})")


@pytest.mark.parametrize(
    ("text", "vi", "en"),
    [
        ("73.7938", "73,7938", "73.7938"),
        ("73.10", "73,10", "73.10"),
        ("1234567.50", "1.234.567,50", "1,234,567.50"),
        ("12345678901234567.000001", "12.345.678.901.234.567,000001", "12,345,678,901,234,567.000001"),
        ("999", "999", "999"),
        ("1000", "1.000", "1,000"),
        ("0", "0", "0"),
        ("-0.0038", "−0,0038", "−0.0038"),
    ],
)
def test_every_digit_is_shown(page: Browser, text: str, vi: str, en: str) -> None:
    parsed = f"m.parseExact({json.dumps(json.dumps({'value': 0}).replace('0', text))}).value"
    assert call(page, "exact", parsed) == text
    assert call(page, "exact", f"m.formatExact({text!r}, 'vi')") == vi
    assert call(page, "exact", f"m.formatExact({text!r}, 'en')") == en


def test_numbers_inside_text_are_left_alone(page: Browser) -> None:
    body = {"note": 'say "12.50", then \\ 7', "list": [1, 2.5], "none": None, "yes": True, "12": "3"}
    parsed = call(page, "exact", f"m.parseExact({json.dumps(json.dumps(body))})")
    assert parsed == {**body, "list": ["1", "2.5"]}


@pytest.mark.parametrize(
    ("ratio", "percent"),
    [
        ("0.9479", "94.79"),
        ("1", "100"),
        ("1.0000", "100"),
        ("0", "0"),
        ("0.05", "5"),
        ("0.5", "50"),
        ("0.123456", "12.3456"),
    ],
)
def test_a_ratio_becomes_a_percentage_without_arithmetic(page: Browser, ratio: str, percent: str) -> None:
    assert call(page, "exact", f"m.asPercent({ratio!r})") == percent


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        ({"value": "74", "qualifier": "gt"}, "> 74 %"),
        ({"value": "98", "value_high": "99", "qualifier": "range"}, "98–99 %"),
        ({"value": "80", "qualifier": "approx"}, "≈ 80 %"),
        ({"value": "72.63", "qualifier": "eq"}, "72,63 %"),
        ({"value": None, "qualifier": "eq"}, None),
    ],
)
def test_a_qualifier_stands_before_its_number(
    page: Browser, figure: dict[str, Any], text: str | None
) -> None:
    indicator = json.dumps({"kind": "ratio_flow", "factor": "100"})
    assert call(page, "exact", f"m.formatFigure({json.dumps(figure)}, {indicator}, 'vi')") == text


@pytest.mark.parametrize(
    ("chosen", "covered", "expected"),
    [
        ("newest", ["2025-09", "2025-Q4", "2025-12", "2025", "2024-12"], ["2025-12", "2025-09", "2024-12"]),
        ("newest", ["2025-Q3", "2025-Q4"], ["2025-Q4", "2025-Q3"]),
        ("2025-10", ["2025-09", "2025-10", "2025-11", "2025-Q3"], ["2025-10", "2025-09"]),
        ("2025-9M", ["2025-9M", "2024-9M", "2025-09"], ["2025-9M", "2024-9M"]),
    ],
)
def test_the_periods_to_read(page: Browser, chosen: str, covered: list[str], expected: list[str]) -> None:
    assert call(page, "periods", f"m.periodsFor({chosen!r}, {covered!r}, 6)") == expected


def test_markup_in_data_stays_text(page: Browser) -> None:
    evil = "<img src=x onerror=alert(1)><b>bold</b>"
    made = call(page, "dom", f"m.h('td', {{title: {evil!r}}}, {evil!r}).outerHTML")
    assert "<img" not in made.replace(f'title="{evil}"', "")
    assert "&lt;img" in made


def test_both_languages_have_every_word() -> None:
    source = (BOARD / "texts.js").read_text(encoding="utf-8")
    vietnamese, english = (source.split(f"const {name} = {{")[1].split("\n};")[0] for name in ("VI", "EN"))
    words = [set(re.findall(r"(?:^|, |\n)\s*(\w+): \"", text)) for text in (vietnamese, english)]
    assert len(words[0]) > 80
    assert words[0] == words[1]
