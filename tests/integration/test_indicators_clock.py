"""What the clock does by itself: periods end, fall due and close, also after a time of standing still."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.harness import collect, eventually
from tests.integration.indicators_chain import Chain, catalogue, document, log_writer, observation, running

PERIOD = "2026-09"
CHANCE = random.Random("clock")


def instant(name: str) -> datetime:
    period = catalogue().calendars.parse("administrative", PERIOD)
    assert period is not None
    found = {"end": period.end_at, "due": period.due_at("province"), "close": period.close_at}
    return found[name]


def offset_to(when: datetime) -> float:
    return (when - datetime.now(UTC)).total_seconds()


async def versions(chain: Chain, unit: str) -> list[dict[str, Any]]:
    path = f"/v1/rollups/{unit}/DVC.ONLINE_SUBMIT/administrative/{PERIOD}/in_period"
    found: list[dict[str, Any]] = (await chain.get(path, history="true"))["items"]
    return found


async def phase_is(chain: Chain, unit: str, phase: str) -> dict[str, Any]:
    async def check() -> dict[str, Any] | None:
        row = await chain.rollup(unit)
        return row if row is not None and row["phase"] == phase else None

    row: dict[str, Any] = await eventually(check, 20)
    return row


async def test_a_period_runs_collects_falls_due_closes_and_is_restated(
    chiso_topics: str, database: str
) -> None:
    started = instant("end") - timedelta(minutes=10)
    async with log_writer(chiso_topics, started) as log:
        async with running(chiso_topics, database, clock_offset=offset_to(started)) as chain:
            await log.submit(document(CHANCE, [observation("21028", numerator=70, denominator=100)]))
            await chain.settled(log.sent)
            row = await phase_is(chain, "51", "open")
            assert (row["vintage"], row["version"], row["causes"]) == (0, 1, ["report"])
            assert (row["n_on_time"], row["n_reported"]) == (1, 1)
        # Stood still over the end, the due instant and the close: each happens, in this order.
        async with running(
            chiso_topics, database, clock_offset=offset_to(instant("close") + timedelta(hours=1))
        ) as chain:
            closed = await phase_is(chain, "51", "closed")
            assert (closed["vintage"], closed["causes"]) == (1, ["close"])
            phases = [(row["phase"], row["vintage"]) for row in await versions(chain, "51")]
            assert phases == [("open", 0), ("collecting", 0), ("collecting", 0), ("closed", 1)]
            idle = await phase_is(chain, "44", "closed")
            assert (idle["n_expected"], idle["n_reported"], idle["value"]) == (78, 0, None)
            assert [row["causes"] for row in await versions(chain, "44")] == [["reference"], ["close"]]

            late = document(CHANCE, [observation("21028", numerator=90, denominator=100)], revision=1)
            sent = await log.submit(late, accepted_at=instant("close") + timedelta(minutes=5))
            await chain.settled([sent])
            restated = await chain.rollup("51")
            assert restated is not None
            assert (restated["vintage"], restated["causes"], restated["value"]) == (2, ["correct"], 90)
            assert restated["n_on_time"] == 1, "a late correction is no late report"
            cell = await chain.get(f"/v1/cells/21028/DVC.ONLINE_SUBMIT/administrative/{PERIOD}/in_period")
            assert [revision["late"] for revision in cell["revisions"]] == [True, False]
            audited = (await chain.client.post("/v1/audit")).json()
            assert audited["drift_rows"] == 0, audited
            key = f"51|DVC.ONLINE_SUBMIT|administrative|{PERIOD}|in_period"
            records = await collect(
                chiso_topics,
                "chiso.rollups.v1",
                lambda found: any(r.key_text == key and r.json["vintage"] == 2 for r in found),
            )
            events = [record.json for record in records if record.key_text == key]
            assert [event["version"] for event in events] == sorted({event["version"] for event in events})
            assert events[0]["missing"] is None
            assert len(events[-1]["missing"]) == 95 and "21028" not in events[-1]["missing"]
            assert events[-1]["changed_cells"][0]["delta_numerator"] == 20


async def test_the_close_waits_for_what_was_accepted_before_it(chiso_topics: str, database: str) -> None:
    started = instant("close") - timedelta(minutes=5)
    async with log_writer(chiso_topics, started) as log:
        async with running(chiso_topics, database, clock_offset=offset_to(started)) as chain:
            first = await log.submit(document(CHANCE, [observation("21028", numerator=70, denominator=100)]))
            await chain.settled([first])
            assert (await phase_is(chain, "51", "collecting"))["vintage"] == 0
        # Accepted in time, but in the log only; nobody applies it before the close has passed.
        last = document(CHANCE, [observation("21034", numerator=10, denominator=100)])
        await log.submit(last, accepted_at=instant("close") - timedelta(seconds=1))
        async with running(
            chiso_topics, database, clock_offset=offset_to(instant("close") + timedelta(minutes=1))
        ) as chain:
            closed = await phase_is(chain, "51", "closed")
            assert (closed["numerator"], closed["denominator"], closed["vintage"]) == (80, 200, 1)
            history = [
                (row["phase"], row["denominator"], row["vintage"], row["causes"])
                for row in await versions(chain, "51")
            ]
            assert history[-2:] == [("collecting", 200, 0, ["report"]), ("closed", 200, 1, ["close"])]


async def test_what_fell_due_before_the_first_start_and_is_open_has_rows_and_closes(
    chiso_topics: str, database: str
) -> None:
    started = instant("close") - timedelta(hours=1)
    assert started > instant("due")
    async with log_writer(chiso_topics, started) as log:
        async with running(chiso_topics, database, clock_offset=offset_to(started)) as chain:
            owing = await phase_is(chain, "51", "collecting")
            assert (owing["n_expected"], owing["n_reported"], owing["causes"]) == (96, 0, ["reference"])
            assert await chain.rollup("51", "DVC.ONLINE_SUBMIT", "administrative", "2026-08") is None, (
                "closed"
            )
        offset = offset_to(instant("close") + timedelta(hours=1))
        async with running(chiso_topics, database, clock_offset=offset) as chain:
            closed = await phase_is(chain, "51", "closed")
            assert (closed["vintage"], closed["causes"], closed["value"]) == (1, ["close"], None)
            first = document(CHANCE, [observation("21028", numerator=70, denominator=100)])
            unowed = document(CHANCE, [observation("21028", "DVC.RECEIVED", value=7)])
            late = instant("close") + timedelta(minutes=5)
            await chain.settled([await log.submit(one, accepted_at=late) for one in (first, unowed)])
            row, other = await chain.rollup("51"), await chain.rollup("51", "DVC.RECEIVED")
            assert row is not None and (row["vintage"], row["causes"]) == (2, ["correct"])
            assert other is not None and (other["version"], other["vintage"]) == (1, 2), "nothing was final"
            assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0
