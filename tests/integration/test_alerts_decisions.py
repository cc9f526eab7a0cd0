"""Acknowledgements and silences, the retention of states, and an older database that comes back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from tests.harness import collect, eventually
from tests.integration.alerts_running import Running, events, running, states
from tests.unit.alerts_examples import rollup

SAID = {"author": "Trần B", "reason": "calling the commune"}


async def operations(kafka: str, count: int) -> list[Any]:
    return await collect(kafka, "chiso.operations.v1", lambda seen: len(seen) >= count, deadline_seconds=20)


async def only_alert(alerts: Running, **query: Any) -> Any:
    (found,) = await alerts.alerts(1, **query)
    return found


async def test_an_acknowledged_episode_is_suppressed_and_published_all_the_same(
    chiso_topics: str, database: str, operator_home: Path, operator: dict[str, str]
) -> None:
    async with running(chiso_topics, database, home=operator_home) as alerts:
        await alerts.publish(rollup(70, 1))
        (opened,) = await events(chiso_topics, 1)
        path = f"/v1/alerts/{opened.json['alert_id']}/acknowledge"
        assert (await alerts.http.post(path, json=SAID)).status_code == 401
        wrong = await alerts.http.post(path, json={"author": "", "until": "soon"}, headers=operator)
        assert wrong.status_code == 422
        assert {item["pointer"] for item in wrong.json()["errors"]} == {"/author", "/reason", "/until"}
        for _ in range(2):
            answer = await alerts.http.post(path, json=SAID, headers=operator)
            assert answer.status_code == 200, answer.text
        assert (await only_alert(alerts))["suppressed"] is True
        state = await states(
            chiso_topics, lambda seen: [one["suppressed"] for one in seen.values()] == [True]
        )
        assert list(state.values()) == [await only_alert(alerts)]
        await alerts.publish(rollup(90, 2))
        await alerts.publish(rollup(70, 3))
        records = await events(chiso_topics, 3)
        (decided,) = await operations(chiso_topics, 1)
    assert [(one.json["transition"], one.json["suppressed"]) for one in records] == [
        ("opened", False),
        ("resolved", True),
        ("reopened", False),
    ]
    assert decided.headers["ce_type"] == "chiso.operation.acknowledged.v1"
    assert decided.headers["ce_source"] == "/chiso/alerts"
    assert decided.json["subject"] == opened.json["alert_id"]
    assert (decided.json["author"], decided.json["details"]["episode"]) == ("Trần B", 1)


async def test_a_silence_begins_and_ends_and_hides_nothing(
    chiso_topics: str, database: str, operator_home: Path, operator: dict[str, str]
) -> None:
    ends_at = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
    silence = SAID | {"matchers": {"province": ["51"], "rule": "online_share_below_target"}}
    async with running(chiso_topics, database, home=operator_home) as alerts:
        await alerts.publish(rollup(70, 1, unit="44"))
        await events(chiso_topics, 1)
        answer = await alerts.http.post("/v1/silences", json=silence | {"ends_at": ends_at}, headers=operator)
        assert answer.status_code == 201, answer.text
        await alerts.publish(rollup(70, 1, unit="51"))
        records = await events(chiso_topics, 2)
        assert {one.json["unit"]: one.json["suppressed"] for one in records} == {"44": False, "51": True}

        async def over() -> bool:
            return (await only_alert(alerts, unit="51"))["suppressed"] is False

        assert await eventually(over, deadline_seconds=20)
        assert (await alerts.get("/v1/silences"))["items"] == []
        assert len((await alerts.get("/v1/silences", past="true"))["items"]) == 1
        longer = silence | {"ends_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
        begun = await alerts.http.post("/v1/silences", json=longer, headers=operator)
        assert (await only_alert(alerts, unit="51"))["suppressed"] is True
        path = f"/v1/silences/{begun.json()['silence_id']}/end"
        ended = await alerts.http.post(path, json=SAID, headers=operator)
        assert ended.status_code == 200 and ended.json()["ended_by"] == "Trần B"
        assert (await only_alert(alerts, unit="51"))["suppressed"] is False
        decided = await operations(chiso_topics, 3)
        labels = 'province="51",rule="online_share_below_target",severity="warning",state="FIRING"'
        assert await alerts.metric(f"chiso_alerts{{{labels}}} 1.0")
        for _ in range(2):  # the same again, and once more because the answer was lost
            again = await alerts.http.post("/v1/silences", json=longer, headers=operator)
            assert again.status_code == 201 and again.json()["ended_by"] is None
        assert (await only_alert(alerts, unit="51"))["suppressed"] is True
        assert len((await alerts.get("/v1/silences"))["items"]) == 1
    assert {one.headers["ce_type"] for one in decided} == {"chiso.operation.silenced.v1"}
    assert sum(bool(one.json["details"].get("ended")) for one in decided) == 1


async def test_a_key_decides_only_for_what_it_may_report(
    chiso_topics: str, database: str, operator_home: Path, commune_operator: dict[str, str]
) -> None:
    async with running(chiso_topics, database, home=operator_home) as alerts:
        await alerts.publish(rollup(70, 1))
        (opened,) = await events(chiso_topics, 1)
        path = f"/v1/alerts/{opened.json['alert_id']}/acknowledge"
        assert (await alerts.http.post(path, json=SAID, headers=commune_operator)).status_code == 403
        ends_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        for matchers, status in (({"rule": "report_missing"}, 403), ({"unit": "21289"}, 201)):
            document = SAID | {"matchers": matchers, "ends_at": ends_at}
            answer = await alerts.http.post("/v1/silences", json=document, headers=commune_operator)
            assert answer.status_code == status, answer.text


async def test_a_resolved_state_leaves_its_topic_after_the_retention(
    chiso_topics: str, database: str
) -> None:
    async with running(chiso_topics, database) as alerts:
        await alerts.publish(rollup(70, 1), rollup(90, 2), rollup(70, 1, unit="44"))
        await events(chiso_topics, 3)
        assert len(await alerts.alerts(2)) == 2
    week = timedelta(days=7).total_seconds()
    async with running(chiso_topics, database, clock_offset=week, alerts_retention_days=6) as alerts:
        (left,) = await alerts.alerts(1)
        found = await states(chiso_topics, lambda seen: len(seen) == 1)
        assert list(found) == [left["alert_id"]] and left["unit"] == "44"
        await alerts.publish(rollup(70, 3))
        records = await events(chiso_topics, 4)
        assert len(await alerts.alerts(2)) == 2
    assert (records[-1].json["transition"], records[-1].json["sequence"]) == ("reopened", 3)


async def test_an_older_database_goes_on_above_what_was_published(
    chiso_topics: str, database: str, databases: Any, operator_home: Path, operator: dict[str, str]
) -> None:
    async with running(chiso_topics, database, home=operator_home) as alerts:
        await alerts.publish(rollup(70, 1), rollup(90, 2), rollup(70, 3))
        records = await events(chiso_topics, 3)
        ends_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        silence = SAID | {"matchers": {"unit": "51"}, "ends_at": ends_at}
        answer = await alerts.http.post("/v1/silences", json=silence, headers=operator)
        assert answer.status_code == 201
        await operations(chiso_topics, 1)
        await states(chiso_topics, lambda seen: {one["suppressed"] for one in seen.values()} == {True})
    older = await databases.create()
    async with running(chiso_topics, older, home=operator_home) as alerts:
        (silenced,) = (await alerts.get("/v1/silences"))["items"]
        assert silenced["author"] == "Trần B"
        again = await only_alert(alerts)
        assert (again["suppressed"], again["sequence"], again["episode"]) == (True, 3, 2)
        await alerts.publish(rollup(90, 4))
        everything = await events(chiso_topics, 4)
        assert len(await operations(chiso_topics, 1)) == 1
    assert [one.json["sequence"] for one in records] == [1, 2, 3]
    assert [one.json["sequence"] for one in everything] == [1, 2, 3, 4], "what was told is not told again"
    assert (everything[3].json["transition"], everything[3].json["episode"]) == ("resolved", 2)


async def test_who_takes_an_alert_on_again_after_somebody_else_has_it(
    chiso_topics: str, database: str, operator_home: Path, operator: dict[str, str]
) -> None:
    other = SAID | {"author": "Lê C", "until": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    async with running(chiso_topics, database, home=operator_home) as alerts:
        await alerts.publish(rollup(70, 1))
        (opened,) = await events(chiso_topics, 1)
        path = f"/v1/alerts/{opened.json['alert_id']}/acknowledge"
        answers = [
            (await alerts.http.post(path, json=said, headers=operator)).json()
            for said in (SAID, other, SAID, SAID)
        ]
        decided = await operations(chiso_topics, 3)
    assert [one.json["author"] for one in decided] == ["Trần B", "Lê C", "Trần B"]
    assert [one["operation_id"] for one in answers[:3]] == [one.json["operation_id"] for one in decided]
    assert answers[3] == answers[2], "a retry"
    session = await asyncpg.connect(database)
    assert await session.fetchval("SELECT author FROM alerts.acknowledgement") == "Trần B"
    await session.close()
