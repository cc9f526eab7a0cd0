"""Every query of every dashboard on the running system: a real Prometheus, and PostgreSQL as the reader."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
import yaml

from tests.harness import System, eventually, free_port
from tests.harness.tools import required_tool

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
CHOSEN = {"province": "44", "indicator": "DVC.ONLINE_SUBMIT", "calendar": "statistical", "basis": "unstated"}
MACROS = {"$__rate_interval": "1m", "$__range": "1h", "$__interval": "15s"}
# Panels that have data on any healthy system whose published figures are filed, with what is chosen above.
MUST_HAVE_DATA = {
    "Value", "Target", "Period end", "Firing alerts", "Value against target, as it was shown",
    "Trend by period", "This province: every indicator, newest period",
    "This indicator: every province, newest period", "Firing alerts of this province", "Services up",
    "Oldest unapplied", "Oldest unpublished", "Alerts behind", "Rollups that drift", "Quarantined",
    "Submissions a second", "Consumer lag", "Accepted to applied, p99", "province", "indicator",
}  # fmt: skip


def queries(language: str) -> list[Any]:
    """Every query of that language in every dashboard, of panels and variables; the id names its place."""
    found = []
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                asked = target.get("expr" if language == "promql" else "rawSql")
                if asked:
                    name = f"{path.stem}: {panel['title']} {target['refId']}"
                    found.append(pytest.param(panel["title"], asked, id=name))
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query" and language == "sql":
                name = f"{path.stem}: variable {variable['name']}"
                found.append(pytest.param(variable["name"], variable["query"], id=name))
    return found


def filled(text: str) -> str:
    """The query as Grafana sends it, with the choices above and its macros."""
    for macro, value in MACROS.items():
        text = text.replace(macro, value)
    text = re.sub(
        r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN '2024-01-01T00:00:00Z' AND '2099-01-01T00:00:00Z'", text
    )
    for name, value in CHOSEN.items():
        text = text.replace(f"${{{name}:sqlstring}}", f"'{value}'").replace(f"${name}", value)
    assert "$" not in text, f"a variable or macro that this test does not know: {text}"
    return text


@pytest.fixture(scope="module")
async def prometheus(
    system: System, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """A Prometheus with the project's own configuration and rules, looking at the running services."""
    folder = tmp_path_factory.mktemp("prometheus")
    shutil.copytree(ROOT / "deploy/prometheus", folder, dirs_exist_ok=True)
    targets = [
        {"targets": [urlsplit(system.ready[job]).netloc], "labels": {"job": job}}
        for job in ("ingest", "indicators", "alerts")
    ]
    (folder / "targets.yml").write_text(yaml.safe_dump(targets), encoding="utf-8")
    port = free_port()
    process = _start_prometheus(folder, port)
    try:
        base = f"http://127.0.0.1:{port}/api/v1/"
        async with httpx.AsyncClient(base_url=base, timeout=20, trust_env=False) as client:
            await eventually(lambda: _scraped_twice(client), deadline_seconds=90)
            yield client
    finally:
        process.terminate()
        process.wait(20)


def _start_prometheus(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [
        required_tool("prometheus", "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("w") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


async def _scraped_twice(client: httpx.AsyncClient) -> bool:
    try:
        answer = await client.get(
            "query", params={"query": "min(count_over_time(up[1h])) >= 2 and sum(up) == 3"}
        )
    except httpx.TransportError as error:
        raise AssertionError(repr(error)) from None
    assert answer.status_code == httpx.codes.OK, answer.text  # 503 while it starts
    return bool(answer.json()["data"]["result"])


@pytest.fixture(scope="module")
def reader_dsn(system: System) -> Iterator[str]:
    """The database as Grafana's role sees it, after views.sql as an operator runs it."""
    yield _as_reader(system.postgres)


def _as_reader(dsn: str) -> str:
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"grafana_reader@{parts.netloc.rpartition('@')[2]}"))


@pytest.fixture(scope="module")
async def reader(system: System, reader_dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    owner = await asyncpg.connect(system.postgres)
    try:
        for _ in ("made", "made anew after an upgrade"):
            await owner.execute((ROOT / "deploy/postgres/views.sql").read_text(encoding="utf-8"))
    finally:
        await owner.close()
    connection = await asyncpg.connect(reader_dsn)
    yield connection
    await connection.close()


@pytest.mark.parametrize(("title", "expression"), queries("promql"))
async def test_promql(prometheus: httpx.AsyncClient, title: str, expression: str) -> None:
    answer = (await prometheus.get("query", params={"query": filled(expression)})).json()
    assert answer["status"] == "success", answer
    if title in MUST_HAVE_DATA:
        assert answer["data"]["result"], f"{title}: no data for {filled(expression)}"


@pytest.mark.parametrize(("title", "statement"), queries("sql"))
async def test_sql(reader: asyncpg.Connection[asyncpg.Record], title: str, statement: str) -> None:
    rows = await reader.fetch(filled(statement))
    if title in MUST_HAVE_DATA:
        assert rows, f"{title}: no rows for {filled(statement)}"


def test_every_promised_panel_is_there() -> None:
    titles = {value.values[0] for language in ("promql", "sql") for value in queries(language)}
    assert titles >= MUST_HAVE_DATA


async def test_the_figures_are_those_of_the_system(
    prometheus: httpx.AsyncClient, reader: asyncpg.Connection[asyncpg.Record]
) -> None:
    series = f'chiso_indicator_value{{province="44",indicator="{CHOSEN["indicator"]}",basis="unstated"}}'
    answer = (await prometheus.get("query", params={"query": series})).json()
    assert [float(item["value"][1]) for item in answer["data"]["result"]] == [72.63]
    row = await reader.fetchrow(
        "SELECT value, qualifier, target FROM grafana.scorecard"
        " WHERE unit = '51' AND indicator = 'DVC.ONLINE_SUBMIT' AND period = '2025-12'"
        " AND calendar = 'statistical'"
    )
    assert row is not None
    assert (str(row["value"]), row["qualifier"], str(row["target"])) == ("74", "gt", "80")
    assert await reader.fetchval("SELECT count(*) FROM grafana.province") == 34


async def test_the_rules_are_loaded_and_no_page_is_about_a_dead_service(
    prometheus: httpx.AsyncClient,
) -> None:
    groups = (await prometheus.get("rules")).json()["data"]["groups"]
    rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
    assert {"ChisoServiceDown", "ChisoRollupDrift", "ChisoQuarantined"} <= set(rules)
    assert all(rule["health"] in {"ok", "unknown"} for rule in rules.values())
    assert rules["ChisoServiceDown"]["alerts"] == []
    assert rules["ChisoRollupDrift"]["alerts"] == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM indicators.rollup",
        "SELECT * FROM alerts.alert_event",
        "CREATE TABLE grafana.mine (a integer)",
        "SET default_transaction_read_only = off; DELETE FROM grafana.province",
    ],
)
async def test_the_reader_sees_the_views_and_nothing_else(
    reader: asyncpg.Connection[asyncpg.Record], statement: str
) -> None:
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)):
        await reader.execute(statement)


async def test_a_report_moves_the_completeness_that_prometheus_shows(
    prometheus: httpx.AsyncClient, system: System
) -> None:
    report = {
        "submission_id": str(uuid4()),
        "calendar": "administrative",
        "period": "2025-12",
        "basis": "in_period",
        "observations": [{"unit": "00004", "indicator": "DVC.DIGITISED", "numerator": 40, "denominator": 50}],
    }
    assert system.submit(report).status_code == 202
    series = 'chiso_indicator_completeness_ratio{province="01",indicator="DVC.DIGITISED",basis="in_period"}'

    async def shown() -> list[Any]:
        answer = (await prometheus.get("query", params={"query": series})).json()
        return list(answer["data"]["result"])

    found = await eventually(shown, deadline_seconds=30)
    assert [round(float(item["value"][1]), 4) for item in found] == [round(1 / 126, 4)]


async def test_the_metrics_of_the_contract_are_exposed_and_name_no_commune(
    prometheus: httpx.AsyncClient,
) -> None:
    contract = (ROOT / "shared/docs/contract.md").read_text(encoding="utf-8")
    section = contract.split("Prometheus (names fixed", 1)[1].split("Grafana:", 1)[0]
    named = set(re.findall(r"`(chiso_[a-z_]+)", section))
    names = set((await prometheus.get("label/__name__/values")).json()["data"])
    exposed = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in names} | names
    # These have no series before the first quarantined record, and the first report that was owed.
    rare = {"chiso_quarantined_total", "chiso_indicator_completeness_ratio"}
    assert len(named) >= 15
    assert sorted(named - exposed - rare) == []
    labels = set(
        (await prometheus.get("labels", params={"match[]": '{__name__=~"chiso_.*"}'})).json()["data"]
    )
    assert not labels & {"commune", "unit", "submission", "submission_id", "period"}
    assert "exported_service" not in labels, "a target label hides a label of the metrics"
