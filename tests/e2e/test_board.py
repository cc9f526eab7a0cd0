"""The board in a real browser on the running system: figures, languages, alerts, drill-down, keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.browser import Browser
from tests.harness import System, eventually

EVIL = "<img src=x onerror='window.hacked=true'> wrong file"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


@pytest.fixture
def board(browser: Browser, system: System) -> Browser:
    """The page as somebody sees it who opens it, in Vietnamese, on the calendar of the published figures."""
    browser.problems.clear()
    browser.open(f"{system.board}?lang=vi&calendar=statistical")
    browser.wait("document.querySelectorAll('button.cell').length")
    return browser


def cell(page: Browser, key: str) -> dict[str, Any]:
    """What the first cell whose key begins so says."""
    answer = page.wait(
        f"""(() => {{ const button = document.querySelector('button.cell[data-key^="{key}"]');
        return button && {{text: button.innerText, label: button.ariaLabel, key: button.dataset.key,
            colour: button.parentElement.dataset.colour}} }})()"""
    )
    assert isinstance(answer, dict)
    return answer


def text(page: Browser, selector: str) -> str:
    return str(page.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))


def open_cell(page: Browser, key: str) -> None:
    page.evaluate(f"""document.querySelector('button.cell[data-key^="{key}"]').click()""")
    page.wait(
        "document.querySelector('#detail').open && document.querySelectorAll('#detail dl.facts').length"
    )


def test_the_34_provinces_and_the_nation_stand_in_the_table(board: Browser) -> None:
    rows = board.evaluate("[...document.querySelectorAll('#grid tbody tr')].map(row => row.dataset.level)")
    assert rows.count("province") == 34
    assert rows.count("nation") == 1
    assert board.problems == []


def test_a_published_figure_is_shown_with_all_that_belongs_to_it(board: Browser) -> None:
    shown = cell(board, "44|DVC.ONLINE_SUBMIT|statistical|2025-10|")
    assert "72,63 %" in shown["text"]
    assert "2025-10" in shown["text"]
    assert "không có nghĩa vụ báo cáo" in shown["text"], "completeness stands beside the number"
    assert any(word in shown["text"] for word in ("tạm thời", "chính thức", "đã điều chỉnh")), "finality too"
    assert shown["colour"] in {"green", "yellow", "red", "grey"}
    assert shown["label"].startswith("Quảng Trị, ")


def test_a_qualifier_is_part_of_the_figure(board: Browser) -> None:
    assert "> 74 %" in cell(board, "51|DVC.ONLINE_SUBMIT|statistical|2025-12|")["text"]


def test_the_other_language(board: Browser) -> None:
    assert board.evaluate("document.documentElement.lang") == "vi"
    board.evaluate("document.querySelector('[data-lang=en]').click()")
    board.wait("document.documentElement.lang === 'en' && document.title === 'Resolution 57 indicators'")
    board.wait("""document.querySelector('#grid [data-unit="44"] th').innerText.includes('Quang Tri')""")
    assert "72.63 %" in cell(board, "44|DVC.ONLINE_SUBMIT|statistical|2025-10|")["text"]
    assert "lang=en" in str(board.evaluate("location.search"))


def test_firing_alerts_stand_beside_and_lead_to_their_figure(board: Browser) -> None:
    board.wait("document.querySelectorAll('#alerts li').length")
    found = board.evaluate(
        "[...document.querySelectorAll('#alerts li button')].map((button) => button.innerText)"
    )
    matching = [line for line in found if "Quảng Trị" in line and "72,63 %" in line and "≥ 80 %" in line]
    assert matching, found
    board.evaluate(
        """[...document.querySelectorAll('#alerts li button')]
        .find((button) => button.innerText.includes('72,63')).click()"""
    )
    board.wait("document.querySelectorAll('#detail dl.facts').length")
    assert "Quảng Trị" in text(board, "#detail-title")
    assert "≥ 80 %" in text(board, "#detail [data-fact=target]")


def test_the_drill_down_names_revision_agency_submission_and_reason(board: Browser, system: System) -> None:
    open_cell(board, "44|DVC.ONLINE_SUBMIT|statistical|2025-10|")
    key = str(board.evaluate("document.querySelector('#detail').dataset.key"))
    with system.http("indicators") as client:
        found = client.get(f"/v1/cells/{key.replace('|', '/')}").json()
    body = text(board, "#detail .body")
    for revision in found["revisions"]:
        assert str(revision["submission_id"]) in body
        assert revision["agency"] in body
    assert "được tính" in body
    assert board.problems == []


def commune_report(identifier: str, revision: int) -> dict[str, Any]:
    observation = {
        "unit": "21319",
        "indicator": "DVC.ON_TIME",
        "numerator": 1234567.5,
        "denominator": 2000000,
    }
    return {
        "submission_id": identifier,
        "calendar": "administrative",
        "period": "2025-09",
        "basis": "in_period",
        "revision": revision,
        "reason": EVIL if revision else None,
        "observations": [observation],
    }


async def test_what_agencies_write_stays_text_and_a_correction_shows_both(
    board: Browser, system: System
) -> None:
    identifiers = [str(uuid4()), str(uuid4())]
    for number, identifier in enumerate(identifiers):
        assert system.submit(commune_report(identifier, number)).status_code == 202
    with system.http("indicators") as client:
        path = "/v1/submissions/DEMO/"
        await eventually(lambda: all(client.get(path + one).status_code == 200 for one in identifiers))
    board.open(f"{system.board}?lang=vi&calendar=administrative&period=2025-09&basis=in_period")
    key = "51|DVC.ON_TIME|administrative|2025-09|in_period"
    assert "/96 đơn vị" in cell(board, key)["text"], "completeness with its counts"
    open_cell(board, key)
    board.wait("document.querySelector('#detail .body').innerText.includes('21319')")
    board.evaluate(
        """[...document.querySelectorAll('#detail tbody tr')]
        .find((row) => row.cells[0].innerText === '21319').querySelector('button').click()"""
    )
    board.wait("document.querySelector('#detail .body').innerText.includes('wrong file')")
    body = text(board, "#detail .body")
    assert EVIL in body
    assert all(identifier in body for identifier in identifiers)
    assert "1.234.567,5 / 2.000.000" in body
    assert board.evaluate("window.hacked") is None
    assert board.evaluate("document.querySelectorAll('#detail img').length") == 0


def test_it_is_walked_by_keyboard_alone(board: Browser) -> None:
    board.evaluate("document.querySelector('button.cell[tabindex=\"0\"]').focus()")
    start = board.evaluate("document.activeElement.dataset.key")
    for key in ("ArrowRight", "ArrowDown"):
        board.press(key)
        if board.evaluate("document.activeElement.dataset.key") != start:
            break
    assert board.evaluate("document.activeElement.className") == "cell"
    moved = board.evaluate("document.activeElement.dataset.key")
    assert moved != start
    board.press("Enter")
    board.wait("document.querySelector('#detail').open")
    assert board.evaluate("document.querySelector('#detail').dataset.key") == moved
    board.press("Escape")
    board.wait("!document.querySelector('#detail').open")
    assert board.evaluate("document.activeElement.dataset.key") == moved, "the focus comes back"
    assert board.evaluate("document.querySelectorAll('button.cell[tabindex=\"0\"]').length") == 1


def test_it_loads_nothing_from_elsewhere(board: Browser, system: System) -> None:
    hosts = board.evaluate(
        "[...new Set(performance.getEntriesByType('resource').map((entry) => new URL(entry.name).origin))]"
    )
    assert set(hosts) <= {system.indicators.rstrip("/"), system.alerts.rstrip("/")}


def test_only_the_files_of_the_page_are_served(system: System) -> None:
    with system.http("indicators") as client:
        page = client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert client.get("/", headers={"if-none-match": page.headers["etag"]}).status_code == 304
        assert client.get("/board/board.js").headers["content-type"].startswith("text/javascript")
        for name in ("routes.py", "queries.sql", "__init__.py", "nothing.js"):
            assert client.get(f"/board/{name}").status_code == 404
