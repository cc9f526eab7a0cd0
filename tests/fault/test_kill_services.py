"""`kill -9` of each service in the middle of 20,000 observations: totals exact, no event missing."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.harness import Collected, System, collect, eventually
from tests.harness.ledger import Document, Ledger, report, send_all, share

PERIOD = "2025-10"
INDICATORS = (
    "DVC.ONLINE_SUBMIT",
    "DVC.ON_TIME",
    "DVC.ONLINE_FULL",
    "DVC.PAY_ONLINE",
    "DVC.ERESULT",
    "DVC.SATISFACTION",
)
OBSERVATIONS = 20_000
TARGET_SHARE = Decimal(80)


def parents_of(system: System) -> dict[str, str]:
    with system.http("indicators") as client:
        items = client.get("/v1/units", params={"level": "commune", "limit": 10_000}).json()["items"]
    return {item["code"]: item["parent"] for item in items if item["valid_to"] is None}


def history(chance: random.Random, units: list[str]) -> list[Document]:
    """20,000 observations in submissions of 50: first reports, corrections, withdrawals and repeats."""
    pairs = [(unit, indicator) for unit in units for indicator in INDICATORS]
    chance.shuffle(pairs)
    corrected = pairs[:400]
    withdrawn = pairs[400:450]
    first = pairs[: OBSERVATIONS - len(corrected) - len(withdrawn) - 500]
    cells = [share(chance, unit, indicator) for unit, indicator in first]
    documents = [report(chance, PERIOD, cells[start : start + 50]) for start in range(0, len(cells), 50)]
    for start in range(0, len(corrected), 50):
        again = [share(chance, *pair, low=0.9) for pair in corrected[start : start + 50]]
        documents.append(report(chance, PERIOD, again, revision=1))
    gone = [{"unit": unit, "indicator": code, "op": "withdraw"} for unit, code in withdrawn]
    documents.append(report(chance, PERIOD, gone, revision=1))
    chance.shuffle(documents)
    repeats = [documents[index] for index in chance.sample(range(len(documents)), 10)]
    return documents + repeats


def rollups(system: System, indicator: str) -> dict[str, dict[str, Any]]:
    with system.http("indicators") as client:
        answer = client.get(
            "/v1/rollups",
            params={
                "indicator": indicator,
                "level": ["province", "nation"],
                "calendar": "administrative",
                "period": PERIOD,
                "basis": "in_period",
                "limit": 1_000,
            },
        )
    answer.raise_for_status()
    return {item["unit"]: item for item in answer.json(parse_float=Decimal)["items"]}


def check_totals(system: System, ledger: Ledger, parents: dict[str, str]) -> None:
    expected = ledger.sums(parents)
    for indicator in INDICATORS:
        found = rollups(system, indicator)
        for (unit, code, *_), (numerator, denominator) in expected.items():
            if code == indicator:
                assert unit in found, (unit, code)
                row = found[unit]
                assert (row["numerator"], row["denominator"]) == (numerator, denominator), (unit, code)


def check_every_submission(system: System, ledger: Ledger) -> None:
    with system.http("indicators") as client:
        for submission_id, document in ledger.documents.items():
            status = client.get(f"/v1/submissions/DEMO/{submission_id}").json()
            assert status["status"] == "received"
            assert len(status["observations"]) == len(document["observations"])
            assert status["conflicts"] in (0, [])


def latest(records: list[Collected]) -> dict[str, Collected]:
    return {record.key_text: record for record in records}


async def check_rollup_events(system: System) -> None:
    """Versions of a key only grow, and the last event of a key is the row (invariant I6)."""
    rows = {
        "|".join((row["unit"], row["indicator"], row["calendar"], row["period"], row["basis"])): row[
            "version"
        ]
        for indicator in INDICATORS
        for row in rollups(system, indicator).values()
    }

    def complete(records: list[Collected]) -> bool:
        last = latest(records)
        return all(key in last and last[key].json["version"] == version for key, version in rows.items())

    records = await collect(system.kafka, "chiso.rollups.v1", complete, deadline_seconds=60)
    versions: dict[str, int] = defaultdict(int)
    for record in records:
        assert record.json["version"] >= versions[record.key_text], record.key_text
        versions[record.key_text] = record.json["version"]


async def check_alerts(system: System) -> None:
    """After the close an alert fires exactly where the final share is below the target (invariant I7)."""
    shares = {
        unit: row["value"] for unit, row in rollups(system, "DVC.ONLINE_SUBMIT").items() if unit != "VN"
    }
    below = {unit for unit, value in shares.items() if value < TARGET_SHARE}

    def firing() -> set[str]:
        with system.http("alerts") as client:
            items = client.get(
                "/v1/alerts",
                params={
                    "rule": "online_share_below_target",
                    "state": "FIRING",
                    "period": PERIOD,
                    "limit": 1_000,
                },
            ).json()["items"]
        return {item["unit"] for item in items if item["basis"] == "in_period"}

    await eventually(lambda: firing() == below, deadline_seconds=60)
    with system.http("alerts") as client:
        items = client.get("/v1/alerts", params={"period": PERIOD, "limit": 10_000}).json()["items"]
    wanted = {item["alert_id"]: item["sequence"] for item in items}

    def complete(records: list[Collected]) -> bool:
        last = latest(records)
        return all(alert in last and last[alert].json["sequence"] == n for alert, n in wanted.items())

    records = await collect(system.kafka, "chiso.alerts.v1", complete, deadline_seconds=60)
    seen: dict[str, dict[int, str]] = defaultdict(dict)
    for record in records:
        sequence, event_id = record.json["sequence"], record.headers["ce_id"]
        assert seen[record.key_text].setdefault(sequence, event_id) == event_id
        assert sequence <= len(seen[record.key_text]), "a sequence was skipped"


@pytest.mark.parametrize("service", ["ingest", "indicators", "alerts"])
async def test_kill_in_the_middle_loses_and_doubles_nothing(
    new_system: Callable[..., System], service: str
) -> None:
    system = new_system()
    system.start()
    chance = random.Random(f"kill {service}")
    parents = parents_of(system)
    documents = history(chance, sorted(parents))
    assert sum(len(document["observations"]) for document in documents) >= OBSERVATIONS - 500
    moments = {len(documents) // 3, len(documents) * 2 // 3}
    killed: list[int | None] = []

    def kill_at(answered: int) -> None:
        if answered in moments:
            killed.append(system.pid(service))
            system.kill_service(service)

    ledger = Ledger()
    await send_all(system.ingest, system.key, ledger, documents, on_sent=kill_at)
    assert len(killed) == 2
    assert not ledger.refusals and not ledger.unanswered
    await system.wait_ready(service, deadline_seconds=60)
    assert system.pid(service) not in killed

    def exact() -> bool:
        check_totals(system, ledger, parents)
        return True

    await eventually(exact, deadline_seconds=60)
    check_every_submission(system, ledger)
    await check_rollup_events(system)
    await check_alerts(system)
