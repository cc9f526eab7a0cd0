"""PostgreSQL is lost, wholly or back to a backup: the logs give the same state back, none told twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from chiso_ingest.keys import add_key

from tests.harness import Collected, collect, end_offsets, eventually
from tests.harness.databases import Databases
from tests.integration.alerts_running import Running
from tests.integration.alerts_running import running as running_alerts
from tests.integration.indicators_chain import Chain, Log, document, log_writer, observation, running
from tests.integration.indicators_seeds import catalogue_in
from tests.integration.test_indicators_clock import PERIOD, instant, offset_to
from tests.integration.test_indicators_decisions import HELD, PLACE, key_of, policies, post

CHANCE = random.Random("lost")
BEFORE, NEXT = "2026-08", "2026-10"
STARTED = instant("due") - timedelta(hours=1)
LATER = instant("close") + timedelta(hours=3)
SAID = {"author": "Trần B", "reason": "calling the commune"}
TASK = "T-51-03"
_BEFORE_THEM = 300
ROLLUP = (
    *(
        "unit",
        "indicator",
        "calendar",
        "period",
        "basis",
        "numerator",
        "denominator",
        "value",
        "value_source",
    ),
    *("n_expected", "n_reported", "n_contributing", "n_on_time", "n_percent_only", "n_unexpected"),
    *("completeness", "timeliness", "stale", "status_colour", "phase", "target", "attainment"),
)
ALERT = (
    *(
        "alert_id",
        "state",
        "severity",
        "episode",
        "sequence",
        "rule",
        "target",
        "unit",
        "indicator",
        "period",
    ),
    *("phase", "suppressed"),
)
KEYS = ("value", "numerator", "denominator", "completeness")


@dataclass
class Life:
    """Both services on one database, at one time, with the keys of those who decide."""

    kafka: str
    seeds: Path
    home: Path
    of_51: str
    of_all: str

    @asynccontextmanager
    async def services(self, database: str, now: datetime) -> AsyncIterator[tuple[Chain, Running]]:
        common: dict[str, Any] = {"seeds": self.seeds, "home": self.home, "clock_offset": offset_to(now)}
        async with (
            running(self.kafka, database, **common) as chain,
            running_alerts(self.kafka, database, **common) as alerts,
        ):

            async def ready() -> bool:
                return (await chain.client.get("/readyz")).status_code == 200

            await eventually(ready, 60)
            yield chain, alerts


def life(kafka: str, home: Path) -> Life:
    seeds = policies(home)
    rules = seeds / "rules.yaml"
    first, *others = rules.read_text().split("\n- id: ")
    kept = [one for one in others if "kind: missing" not in one]
    rules.write_text("\n- id: ".join([first, *kept]))
    of_all = add_key(
        home / "keys.json",
        catalogue_in(seeds),
        agency="DEMO",
        home="VN",
        units=["*"],
        indicators=["*"],
        actions=("report", "operate"),
        now=datetime.now(UTC),
    )
    return Life(kafka, seeds, home, key_of(home, seeds, "H48"), of_all)


async def reports(log: Log) -> list[dict[str, Any]]:
    """What communes send before the close: for a month long closed, for the one that closes, for the next."""
    return [
        await log.submit(
            document(CHANCE, [observation(unit, numerator=70, denominator=100)], period=period),
            accepted_at=STARTED,
            partition=partition,
        )
        for partition, (unit, period) in enumerate(
            [("21028", PERIOD), ("18859", PERIOD), ("21028", BEFORE), ("21028", NEXT), ("18859", BEFORE)]
        )
    ]


async def late(log: Log, unit: str, numerator: int, minutes: int, revision: int = 0) -> dict[str, Any]:
    return await log.submit(
        document(CHANCE, [observation(unit, numerator=numerator, denominator=100)], revision=revision),
        accepted_at=instant("close") + timedelta(minutes=minutes),
        partition=minutes % 12,
    )


async def firing(alerts: Running, unit: str, state: str = "FIRING") -> dict[str, Any]:
    async def found() -> dict[str, Any] | None:
        query = {"unit": unit, "period": PERIOD, "indicator": HELD, "state": state}
        items = (await alerts.get("/v1/alerts", **query))["items"]
        return items[0] if items else None

    shown: dict[str, Any] = await eventually(found, 20)
    return shown


async def decide(
    who: Life, chain: Chain, alerts: Running, log: Log, held: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    """One approval, one refusal, a reopening with a correction that closes again, another that stays open, an
    acknowledgement, a silence that was ended and one that runs, and a task."""
    await firing(alerts, "51")
    for sent, verb in zip(held, ("approve", "refuse"), strict=True):
        path = f"/v1/held/DEMO/{sent['submission_id']}/{verb}"
        assert (await post(chain, path, who.of_51, reason="checked"))[0] == 200
    await firing(alerts, "51", "RESOLVED")
    path = f"/v1/periods/administrative/{PERIOD}"
    assert (await post(chain, f"{path}/reopen", who.of_51, unit="51", reason="a file was lost"))[0] == 200
    [opened] = (await chain.get(f"{path}/reopenings"))["items"]
    at = datetime.fromisoformat(opened["reopened_at"])
    sent = await log.submit(
        document(CHANCE, [observation("21040", numerator=50, denominator=100)]), accepted_at=at, partition=3
    )
    await chain.settled([sent])
    assert (await post(chain, f"{path}/close", who.of_51, unit="51", reason="complete"))[0] == 200
    await firing(alerts, "51")
    assert (await post(chain, f"{path}/reopen", who.of_all, unit="44", reason="still counting"))[0] == 200
    headers = {"authorization": f"Bearer {who.of_all}"}

    async def gated() -> bool:
        phase: str = (await firing(alerts, "44"))["phase"]
        return phase == "reopened"

    await eventually(gated, 20)
    silence: dict[str, Any] = SAID | {"ends_at": (LATER + timedelta(days=30)).isoformat()}
    told: list[tuple[str, dict[str, Any]]] = [
        (f"/v1/alerts/{(await firing(alerts, '44'))['alert_id']}/acknowledge", {**SAID}),
        ("/v1/silences", silence | {"matchers": {"unit": ["51"]}}),
        ("/v1/silences", silence | {"matchers": {"province": ["08"]}}),
        (f"/v1/tasks/{TASK}/done", SAID | {"done_on": "2026-03-30"}),
    ]
    answers = [await alerts.http.post(where, json=body, headers=headers) for where, body in told]
    assert [answer.status_code for answer in answers] == [200, 201, 201, 200], answers[-1].text
    over = f"/v1/silences/{answers[2].json()['silence_id']}/end"
    assert (await alerts.http.post(over, json=SAID, headers=headers)).status_code == 200


async def state(chain: Chain, alerts: Running) -> dict[str, Any]:
    """All that is compared, by what it is about; no version, vintage or tick."""
    rollups = (await chain.get("/v1/rollups", limit=10_000))["items"]
    cells = (await chain.get("/v1/cells", limit=10_000))["items"]
    shown = (await alerts.get("/v1/alerts", limit=1_000))["items"]
    reopened = (await chain.get(f"/v1/periods/administrative/{PERIOD}/reopenings"))["items"]
    return {
        "rollups": [{name: row[name] for name in ROLLUP} for row in rollups],
        "cells": cells,
        "held": (await chain.get("/v1/held"))["items"],
        "reopenings": [{n: v for n, v in one.items() if not n.endswith("tick")} for one in reopened],
        "alerts": sorted(
            (
                {name: one[name] for name in ALERT} | {key: one["reading"][key] for key in KEYS}
                for one in shown
            ),
            key=lambda one: str(one["alert_id"]),
        ),
        "silences": (await alerts.get("/v1/silences", past="true"))["items"],
        "tasks": (await alerts.get("/v1/tasks"))["items"],
    }


async def comes_back(chain: Chain, alerts: Running, wanted: dict[str, Any]) -> None:
    async def same() -> bool:
        found = await state(chain, alerts)
        for part, value in wanted.items():
            assert found[part] == value, part
        return True

    await eventually(same, 60)


async def told_at_rest(kafka: str) -> dict[str, Counter[str]]:
    """The ids of all that was told of decisions and alerts, and how often."""
    return {
        topic: Counter(record.headers["ce_id"] for record in await _all(kafka, topic))
        for topic in ("chiso.operations.v1", "chiso.alerts.v1")
    }


async def _all(kafka: str, topic: str) -> list[Collected]:
    ends = await end_offsets(kafka, topic)

    def whole(seen: Any) -> bool:
        reached = {one.partition: one.offset for one in seen}
        # The last offset of a partition may be a mark of a transaction.
        return all(end == 0 or reached.get(part, -1) >= end - 2 for part, end in ends.items())

    return await collect(kafka, topic, whole, deadline_seconds=20)


async def lived(who: Life, database: str, log: Log, databases: Databases) -> tuple[dict[str, Any], str]:
    """A life with decisions; what it looks like in the end, and a backup with all that was held undecided."""
    async with who.services(database, STARTED) as (chain, _):
        await chain.settled(await reports(log))
    async with who.services(database, LATER) as (chain, alerts):
        await firing(alerts, "51")
        await firing(alerts, "44")
        held = await late(log, "21028", 90, 5, 1), await late(log, "21034", 50, 6)
        await chain.settled(held)
    backup = await databases.create(urlsplit(database).path.removeprefix("/"))
    async with who.services(database, LATER + timedelta(minutes=5)) as (chain, alerts):
        await decide(who, chain, alerts, log, held)

        async def settled() -> bool:
            return {one["suppressed"] for one in (await state(chain, alerts))["alerts"]} == {True, False}

        await eventually(settled, 20)

        async def reported() -> bool:
            found = await state(chain, alerts)
            phases = {(row["unit"], row["phase"]) for row in found["rollups"] if row["period"] == PERIOD}
            return {("51", "closed"), ("44", "reopened")} <= phases

        await eventually(reported, 20)
        return await state(chain, alerts), backup


@pytest.mark.parametrize("what_is_left", ["nothing", "a backup"])
async def test_the_logs_give_the_same_state_back(
    chiso_topics: str, database: str, databases: Databases, tmp_path: Path, what_is_left: str
) -> None:
    who = life(chiso_topics, tmp_path)
    async with log_writer(chiso_topics, STARTED) as log:
        wanted, backup = await lived(who, database, log, databases)
    by_unit = {
        one["unit"]: one for one in wanted["alerts"] if one["indicator"] == HELD and one["period"] == PERIOD
    }
    assert (by_unit["44"]["state"], by_unit["44"]["suppressed"]) == ("FIRING", True)
    assert (by_unit["51"]["state"], by_unit["51"]["suppressed"]) == ("FIRING", True)
    assert by_unit["51"]["episode"] == 2
    outcomes = Counter(one["ended_by"] is None for one in wanted["silences"])
    assert outcomes == {True: 1, False: 1}
    before = await told_at_rest(chiso_topics)
    found = await databases.create() if what_is_left == "nothing" else backup
    for hours in (0, 1):  # and again, with nothing left to do
        async with who.services(found, LATER + timedelta(minutes=20, hours=hours)) as (chain, alerts):
            await comes_back(chain, alerts, wanted)
            assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0
            row = await chain.rollup("51", HELD, "administrative", BEFORE, "in_period")
            assert row is not None and (row["causes"], row["timeliness"]) == (["backfill"], None)
            await comes_back(chain, alerts, wanted)
            assert await told_at_rest(chiso_topics) == before
    session = await asyncpg.connect(found)
    try:
        started = await session.fetchval("SELECT first_started_at FROM indicators.installation")
        assert abs(started - STARTED) < timedelta(minutes=1)
        pending = "SELECT count(*) FROM indicators.operation WHERE published_at IS NULL"
        assert await session.fetchval(pending) == 0
    finally:
        await session.close()


async def test_no_due_instant_of_the_past_finds_missing_what_was_reported(
    chiso_topics: str, database: str, databases: Databases, tmp_path: Path
) -> None:
    """Ticks wait until the log is applied again, and the relay until they have come to the present."""
    who = life(chiso_topics, tmp_path)
    async with (
        log_writer(chiso_topics, STARTED) as log,
        running(chiso_topics, database, seeds=who.seeds, clock_offset=offset_to(STARTED)) as chain,
    ):
        for number in range(_BEFORE_THEM):
            unit, month = "21034", f"2026-{number % 4 + 1:02}"
            figure = observation(unit, numerator=number, denominator=1_000)
            await log.submit(document(CHANCE, [figure], period=month, revision=number), accepted_at=STARTED)
        await chain.settled(await reports(log))
    async with running(chiso_topics, database, seeds=who.seeds, clock_offset=offset_to(LATER)) as chain:
        closed = await chain.rollup("51", HELD, *PLACE)

        async def is_closed() -> bool:
            nonlocal closed
            closed = await chain.rollup("51", HELD, *PLACE)
            return closed is not None and closed["phase"] == "closed"

        await eventually(is_closed, 30)
        version = closed["version"] if closed else 0
        subject = f"51|{HELD}|administrative|{PERIOD}|in_period"
        await collect(
            chiso_topics,
            "chiso.rollups.v1",
            lambda seen: any(one.key_text == subject and one.json["version"] == version for one in seen),
        )
    empty = await databases.create()
    slow: dict[str, Any] = {"apply_max_records": 1, "relay_batch": 20}
    async with running(chiso_topics, empty, seeds=who.seeds, clock_offset=offset_to(LATER), **slow) as chain:

        async def ready() -> bool:
            return (await chain.client.get("/readyz")).status_code == 200

        await eventually(ready, 60)
        path = f"/v1/rollups/51/{HELD}/administrative/{PERIOD}/in_period"
        history = (await chain.get(path, history="true"))["items"]
        assert [row["n_reported"] for row in history] == [1] * len(history)
        last = history[-1]
        records = await collect(
            chiso_topics,
            "chiso.rollups.v1",
            lambda seen: any(
                one.key_text == subject and one.json["version"] == last["version"] for one in seen
            ),
            deadline_seconds=60,
        )
    events = [one.json for one in records if one.key_text == subject and one.json["version"] > version]
    assert [(event["version"], event["phase"]) for event in events] == [(last["version"], "closed")]
