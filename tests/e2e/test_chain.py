"""A submission posted, repeated and corrected, seen by a subscriber that knows only the contract."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.harness import Collected, System, collect, eventually
from tests.harness.ledger import report

INDICATOR = "DVC.ONLINE_SUBMIT"
REQUIRED_HEADERS = {
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_subject",
    "ce_time",
    "ce_dataschema",
    "ce_partitionkey",
    "ce_sequence",
    "content-type",
    "traceparent",
}


def rollup(system: System, unit: str, period: str) -> dict[str, Any] | None:
    with system.http("indicators") as client:
        answer = client.get(f"/v1/rollups/{unit}/{INDICATOR}/administrative/{period}/in_period")
    if answer.status_code == 404:
        return None
    answer.raise_for_status()
    row: dict[str, Any] = answer.json(parse_float=Decimal)
    return row


def alert(system: System, unit: str, period: str) -> dict[str, Any] | None:
    with system.http("alerts") as client:
        items = client.get(
            "/v1/alerts",
            params={"rule": "online_share_below_target", "unit": unit, "period": period},
        ).json()["items"]
    return next((item for item in items if item["basis"] == "in_period"), None)


def observation(unit: str, numerator: int, denominator: int) -> dict[str, Any]:
    return {"unit": unit, "indicator": INDICATOR, "numerator": numerator, "denominator": denominator}


async def test_reported_repeated_corrected_retracted(system: System) -> None:
    chance, period, province = random.Random("chain"), "2025-09", "08"
    with system.http("indicators") as client:
        units = client.get("/v1/units", params={"level": "commune", "limit": 10_000}).json()["items"]
    commune = min(item["code"] for item in units if item["parent"] == province)

    low = report(chance, period, [observation(commune, 500, 1_000)])
    receipt = system.submit(low)
    assert receipt.status_code == 202, receipt.text
    first = await eventually(lambda: rollup(system, province, period))
    assert (first["numerator"], first["denominator"], first["value"]) == (500, 1_000, 50)
    nation = await eventually(lambda: rollup(system, "VN", period))
    assert nation["denominator"] >= 1_000
    opened = await eventually(lambda: alert(system, province, period))
    assert (opened["state"], opened["finality"]) == ("FIRING", "final")

    assert system.submit(low).status_code == 202
    with system.http("indicators") as client:
        path = f"/v1/submissions/DEMO/{low['submission_id']}"
        await eventually(lambda: client.get(path).json()["duplicates"] == 1)
    again = rollup(system, province, period)
    assert again is not None and again["version"] == first["version"]

    high = report(chance, period, [observation(commune, 900, 1_000)], revision=1)
    assert system.submit(high).status_code == 202

    def retracted() -> bool:
        found = alert(system, province, period)
        return found is not None and found["state"] == "RESOLVED"

    await eventually(retracted)
    corrected = rollup(system, province, period)
    assert corrected is not None and corrected["value"] == 90
    assert corrected["vintage"] == first["vintage"] + 1

    records = await collect(
        system.kafka, "chiso.alerts.v1", lambda found: len(of(found, opened["alert_id"])) >= 2
    )
    events = of(records, opened["alert_id"])
    assert [event.json["transition"] for event in events] == ["opened", "retracted"]
    assert [event.json["reason"] for event in events] == ["backfill", "restated"]
    assert [event.json["sequence"] for event in events] == [1, 2]
    assert events[1].json["evidence"][0]["unit"] == commune
    for event in events:
        assert set(event.headers) >= REQUIRED_HEADERS
        assert event.headers["ce_type"] == f"chiso.alert.{event.json['transition']}.v1"
        assert event.headers["ce_sequence"] == str(event.json["sequence"])
        assert event.key_text == event.json["alert_id"] == event.headers["ce_partitionkey"]
    states = await collect(
        system.kafka,
        "chiso.alerts.state.v1",
        lambda found: any(r.json["sequence"] == 2 for r in of(found, opened["alert_id"])),
    )
    assert of(states, opened["alert_id"])[-1].json["state"] == "RESOLVED"


def of(records: list[Collected], key: str) -> list[Collected]:
    return [record for record in records if record.key_text == key]


async def test_a_month_that_is_still_collecting_resolves_and_reopens(
    new_system: Callable[..., System],
) -> None:
    """The whole of a province reports a running month; reporting, not correcting, moves the alert."""
    pretended = datetime(2026, 3, 17, 5, tzinfo=UTC)
    offset = (pretended - datetime.now(UTC)).total_seconds()
    system = new_system(CHISO_CLOCK_OFFSET=str(round(offset)))
    system.start()
    chance, period, province = random.Random("collecting"), "2026-03", "12"
    with system.http("indicators") as client:
        units = client.get("/v1/units", params={"level": "commune", "limit": 10_000}).json()["items"]
    communes = sorted(item["code"] for item in units if item["parent"] == province)
    part, rest = communes[:30], communes[30:]
    few = [observation(unit, 70, 100) for unit in part[:5]]
    assert system.submit(report(chance, period, few)).status_code == 202
    gated = await eventually(lambda: rollup(system, province, period))
    assert gated["phase"] == "collecting"

    most = [observation(unit, 70, 100) for unit in part[5:]]
    assert system.submit(report(chance, period, most)).status_code == 202

    async def state_is(wanted: str) -> dict[str, Any]:
        def check() -> dict[str, Any] | None:
            found = alert(system, province, period)
            return found if found and found["state"] == wanted else None

        found: dict[str, Any] = await eventually(check)
        return found

    opened = await state_is("FIRING")
    assert opened["finality"] == "provisional"
    last = [observation(unit, 990, 1_000) for unit in rest]
    assert system.submit(report(chance, period, last)).status_code == 202
    await state_is("RESOLVED")
    records = await collect(
        system.kafka, "chiso.alerts.v1", lambda found: len(of(found, opened["alert_id"])) >= 2
    )
    transitions = [(e.json["transition"], e.json["reason"]) for e in of(records, opened["alert_id"])]
    assert transitions[0] == ("opened", "report")
    assert transitions[-1] == ("resolved", "recovered")
