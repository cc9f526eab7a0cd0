"""A start with another catalogue: rules that go end their alerts, new versions judge open periods again."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import eventually
from tests.integration.alerts_running import events, quiet_seeds, running
from tests.unit.alerts_examples import rollup

Seeds = Callable[[str, str], Path]


@pytest.fixture
def changed_seeds(tmp_path: Path) -> Seeds:
    """A copy of the seeds with one replacement in the rules."""

    def make(old: str, new: str) -> Path:
        folder = tmp_path / "seeds"
        shutil.copytree(quiet_seeds(), folder)
        rules = folder / "rules.yaml"
        text = rules.read_text()
        assert old in text
        rules.write_text(text.replace(old, new, 1))
        return folder

    return make


async def test_row_17_a_removed_rule_resolves_its_alerts(
    chiso_topics: str, database: str, changed_seeds: Seeds
) -> None:
    async with running(chiso_topics, database) as alerts:
        await alerts.publish(rollup(70, 1), rollup(70, 1, unit="44"), rollup(90, 2, unit="44"))
        await events(chiso_topics, 3)
    renamed = changed_seeds("- id: online_share_below_target", "- id: another_rule")
    async with running(chiso_topics, database, seeds=renamed) as alerts:
        records = await events(chiso_topics, 5)
        shown = await alerts.alerts(1, state="FIRING")
    last = {(one.json["unit"], one.json["rule"]["id"]): one.json for one in records}
    removed = last["51", "online_share_below_target"]
    assert (removed["transition"], removed["reason"], removed["sequence"]) == ("resolved", "rule_removed", 2)
    assert last["44", "online_share_below_target"]["reason"] == "recovered"
    assert (shown[0]["rule"]["id"], shown[0]["reason"]) == ("another_rule", "rule_changed")
    async with running(chiso_topics, database) as alerts:
        records = await events(chiso_topics, 7)
        await alerts.alerts(1, state="FIRING")
    told = [
        (one.json["transition"], one.json["reason"], one.json["sequence"])
        for one in records
        if (one.json["unit"], one.json["rule"]["id"]) == ("51", "online_share_below_target")
    ]
    assert told[1:] == [("resolved", "rule_removed", 2), ("reopened", "rule_changed", 3)], "it came back"


async def test_row_18_a_new_version_judges_open_periods_only(
    chiso_topics: str, database: str, changed_seeds: Seeds
) -> None:
    closed = {"phase": "closed", "vintage": 1, "causes": ("backfill",)}
    async with running(chiso_topics, database) as alerts:
        await alerts.publish(rollup(70, 1), rollup(70, 1, period="2025-09", **closed))
        await events(chiso_topics, 2)
    severities = (
        "severities:\n    - severity: critical\n      enter: 75\n      exit: 76\n"
        "    - severity: warning\n      enter: 79\n      exit: 80"
    )
    stricter = changed_seeds("severities: []", severities)
    async with running(chiso_topics, database, seeds=stricter) as alerts:
        records = await events(chiso_topics, 3)
        items = await alerts.alerts(2)
        again = await alerts.get("/v1/rules")
    (judged,) = (one.json for one in records if one.json["sequence"] == 2)
    assert (judged["period"], judged["transition"], judged["reason"]) == ("2025-10", "updated", "severity")
    assert {(one["period"], one["severity"]) for one in items} == {
        ("2025-10", "critical"),
        ("2025-09", "warning"),
    }
    assert [level["severity"] for level in again["items"][0]["severities"]] == ["critical", "warning"]


async def test_a_wrong_file_stops_nothing_and_a_right_one_is_taken_in(
    chiso_topics: str, database: str, changed_seeds: Seeds
) -> None:
    folder = changed_seeds("version: 1", "version: 1")
    rules = folder / "rules.yaml"
    right = rules.read_text()
    async with running(chiso_topics, database, seeds=folder) as alerts:
        await alerts.publish(rollup(70, 1))
        await events(chiso_topics, 1)
        assert await alerts.metric("chiso_rules_error 0.0")
        rules.write_text(right.replace("kind: threshold", "kind: treshold", 1))
        assert await eventually(lambda: alerts.metric("chiso_rules_error 1.0"))
        await alerts.publish(rollup(90, 2))
        await events(chiso_topics, 2)
        rules.write_text(right.replace("- id: online_share_below_target", "- id: another_rule"))
        assert await eventually(lambda: alerts.metric("chiso_rules_error 0.0"))
        await alerts.publish(rollup(60, 3))
        records = await events(chiso_topics, 3)
        listed = (await alerts.get("/v1/rules"))["items"]
    assert [one.json["transition"] for one in records if one.json["rule"]["id"] != "another_rule"] == [
        "opened",
        "resolved",
    ]
    assert records[-1].json["rule"]["id"] == "another_rule" or "another_rule" in {
        one.json["rule"]["id"] for one in records
    }
    assert "another_rule" in {rule["id"] for rule in listed}
