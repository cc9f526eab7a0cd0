"""What answers promise whatever the question: columns, ETags, refusals, one truth; no rows out of nothing."""

from __future__ import annotations

import csv
import io
import random
from datetime import UTC, datetime
from typing import Any

from tests.harness import eventually
from tests.integration.indicators_chain import Chain, document, log_writer, observation, running

CSV = {"Accept": "text/csv"}
KEY = "DVC.ONLINE_SUBMIT/administrative/2026-09/in_period"
EMPTY = "indicator=DVC.RECEIVED&period=2031-01"
LISTS = (
    "/v1/rollups?period=2026-09",
    "/v1/cells?period=2026-09",
    "/v1/changes?limit=3",
    "/v1/submissions?agency=DEMO",
    "/v1/missing?period=2026-09&calendar=administrative&limit=20",
    "/v1/units?limit=50",
    "/v1/indicators",
    "/v1/targets",
    "/v1/periods?calendar=statistical",
    "/v1/calendars",
    "/v1/published",
    f"/v1/rollups/51/{KEY}?history=true",
)
NOTHING_THERE = {
    f"/v1/rollups?{EMPTY}": "/v1/rollups?period=2026-09",
    f"/v1/cells?{EMPTY}": "/v1/cells?period=2026-09",
    "/v1/changes?after=999999.0": "/v1/changes?limit=3",
    "/v1/submissions?agency=NOBODY": "/v1/submissions?agency=DEMO",
    "/v1/units?code=99999": "/v1/units?limit=50",
}
REFUSED = {
    "/v1/cells?as_of=2026-01-01": [("/as_of", "unknown_field")],
    "/v1/rollups?periode=2026-09&units=51": [("/periode", "unknown_field"), ("/units", "unknown_field")],
    "/v1/units?name=x": [("/name", "unknown_field")],
    "/v1/calendars?x=1": [("/x", "unknown_field")],
    "/v1/audit?deep=true": [("/deep", "unknown_field")],
    f"/v1/rollups/51/{KEY}?version=1": [("/version", "unknown_field")],
    "/v1/rollups?period=2025-13&period=2025-10": [("/period", "unknown_period")],
    "/v1/missing?period=2025-13": [("/period", "unknown_period")],
    "/v1/cells?unit=51%00&indicator=NOPE": [("/unit", "unknown_unit"), ("/indicator", "unknown_indicator")],
    "/v1/targets?unit=99999": [("/unit", "unknown_unit")],
    "/v1/ranks?indicator=NOPE&calendar=statistical&period=2025-13&basis=ytd&parent=x": [
        ("/indicator", "unknown_indicator"),
        ("/period", "unknown_period"),
        ("/parent", "unknown_unit"),
    ],
}


async def _table(chain: Chain, path: str) -> tuple[list[str], list[list[str]]]:
    answer = await chain.client.get(path, headers=CSV)
    assert answer.status_code == 200, f"{path}: {answer.text}"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["vary"] == "Accept"
    header, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    return header, rows


def _names(item: Any, prefix: str = "") -> list[str]:
    """The columns that an object needs."""
    if not isinstance(item, dict):
        return [prefix]
    return [found for name, value in item.items() for found in _names(value, f"{prefix}.{name}".strip("."))]


async def _check_columns(chain: Chain) -> None:
    headers: dict[str, list[str]] = {}
    for path in LISTS:
        headers[path], rows = await _table(chain, path)
        items = (await chain.client.get(path)).json()["items"]
        assert len(rows) == len(items) > 0, path
        needed = {name for item in items for name in _names(item)}
        # An object that is null on this page stands behind its own columns.
        absent = {name for name in needed if not any(one.startswith(f"{name}.") for one in headers[path])}
        assert absent <= set(headers[path]), f"{path}: {absent - set(headers[path])}"
    for path, full in NOTHING_THERE.items():
        assert await _table(chain, path) == (headers[full], []), path
    header, _ = await _table(chain, "/v1/rollups?unit=51")
    assert {"reported.value", "target.value", "derived.reason"} <= set(header)


async def _check_etags(chain: Chain) -> None:
    for name in ("periods", "units", "calendars"):
        as_json = await chain.client.get(f"/v1/{name}")
        as_table = await chain.client.get(f"/v1/{name}", headers=CSV)
        assert as_json.headers["etag"] != as_table.headers["etag"], name
        for form, found in (({}, as_json), (CSV, as_table)):
            assert found.headers["vary"] == "Accept"
            known = {"If-None-Match": found.headers["etag"], **form}
            again = await chain.client.get(f"/v1/{name}", headers=known)
            assert (again.status_code, again.content) == (304, b""), name
            assert again.headers["etag"] == found.headers["etag"] and again.headers["vary"] == "Accept"
        crossed = {"If-None-Match": as_json.headers["etag"], **CSV}
        assert (await chain.client.get(f"/v1/{name}", headers=crossed)).status_code == 200
    years = [await chain.client.get(f"/v1/periods?year={year}") for year in (2025, 2026)]
    assert years[0].headers["etag"] != years[1].headers["etag"]


async def _check_refusals(chain: Chain) -> None:
    for path, offenders in REFUSED.items():
        answer = await chain.client.get(path)
        assert answer.status_code == 422, f"{path}: {answer.status_code}"
        assert answer.headers["content-type"] == "application/problem+json", path
        found = [(item["pointer"], item["code"]) for item in answer.json()["errors"]]
        assert found == offenders, path
        assert all(item["message_vi"] and item["message"] for item in answer.json()["errors"])
    assert (await chain.client.get("/v1/rollups?unit=H50")).status_code == 200
    assert (await chain.client.get("/v1/rollups?period=2025-10&calendar=statistical")).status_code == 200


async def test_lists_keep_their_form(chiso_topics: str, database: str) -> None:
    chance = random.Random("answers")
    figures = [observation("21025", numerator=8, denominator=10), observation("21028", value=97)]
    async with running(chiso_topics, database) as chain, log_writer(chiso_topics) as log:
        await log.submit(document(chance, [*figures, observation("51", numerator=4, denominator=5)]))
        await chain.settled(log.sent)
        await _check_columns(chain)
        await _check_etags(chain)
        await _check_refusals(chain)

        first = await chain.get("/v1/changes", limit=2)
        after = await chain.get("/v1/changes", after=first["next_cursor"])
        assert await chain.get("/v1/changes", cursor=first["next_cursor"]) == after
        assert first["items"][0]["cursor"] not in {item["cursor"] for item in after["items"]}
        assert (await chain.client.get("/v1/changes?after=1.0&cursor=2.0")).status_code == 422

        for path in ("/v1/units", "/livez", f"/v1/rollups/51/{KEY}", "/v1/cells?x=1", "/"):
            read, asked = await chain.client.get(path), await chain.client.head(path)
            assert asked.status_code == read.status_code, path
            assert (asked.headers["content-length"], asked.content) == (str(len(read.content)), b""), path


async def test_late_is_told_once(chiso_topics: str, database: str) -> None:
    """A cell of the past that is being loaded is not late: its winner says so as its revision does."""
    chance = random.Random("late")
    async with running(chiso_topics, database) as chain, log_writer(chiso_topics) as log:
        figure = observation("21025", numerator=8, denominator=10)
        await log.submit(document(chance, [figure], period="2025-10"))
        await log.submit(document(chance, [figure], period="2026-09"), accepted_at=datetime.now(UTC))
        await chain.settled(log.sent)
        for period in ("2025-10", "2026-09"):
            path = f"/v1/cells/21025/DVC.ONLINE_SUBMIT/administrative/{period}/in_period"
            cell = await chain.get(path)
            assert cell["winner"]["late"] == cell["revisions"][0]["late"], period
            [listed] = (await chain.get("/v1/cells", unit="21025", period=period))["items"]
            assert listed["winner"]["late"] == cell["winner"]["late"], period
        loaded = await chain.get("/v1/cells/21025/DVC.ONLINE_SUBMIT/administrative/2025-10/in_period")
        assert loaded["winner"]["late"] is None


async def test_a_cumulative_figure_makes_no_row_of_the_month_after(chiso_topics: str, database: str) -> None:
    """M + 1 is looked at again, but exists only once a cell of its own has a revision."""
    chance = random.Random("ytd")
    async with running(chiso_topics, database) as chain, log_writer(chiso_topics) as log:

        async def submit(period: str, numerator: int, **fields: Any) -> None:
            figure = observation("21025", numerator=numerator, denominator=100, **fields)
            basis = {"period": period, "basis": "ytd"}
            await log.submit(document(chance, [figure], calendar="statistical", **basis))
            await chain.settled(log.sent)

        async def periods() -> set[str]:
            items = (await chain.get("/v1/rollups", basis="ytd", limit=1_000))["items"]
            return {item["period"] for item in items}

        async def derived(period: str) -> Any:
            row = await chain.rollup("51", "DVC.ONLINE_SUBMIT", "statistical", period, "ytd")
            return row["derived"]["numerator"] if row and row["derived"] else None

        await submit("2026-06", 40)
        assert await periods() == {"2026-06", "2026-Q2", "2026-H1", "2026-9M", "2026"}
        await submit("2026-07", 50)
        assert {"2026-07", "2026-Q3", "2026-H2"} <= await periods()
        assert "2026-08" not in await periods()
        assert await derived("2026-07") == 10

        # The row that exists follows the month before it, also when that is withdrawn.
        await submit("2026-06", 45)

        async def follows() -> bool:
            return bool(await derived("2026-07") == 5)

        await eventually(follows)
        withdrawn = {**observation("21025"), "op": "withdraw"}
        gone = document(
            chance, [withdrawn], calendar="statistical", period="2026-06", basis="ytd", revision=1, reason="x"
        )
        await log.submit(gone)
        await chain.settled(log.sent)
        row = await chain.rollup("51", "DVC.ONLINE_SUBMIT", "statistical", "2026-06", "ytd")
        assert row is not None and row["value"] is None
        follower = await chain.rollup("51", "DVC.ONLINE_SUBMIT", "statistical", "2026-07", "ytd")
        assert follower is not None and follower["derived"]["reason"] == "previous_withdrawn"
