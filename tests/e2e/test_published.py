"""After a first start the figures of the five source documents are filed, readable and judged."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.harness import System, collect, eventually

RULE = "online_share_below_target"


def published(system: System) -> dict[str, dict[str, Any]]:
    with system.http("indicators") as client:
        answer = client.get("/v1/published", params={"limit": 1_000})
    answer.raise_for_status()
    return {item["id"]: item for item in answer.json()["items"]}


def alerts(system: System, **filters: str) -> list[dict[str, Any]]:
    with system.http("alerts") as client:
        answer = client.get("/v1/alerts", params={"limit": 1_000, **filters})
    answer.raise_for_status()
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_all_66_are_listed_with_the_cell_or_the_reason(system: System) -> None:
    figures = published(system)
    assert len(figures) == 66
    for identifier, figure in figures.items():
        assert figure["quote"], identifier
        assert bool(figure["cell"]) != bool(figure["reason"]), identifier
    assert figures["002-5"]["cell"] is None, "a statement about communes only is a part"


def test_a_document_is_one_submission_for_each_header_its_figures_need(system: System) -> None:
    with system.http("indicators") as client:
        items = client.get("/v1/submissions", params={"agency": "DEMO", "limit": 1_000}).json()["items"]
    sources = {figure["source"]["document"] for figure in published(system).values() if figure["cell"]}
    headers = [
        (item["source"]["document"], item["period"], item["basis"], item["as_of"])
        for item in items
        if item["calendar"] == "statistical"
    ]
    assert len(headers) == len(set(headers))
    assert len({document for document, *_ in headers}) == len(sources) == 5


@pytest.mark.parametrize(
    ("unit", "period", "value", "qualifier", "as_of", "vintage"),
    [
        ("44", "2025-10", "72.63", "eq", "2025-10-31", 1),
        ("51", "2025-12", "74", "gt", "2025-12-24", 2),  # its second statement restates the closed month
        ("08", "2025-09", "95.57", "eq", "2025-09-23", 1),
        ("33", "2025-09", "89.5", "eq", "2025-09-11", 1),
    ],
)
def test_cells_and_rollups_answer_with_qualifier_and_date(
    system: System, unit: str, period: str, value: str, qualifier: str, as_of: str, vintage: int
) -> None:
    path = f"{unit}/DVC.ONLINE_SUBMIT/statistical/{period}/unstated"
    with system.http("indicators") as client:
        cell = client.get(f"/v1/cells/{path}").json(parse_float=Decimal)
        rollup = client.get(f"/v1/rollups/{path}").json(parse_float=Decimal)
    winner = cell["winner"]
    assert (winner["value"], winner["qualifier"], winner["as_of"]) == (Decimal(value), qualifier, as_of)
    assert rollup["value_source"] == "reported"
    assert rollup["reported"]["value"] == Decimal(value)
    assert (rollup["reported"]["qualifier"], rollup["reported"]["as_of"]) == (qualifier, as_of)
    assert (rollup["phase"], rollup["vintage"]) == ("closed", vintage)


def test_the_newer_statement_supersedes_the_older_and_both_are_kept(system: System) -> None:
    with system.http("indicators") as client:
        cell = client.get("/v1/cells/51/DVC.ONLINE_SUBMIT/statistical/2025-12/unstated").json()
    assert [revision["value"] for revision in cell["revisions"]] == [74, 73.79]


def test_unstated_figures_are_never_added_up(system: System) -> None:
    with system.http("indicators") as client:
        items = client.get("/v1/rollups", params={"unit": "VN", "basis": "unstated", "limit": 1_000}).json()[
            "items"
        ]
        quarters = client.get("/v1/rollups", params={"period": "2025-Q4", "basis": "unstated"}).json()[
            "items"
        ]
    assert "DVC.ONLINE_SUBMIT" not in {item["indicator"] for item in items}
    assert quarters == []


async def test_the_alerts_that_follow_are_on_the_topic_and_everywhere(system: System) -> None:
    [alert] = [item for item in alerts(system, unit="44", rule=RULE) if item["basis"] == "unstated"]
    assert (alert["state"], alert["finality"], alert["period"]) == ("FIRING", "final", "2025-10")
    records = await collect(
        system.kafka, "chiso.alerts.v1", lambda found: any(r.key_text == alert["alert_id"] for r in found), 30
    )
    event = next(record for record in records if record.key_text == alert["alert_id"])
    assert (event.json["transition"], event.json["reason"]) == ("opened", "backfill")
    assert event.json["after"]["value"] == 72.63
    with system.http("alerts") as client:
        metrics = client.get("/metrics").text
    line = next(
        line
        for line in metrics.splitlines()
        if line.startswith("chiso_alerts{")
        and f'rule="{RULE}"' in line
        and 'province="44"' in line
        and 'state="FIRING"' in line
    )
    assert float(line.rsplit(" ", 1)[1]) >= 1


async def test_more_than_74_proves_neither_side_of_80(system: System) -> None:
    def not_firing() -> bool:
        found = [item for item in alerts(system, unit="51", rule=RULE) if item["period"] == "2025-12"]
        return all(item["state"] != "FIRING" for item in found)

    await eventually(not_firing)


def test_every_alert_explains_itself_down_to_the_cell(system: System) -> None:
    [alert] = [item for item in alerts(system, unit="44", rule=RULE) if item["basis"] == "unstated"]
    with system.http("alerts") as client:
        explanation = client.get(alert["explain_url"]).json()
    text = str(explanation)
    assert RULE in text and "72.63" in text and "DEMO" in text
