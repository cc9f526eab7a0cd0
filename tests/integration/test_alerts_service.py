"""Alerts on real Kafka and PostgreSQL: rollup events in, alert events, states, metrics and answers out."""

import asyncio
import csv
import io
import json
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest
from chiso_alerts import consumer
from chiso_alerts.app import build
from chiso_alerts.assessment import assess
from chiso_alerts.core.arrival import Arrival
from chiso_alerts.settings import AlertsSettings
from chiso_shared.contracts.alert import AlertEvent, AlertState
from chiso_shared.contracts.codec import decode_model
from chiso_shared.contracts.topics import ALERTS, ALERTS_STATE, QUARANTINE, ROLLUPS
from chiso_shared.runtime.breaker import MOST_IN_A_ROW
from chiso_shared.runtime.http_server import HttpServer
from chiso_shared.runtime.relay import Relay

from tests.harness import collect, end_offsets, eventually
from tests.integration.alerts_running import TRACE, events, quiet_seeds, running, states
from tests.unit.alerts_examples import reported, rollup

CELL = {
    "unit": "21289",
    "submission_id": "0198c0de-7a11-7c4e-9d3f-5b2a1c0e8f77",
    "agency": "H48.12",
    "revision": 1,
    "accepted_at": datetime(2025, 10, 20, 2, 59, tzinfo=UTC),
    "delta_numerator": 1071,
    "reason": "file truncated",
}
CLOSED = {"phase": "closed", "vintage": 1, "causes": ("close",)}
RESTATED = {"phase": "closed", "vintage": 2, "causes": ("correct",), "changed_cells": [CELL]}


def life_of_an_alert(unit: str = "51") -> list[Any]:
    return [
        rollup("79.61", 118, unit=unit),
        rollup("79.61", 119, unit=unit, **CLOSED),
        rollup("82.27", 121, unit=unit, **RESTATED),
    ]


async def test_events_and_states_as_the_contract_promises(chiso_topics: str, database: str) -> None:
    async with running(chiso_topics, database) as alerts:
        await alerts.publish(*life_of_an_alert())
        records = await events(chiso_topics, 3)
        shown = (await alerts.alerts(1, state="RESOLVED"))[0]
        found = await states(
            chiso_topics, lambda seen: [one["state"] for one in seen.values()] == ["RESOLVED"]
        )
    assert [record.headers["ce_type"] for record in records] == [
        f"chiso.alert.{transition}.v1" for transition in ("opened", "confirmed", "retracted")
    ]
    bodies = [decode_model(AlertEvent, record.value or b"") for record in records]
    for number, (record, body) in enumerate(zip(records, bodies, strict=True), 1):
        alert_id = str(body.alert_id)
        assert record.key == alert_id.encode()
        assert record.headers["ce_sequence"] == str(number) == str(body.sequence)
        assert record.headers["ce_partitionkey"] == record.headers["ce_subject"] == alert_id
        assert record.headers["ce_source"] == "/chiso/alerts"
        assert record.headers["ce_dataschema"].endswith(record.headers["ce_type"].removeprefix("chiso."))
        assert record.headers["content-type"] == "application/json"
        assert datetime.fromisoformat(record.headers["ce_time"]) == body.at
        assert record.headers["traceparent"] == TRACE
    assert len({record.headers["ce_id"] for record in records}) == 3
    assert (bodies[-1].reason, bodies[-1].finality) == ("restated", "restated")
    assert bodies[-1].evidence[0].delta_numerator == 1071
    (state,) = found.values()
    assert state == shown
    assert decode_model(AlertState, json.dumps(state).encode()).sequence == 3


async def test_duplicates_and_old_versions_change_nothing(chiso_topics: str, database: str) -> None:
    async with running(chiso_topics, database) as alerts:
        history = life_of_an_alert()
        await alerts.publish(*history)
        await events(chiso_topics, 3)
        await alerts.publish(*history, *reversed(history))
        await alerts.publish(rollup("70", 1, unit="44"))
        records = await events(chiso_topics, 4)
    assert [record.json["unit"] for record in records].count("51") == 3
    assert [record.json["sequence"] for record in records if record.json["unit"] == "51"] == [1, 2, 3]


async def test_a_restart_knows_its_gauges_before_the_first_event(chiso_topics: str, database: str) -> None:
    line = (
        'chiso_alerts{province="44",rule="online_share_below_target",severity="warning",state="FIRING"} 1.0'
    )
    async with running(chiso_topics, database) as alerts:
        await alerts.publish(*life_of_an_alert("51"), rollup("70", 1, unit="44"))
        await events(chiso_topics, 4)
        assert await eventually(lambda: alerts.metric(line))
        counter = (
            'chiso_alert_transitions_total{reason="restated",'
            'rule="online_share_below_target",transition="retracted"} 1.0'
        )
        assert await alerts.metric(counter)
    async with running(chiso_topics, database) as again:
        assert await again.metric(line)
        assert await again.metric(line.replace("44", "51").replace("FIRING", "RESOLVED"))
        await again.publish(rollup("90", 2, unit="44", causes=("report",)))
        records = await events(chiso_topics, 5)
        assert await eventually(lambda: again.metric(line.replace(" 1.0", " 0.0")))
    last = [record for record in records if record.json["unit"] == "44"][-1]
    assert (last.json["transition"], last.json["sequence"]) == ("resolved", 2)


async def test_a_relay_killed_between_send_and_advance_repeats_the_same_ids(
    chiso_topics: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(chiso_topics, database) as alerts:
        relay = next(part for part in alerts.service.components if isinstance(part, Relay))
        sent = asyncio.Event()

        async def never(_position: object) -> None:
            sent.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(relay._source, "advance", never)
        await alerts.publish(rollup("70", 1))
        await asyncio.wait_for(sent.wait(), 20)
        first = await events(chiso_topics, 1)
        relay.grace_seconds = 0
    async with running(chiso_topics, database) as again:
        second = await events(chiso_topics, 2)
        await again.publish(rollup("90", 2))
        third = await events(chiso_topics, 3)
    assert second[1].headers["ce_id"] == first[0].headers["ce_id"]
    assert second[1].value == first[0].value
    assert [record.json["sequence"] for record in third] == [1, 1, 2]


async def test_timers_survive_a_restart_and_a_shifted_clock(chiso_topics: str, database: str) -> None:
    """The rule says at most one `updated` an hour: the second waits in the table for its instant."""
    async with running(chiso_topics, database) as alerts:
        await alerts.publish(rollup("70", 1))
        await events(chiso_topics, 1)
        await alerts.publish(rollup("75", 2))
        pending = (await alerts.alerts(1))[0]
        assert await eventually(lambda: _due(database))
    async with running(chiso_topics, database, clock_offset=2 * 3600.0):
        records = await events(chiso_topics, 2)
    assert pending["sequence"] == 1
    assert (records[1].json["transition"], records[1].json["reason"]) == ("updated", "value")
    assert records[1].json["before"]["value"] == 70
    assert records[1].json["after"]["value"] == 75
    assert not await _due(database)


async def _due(dsn: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        return bool(await connection.fetchval("SELECT count(due_at) > 0 FROM alerts.alert"))
    finally:
        await connection.close()


async def test_bad_records_are_quarantined_whole_and_hide_no_others(chiso_topics: str, database: str) -> None:
    async with running(chiso_topics, database) as alerts:
        await alerts.publish(b"{not json", rollup("70", 1), b'{"unit":"51"}')
        await events(chiso_topics, 1)
        refused = await collect(chiso_topics, QUARANTINE.name, lambda seen: len(seen) >= 2)
        assert await eventually(lambda: alerts.metric('chiso_quarantined_total{reason="malformed"} 1.0'))
        assert (await alerts.http.get("/readyz")).status_code == 200
    assert {record.json["reason"] for record in refused} == {"malformed", "invalid"}
    assert {record.json["topic"] for record in refused} == {ROLLUPS.name}
    assert all(record.headers["ce_type"] == "chiso.record.quarantined.v1" for record in refused)


async def test_what_cannot_be_judged_is_quarantined_and_hides_no_others(
    chiso_topics: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def faulty(tick: Any, book: Any, arrivals: Sequence[Arrival], *rest: Any) -> Any:
        if any(one.rollup.unit == "44" for one in arrivals):
            raise ArithmeticError("beyond judging")
        return await assess(tick, book, arrivals, *rest)

    monkeypatch.setattr(consumer, "assess", faulty)
    async with running(chiso_topics, database) as alerts:
        await alerts.publish(rollup("70", 1), rollup("70", 1, unit="44"), rollup("70", 1, unit="08"))
        told = await events(chiso_topics, 2)
        [refused] = await collect(chiso_topics, QUARANTINE.name, lambda seen: len(seen) >= 1)
        assert (await alerts.http.get("/readyz")).status_code == 200
    assert {record.json["unit"] for record in told} == {"51", "08"}
    assert refused.json["reason"] == "refused_by_store" and "beyond judging" in refused.json["detail"]


async def test_a_partition_of_bad_records_stops_and_no_other(chiso_topics: str, database: str) -> None:
    async with running(chiso_topics, database) as alerts:
        await alerts.publish(*[b"{not json"] * MOST_IN_A_ROW)

        async def stopped() -> bool:
            answer = await alerts.http.get("/readyz")
            return answer.status_code == 503 and "stopped" in answer.text

        assert await eventually(stopped)
        await alerts.publish(*(rollup("70", 1, unit=unit) for unit in ("51", "44", "08", "79", "01")))
        assert await events(chiso_topics, 3), "the other partitions go on"


async def test_the_endpoints_of_the_contract(chiso_topics: str, database: str) -> None:
    async with running(chiso_topics, database) as alerts:
        past = {"calendar": "statistical", "n_expected": 0, "n_contributing": 0, "completeness": None}
        backfill = past | {"phase": "closed", "vintage": 1, "causes": ("backfill",)}
        await alerts.publish(
            *life_of_an_alert("51"),
            reported("eq", "72.63", 1, unit="44", period="2025-10", **backfill),
            rollup("70", 1, unit="08"),
        )
        await events(chiso_topics, 5)
        items = await alerts.alerts(3)
        assert {(one["unit"], one["state"]) for one in items} == {
            ("51", "RESOLVED"),
            ("44", "FIRING"),
            ("08", "FIRING"),
        }
        assert [one["unit"] for one in await alerts.alerts(1, unit="44", state="FIRING")] == ["44"]
        assert len(await alerts.alerts(2, unit=["44", "08"])) == 2
        assert await alerts.alerts(0, rule="no_such_rule") == []
        page = await alerts.get("/v1/alerts", limit=2)
        rest = await alerts.get("/v1/alerts", limit=2, cursor=page["next_cursor"])
        assert [*page["items"], *rest["items"]] == items
        assert rest["next_cursor"] is None
        table = await alerts.http.get("/v1/alerts", headers={"accept": "text/csv"})
        rows = list(csv.DictReader(io.StringIO(table.text)))
        assert {row["rule.id"] for row in rows} == {"online_share_below_target"}
        assert {row["reading.value"] for row in rows} == {"82.27", "72.63", "70"}

        quang_tri = next(one for one in items if one["unit"] == "44")
        assert (quang_tri["finality"], quang_tri["reason"]) == ("final", "backfill")
        restated = next(one for one in items if one["unit"] == "51")
        one = await alerts.get(f"/v1/alerts/{restated['alert_id']}")
        assert [event["transition"] for event in one["events"]] == ["opened", "confirmed", "retracted"]
        explained = await alerts.get(restated["explain_url"])
        assert (explained["before"]["value"], explained["after"]["value"]) == (79.61, 82.27)
        assert explained["rule"]["version"] and explained["target"]["version"] == "t1"
        assert explained["gate"]["completeness"]["n_contributing"] == 90
        (cell,) = explained["cells"]
        assert (cell["unit"], cell["agency"], cell["reason"]) == ("21289", "H48.12", "file truncated")
        assert cell["accepted_at"] == "2025-10-20T02:59:00Z"
        first = await alerts.get(restated["explain_url"], sequence=1)
        assert first["transition"] == "opened"

        rules = (await alerts.get("/v1/rules"))["items"]
        promised = [
            "id",
            "kind",
            "version",
            "indicators",
            "levels",
            "calendars",
            "bases",
            "severity",
            "phases",
            "min_completeness",
            "min_denominator",
            "hold_seconds",
            "keep_firing_seconds",
            "update_epsilon",
            "update_interval_seconds",
            "severities",
            "text_vi",
            "text_en",
        ]
        assert rules
        assert all(set(promised) <= set(rule) for rule in rules)


async def test_many_rollups_in_one_go_leave_no_gap(chiso_topics: str, database: str) -> None:
    """600 versions of 60 rollups: contiguous sequences, states as the last event says."""
    units = [f"{number:02d}" for number in range(1, 21)]
    codes = ("DVC.ONLINE_SUBMIT", "DVC.ON_TIME", "DVC.DIGITISED")
    history = [
        rollup(Decimal(70 if version % 2 else 90), version, unit=unit, indicator=code)
        for version in range(1, 11)
        for unit in units
        for code in codes
    ]
    async with running(chiso_topics, database) as alerts:
        await alerts.publish(*history)
        records = await events(chiso_topics, len(history))
        await alerts.alerts(len(units) * len(codes), state="RESOLVED", limit=1000)
        ends = await end_offsets(chiso_topics, ALERTS_STATE.name)
    by_alert: dict[bytes, list[int]] = {}
    for record in records:
        by_alert.setdefault(record.key or b"", []).append(record.json["sequence"])
    assert len(by_alert) == len(units) * len(codes)
    assert all(sequence == list(range(1, 11)) for sequence in by_alert.values())
    assert sum(ends.values()) >= len(by_alert)
    assert sum((await end_offsets(chiso_topics, ALERTS.name)).values()) >= len(history)


async def test_a_start_without_kafka_shows_the_alerts_that_stand(chiso_topics: str, database: str) -> None:
    async with running(chiso_topics, database) as alerts:
        await alerts.publish(rollup(70, 1, unit="44"))
        await events(chiso_topics, 1)
    with socket.socket() as taken:  # nobody listens there
        taken.bind(("127.0.0.1", 0))
        away = f"127.0.0.1:{taken.getsockname()[1]}"
        service = build(AlertsSettings(kafka=away, postgres=database, alerts_port=0, seeds=quiet_seeds()))
        starting = asyncio.create_task(service.start())
        server = service.components[0]
        assert isinstance(server, HttpServer)
        labels = 'province="44",rule="online_share_below_target",severity="warning",state="FIRING"'

        async def shown() -> bool:
            if not server.port:
                return False
            async with httpx.AsyncClient() as client:
                found = (await client.get(f"http://127.0.0.1:{server.port}/metrics")).text.splitlines()
            return (
                f"chiso_alerts{{{labels}}} 1.0" in found
                and 'chiso_unready{component="consumer"} 1.0' in found
            )

        assert await eventually(shown, deadline_seconds=20)
        assert not starting.done()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await service.stop()
