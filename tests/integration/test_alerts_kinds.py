"""Missing reports, tasks, falls and discrepancies on real Kafka and PostgreSQL."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from chiso_shared.catalogue import load_catalogue
from chiso_shared.contracts.rollup import RollupEvent

from tests.harness import collect, eventually
from tests.integration.alerts_running import events, quiet_seeds, running, states
from tests.unit.alerts_examples import rollup
from tests.unit.catalogue_seeds import SEEDS, seeds

BEFORE_DUE = (datetime(2025, 10, 20, tzinfo=UTC) - datetime.now(UTC)).total_seconds()
CLOSED = {"phase": "closed", "vintage": 1, "causes": ("close",)}
PERIOD_END = seeds().calendars.parse("administrative", "2025-10").end  # type: ignore[union-attr]


def communes(province: str) -> list[str]:
    return [unit.code for unit in seeds().units.children(province, PERIOD_END, "commune")]


def due(province: str, missing: list[str], version: int = 1, **fields: Any) -> list[RollupEvent]:
    """The rollups of all indicators of the dataset for a province, as indicators publishes them at due."""
    expected = len(communes(province))
    return [
        rollup(
            None,
            version,
            unit=province,
            indicator=code,
            n_expected=expected,
            n_reported=expected - len(missing),
            n_contributing=0,
            missing=missing,
            target=None,
            **fields,
        )
        for code in seeds().datasets["DVC"].indicators
    ]


def told(records: list[Any]) -> list[tuple[str, str, str]]:
    return [(one.json["unit"], one.json["transition"], one.json["reason"]) for one in records]


async def test_a_missing_report_from_due_to_received_late(chiso_topics: str, database: str) -> None:
    late, later = communes("51")[:2]
    async with running(chiso_topics, database, clock_offset=BEFORE_DUE) as alerts:
        await alerts.publish(*due("51", [late, later])[:-1])
        await alerts.publish(rollup(70, 1, unit="44"))
        await events(chiso_topics, 1)
        assert await alerts.alerts(0, rule="report_missing") == []  # one indicator is silent still
        await alerts.publish(due("51", [late, later])[-1])
        opened = (await events(chiso_topics, 3))[-2:]
        (first,) = await alerts.alerts(1, unit=late)
        assert (first["indicator"], first["level"], first["severity"]) == ("DVC", "commune", "warning")
        line = 'chiso_alerts{province="51",rule="report_missing",severity="warning",state="FIRING"} 2.0'
        assert await eventually(lambda: alerts.metric(line))
        await alerts.publish(due("51", [later], 2)[0])
        await alerts.publish(*due("51", [later], 3, **CLOSED))
        await events(chiso_topics, 5)
        await alerts.publish(due("51", [], 4, phase="closed", vintage=2, causes=("correct",))[0])
        records = await events(chiso_topics, 6)
        explained = await alerts.get(first["explain_url"])
        assert explained["reason"] == "received"
        assert await alerts.alerts(2, rule="report_missing", state="RESOLVED")
    assert sorted(told(opened)) == sorted([(late, "opened", "due"), (later, "opened", "due")])
    assert [one for one in told(records) if one[0] == later] == [
        (later, "opened", "due"),
        (later, "confirmed", "close"),
        (later, "resolved", "received_late"),
    ]
    assert (late, "resolved", "received") in told(records)
    message = next(one.json["message"] for one in opened if one.json["unit"] == late)
    assert "no report of Administrative procedures and public services for 2025-10" in message


async def test_due_instants_before_the_first_start_are_nobodys_fault(
    chiso_topics: str, database: str
) -> None:
    async with running(chiso_topics, database) as alerts:
        await alerts.publish(*due("51", communes("51")), rollup(70, 1, unit="44"))
        (only,) = await events(chiso_topics, 1)
        assert only.json["unit"] == "44"
        assert await alerts.alerts(0, rule="report_missing") == []


async def test_a_whole_country_overdue_takes_seconds(chiso_topics: str, database: str) -> None:
    provinces = [unit.code for unit in seeds().units.of_level("province", PERIOD_END)]
    expected = sum(len(communes(province)) for province in provinces)
    assert expected == 3321
    async with running(chiso_topics, database, clock_offset=BEFORE_DUE) as alerts:
        everything = [event for province in provinces for event in due(province, communes(province))]
        began = time.monotonic()
        await alerts.publish(*everything)
        records = await collect(
            chiso_topics, "chiso.alerts.v1", lambda seen: len(seen) >= expected, deadline_seconds=60
        )
        seconds = time.monotonic() - began
        page = await alerts.get("/v1/alerts", rule="report_missing", state="FIRING", limit=10_000)
    assert len({one.key for one in records}) == len(records) == len(page["items"]) == expected
    assert seconds < 45, f"{seconds:.1f} s"


async def test_a_fall_follows_a_correction_of_the_month_before(chiso_topics: str, database: str) -> None:
    common = {"indicator": "INF.FIBRE_COMMUNE", "calendar": "statistical", "basis": "as_of", "target": None}
    async with running(chiso_topics, database) as alerts:
        await alerts.publish(
            rollup(98, 1, period="2025-12", **common), rollup(100, 1, period="2025-11", **common)
        )
        await events(chiso_topics, 1)
        await alerts.publish(rollup(97, 2, period="2025-11", causes=("correct",), **common))
        records = await events(chiso_topics, 2)
        (shown,) = await alerts.alerts(1, rule="coverage_fell")
        explained = await alerts.get(shown["explain_url"])
    assert [(one.json["period"], one.json["transition"], one.json["reason"]) for one in records] == [
        ("2025-12", "opened", "report"),
        ("2025-12", "retracted", "restated"),
    ]
    assert records[0].json["after"]["value"] == 2
    assert explained["previous"] == {"period": "2025-11", "value": 97, "rollup_version": 2}


async def test_a_reported_figure_far_from_the_computed_one(chiso_topics: str, database: str) -> None:
    async with running(chiso_topics, database) as alerts:
        await alerts.publish(rollup(90, 1, discrepancy="-3.5", n_contributing=96))
        (opened,) = await events(chiso_topics, 1)
    assert (opened.json["rule"]["id"], opened.json["after"]["value"]) == (
        "reported_differs_from_computed",
        3.5,
    )


@pytest.fixture
def one_task(tmp_path: Path) -> Path:
    """Seeds in which only T-51-03 has a due date and is watched."""
    folder = tmp_path / "seeds"
    folder.mkdir()
    for file in SEEDS.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    lines = (folder / "tasks.csv").read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.startswith(("id,", "T-51-03", "T-51-01"))]
    (folder / "tasks.csv").write_text("".join(kept))
    assert len(load_catalogue(folder).tasks) == 2
    return folder


async def test_a_task_is_overdue_at_the_start_and_done_once(
    chiso_topics: str, database: str, one_task: Path, operator_home: Path, operator: dict[str, str]
) -> None:
    said = {"author": "Nguyễn A", "reason": "decision 12", "done_on": "2026-03-30"}
    async with running(chiso_topics, database, seeds=one_task, home=operator_home) as alerts:
        (opened,) = await events(chiso_topics, 1)
        assert (opened.json["indicator"], opened.json["transition"], opened.json["reason"]) == (
            "T-51-03",
            "opened",
            "overdue",
        )
        refused = await alerts.http.post("/v1/tasks/T-51-03/done", json=said)
        assert refused.status_code == 401
        missing = await alerts.http.post("/v1/tasks/T-99-99/done", json=said, headers=operator)
        assert missing.status_code == 404
        for _ in range(2):
            answer = await alerts.http.post("/v1/tasks/T-51-03/done", json=said, headers=operator)
            assert answer.status_code == 200, answer.text
            assert (answer.json()["standing"], answer.json()["alert"]["state"]) == ("done", "RESOLVED")
        records = await events(chiso_topics, 2)
        operations = await collect(chiso_topics, "chiso.operations.v1", lambda seen: len(seen) >= 1)
        listed = {one["id"]: one["standing"] for one in (await alerts.get("/v1/tasks"))["items"]}
    assert (records[1].json["transition"], records[1].json["reason"]) == ("resolved", "done")
    assert listed == {"T-51-03": "done", "T-51-01": "not_watched"}
    (operation,) = operations
    assert operation.headers["ce_type"] == "chiso.operation.task_done.v1"
    assert (operation.key_text, operation.json["author"]) == ("T-51-03", "Nguyễn A")
    assert operation.json["details"]["done_on"] == "2026-03-30"
    assert json.dumps(operation.json).count("DEMO") == 1


async def test_the_same_states_after_a_restart(chiso_topics: str, database: str) -> None:
    """Alerts without a rollup of their own keep their input: a rule that goes still ends them."""
    late = communes("51")[0]
    async with running(chiso_topics, database, clock_offset=BEFORE_DUE) as alerts:
        await alerts.publish(*due("51", [late]))
        await events(chiso_topics, 1)
    changed = quiet_seeds().parent / "without_missing"
    changed.mkdir()
    for file in quiet_seeds().iterdir():
        (changed / file.name).write_bytes(file.read_bytes())
    rules = changed / "rules.yaml"
    rules.write_text(rules.read_text().replace("- id: report_missing", "- id: no_report"))
    async with running(chiso_topics, database, clock_offset=BEFORE_DUE, seeds=changed) as alerts:
        records = await events(chiso_topics, 3)
        found = await states(
            chiso_topics, lambda seen: {one["state"] for one in seen.values()} == {"RESOLVED", "FIRING"}
        )
    assert {(one.json["rule"]["id"], one.json["transition"], one.json["reason"]) for one in records} == {
        ("report_missing", "opened", "due"),
        ("report_missing", "resolved", "rule_removed"),
        ("no_report", "opened", "due"),
    }
    assert len(found) == 2
