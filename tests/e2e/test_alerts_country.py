"""A country's months through the door while alerts dies again and again: every event is the expected one."""

from __future__ import annotations

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.e2e.alerts_country import (
    INDICATORS,
    MONTHS,
    RULES,
    Country,
    FirstReceipts,
    clock_offset,
    expected_alerts,
    expected_events,
    expected_rows,
    write_seeds,
)
from tests.e2e.subscriber import MissedEvent, Subscriber, read_states
from tests.harness import Collected, System, collect, end_offsets, eventually
from tests.harness.ledger import Document, Ledger, send_all

FULL = bool(os.environ.get("CHISO_FULL"))
# The clock stands in each of these months once; what lies before the first one is back-filled.
WINDOWS = MONTHS[5:] if FULL else MONTHS[1:3]
KILLS = 10 if FULL else 2
Alert = tuple[str, str, str, str]


async def send(
    system: System, ledger: Ledger, documents: list[Document], kills: int, chance: random.Random
) -> None:
    """Through the door, four at a time; alerts is killed at random moments meanwhile and afterwards."""
    moments = set(chance.sample(range(1, len(documents)), kills))

    def on_sent(answered: int) -> None:
        if answered in moments and system.pid("alerts") is not None:
            system.kill_service("alerts")
            killed.append(answered)

    killed: list[int] = []
    await send_all(system.ingest, system.key, ledger, documents, concurrency=4, on_sent=on_sent)
    while len(killed) < kills:  # it was down at some of the moments
        await system.wait_ready("alerts", deadline_seconds=60)
        system.kill_service("alerts")
        killed.append(-1)
    await system.wait_ready("alerts", deadline_seconds=60)
    assert not ledger.refusals and not ledger.unanswered, [r.text for _, r in ledger.refusals[:3]]


async def at_rest(system: System, country: Country, ledger: Ledger, closed: tuple[str, ...]) -> int:
    """Until rollups are what was sent, and what stands after a close follows from it; how many stand."""
    expected = expected_rows(country, ledger)

    def exact() -> bool:
        rows = read_rows(system)
        for key, wanted in expected.items():
            row = rows.get(key)
            assert row is not None, key
            assert row["value"] == wanted.value, (key, row["value"], wanted.value)
        return True

    await eventually(exact, deadline_seconds=120, every_seconds=1)
    return await eventually(
        lambda: check_states(system, country, ledger, closed), deadline_seconds=60, every_seconds=0.5
    )


def read_rows(system: System) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    found = {}
    with system.http("indicators") as client:
        cursor: str | None = ""
        while cursor is not None:
            query: dict[str, Any] = {"level": "province", "calendar": "administrative", "limit": 10_000}
            query |= {"period": list(MONTHS), **({"cursor": cursor} if cursor else {})}
            page = client.get("/v1/rollups", params=query).json(parse_float=Decimal)
            for item in page["items"]:
                found[(item["unit"], item["indicator"], item["period"], item["basis"])] = item
            cursor = page["next_cursor"]
    return found


async def whole_topic(system: System, topic: str) -> list[Collected]:
    """Everything that is in a topic now."""
    ends = await end_offsets(system.kafka, topic)
    wanted = {partition: end for partition, end in ends.items() if end}

    def complete(records: list[Collected]) -> bool:
        last: dict[int, int] = {}
        for record in records:
            last[record.partition] = record.offset
        # A transaction's end mark takes an offset of its own, so the last record may stand one before.
        return all(last.get(partition, -1) >= end - 2 for partition, end in wanted.items())

    return await collect(system.kafka, topic, complete, deadline_seconds=60)


def alert_of(body: dict[str, Any]) -> Alert:
    return body["rule"]["id"], body["unit"], body["indicator"], body["period"]


def check_states(system: System, country: Country, ledger: Ledger, closed: tuple[str, ...]) -> int:
    """After the close: a function of what was sent."""
    expected = expected_alerts(country, ledger, closed)
    firing = {
        alert_of(item): item["severity"]
        for item in states_of(system).values()
        if item["state"] == "FIRING" and item["period"] in closed and item["basis"] == "in_period"
    }
    watched = {rule for rule, _ in RULES.values()}
    firing = {key: severity for key, severity in firing.items() if key[0] in watched}
    wanted = {key: severity for key, severity in expected.items() if severity is not None}
    assert firing == wanted
    return len(wanted)


def states_of(system: System) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    with system.http("alerts") as client:
        cursor: str | None = ""
        while cursor is not None:
            query: dict[str, Any] = {"limit": 10_000, **({"cursor": cursor} if cursor else {})}
            page = client.get("/v1/alerts", params=query).json(parse_float=Decimal)
            found |= {item["alert_id"]: item for item in page["items"]}
            cursor = page["next_cursor"]
    return found


async def check_events(system: System) -> int:
    """What was told equals what the log of rollups says must be told; sequences contiguous, ids unique."""
    expected = expected_events(await whole_topic(system, "chiso.rollups.v1"))
    watched = {rule for rule, _ in RULES.values()}
    told: dict[Alert, list[tuple[str, str]]] = defaultdict(list)
    ids: dict[str, dict[int, str]] = defaultdict(dict)
    for record in await whole_topic(system, "chiso.alerts.v1"):
        body = record.json
        sequence, event_id = body["sequence"], record.headers["ce_id"]
        if sequence in ids[record.key_text]:
            assert ids[record.key_text][sequence] == event_id, "the same sequence with another id"
            continue
        assert sequence == len(ids[record.key_text]) + 1, "a sequence was skipped"
        ids[record.key_text][sequence] = event_id
        if (
            body["rule"]["id"] in watched
            and body["basis"] == "in_period"
            and body["calendar"] == "administrative"
        ):
            told[alert_of(body)].append((body["transition"], body["reason"]))
    every = [event_id for known in ids.values() for event_id in known.values()]
    assert len(every) == len(set(every))
    different = {key: (told.get(key), expected.get(key)) for key in told.keys() | expected.keys()}
    different = {key: pair for key, pair in different.items() if pair[0] != pair[1]}
    assert not different, f"{len(different)} alerts: {dict(list(different.items())[:3])}"
    return sum(len(events) for events in told.values())


async def check_late_subscriber(system: System) -> None:
    """Reads the state topic once and agrees with the API; a lost event is noticed and repaired by it."""
    stored = states_of(system)
    states = await read_states(system.kafka, {key: item["sequence"] for key, item in stored.items()})
    assert states.keys() == stored.keys()
    for alert_id, state in states.items():
        assert state == stored[alert_id], alert_id
    events = await whole_topic(system, "chiso.alerts.v1")
    lost = next(n for n, record in enumerate(events) if record.json["sequence"] == 2)
    subscriber = Subscriber()
    try:
        for number, record in enumerate(events):
            if number != lost:
                subscriber.take(record)
    except MissedEvent as missed:
        assert missed.alert_id == events[lost].key_text
    else:
        lasting = [record.json["sequence"] for record in events if record.key_text == events[lost].key_text]
        assert max(lasting) == 2, "a hole went unnoticed"
    subscriber.repair(states)
    for record in events:
        subscriber.take(record)
    assert subscriber.sequences == {alert_id: item["sequence"] for alert_id, item in stored.items()}


async def test_a_country_with_corrections_withdrawals_and_ten_deaths(
    new_system: Callable[..., System], tmp_path: Path
) -> None:
    chance = random.Random("country")
    system = new_system(CHISO_SEEDS=str(write_seeds(tmp_path)), CHISO_CLOCK_OFFSET=clock_offset(WINDOWS[0]))
    ledger, started = Ledger(receipts=FirstReceipts()), perf_counter()
    country: Country | None = None
    firing = 0
    for number, month in enumerate(WINDOWS):
        if number:
            await asyncio.to_thread(system.stop)
            system.environment["CHISO_CLOCK_OFFSET"] = clock_offset(month)
        await asyncio.to_thread(system.start)
        country = country or Country.of(system, chance)
        before = MONTHS[: MONTHS.index(month)]
        documents = [one for old in (() if number else before) for one in country.reports(old)]
        documents += country.reports(month)
        documents += [one for old in before[-2:] if number for one in country.changes(old, 20, 3 + number)]
        kills = KILLS // len(WINDOWS) + (number < KILLS % len(WINDOWS))
        await send(system, ledger, documents, kills, chance)
        firing = await at_rest(system, country, ledger, before)
        print(f"{month}: {firing} stand after their close, {perf_counter() - started:.0f} s", flush=True)
    events = await eventually(lambda: check_events(system), deadline_seconds=60, every_seconds=1)
    await check_late_subscriber(system)
    observations = sum(len(document["observations"]) for document in ledger.documents.values())
    print(
        f"{observations} observations of {len(INDICATORS)} indicators, {len(WINDOWS)} windows, "
        f"{KILLS} kills: {events} events, {firing} stand after their close; {perf_counter() - started:.0f} s"
    )
    assert events > 100 and firing > 10
