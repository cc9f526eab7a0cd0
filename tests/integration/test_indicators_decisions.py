"""Late reports by policy, what people decide about them, and periods opened again: the real store."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chiso_ingest.keys import add_key

from tests.harness import collect, eventually
from tests.integration.indicators_chain import Chain, Log, document, log_writer, observation, running
from tests.integration.indicators_seeds import catalogue_in, edited_seeds
from tests.integration.test_indicators_clock import PERIOD, instant, offset_to, phase_is

CHANCE = random.Random("decisions")
HELD, REJECTED = "DVC.ONLINE_SUBMIT", "DVC.ON_TIME"
PLACE = ("administrative", PERIOD, "in_period")


def policies(folder: Path) -> Path:
    """Seeds in which one indicator holds late reports and another rejects them."""

    def late(row: dict[str, str]) -> dict[str, str]:
        policy = {HELD: "hold", REJECTED: "reject"}.get(row["code"], row["late_policy"])
        return {**row, "late_policy": policy}

    return edited_seeds(folder / "seeds", "indicators.csv", late)


def key_of(home: Path, seeds: Path, agency: str, actions: tuple[str, ...] = ("report", "operate")) -> str:
    return add_key(
        home / "keys.json",
        catalogue_in(seeds),
        agency=agency,
        home="51",
        units=["51/*"],
        indicators=["*"],
        actions=actions,  # type: ignore[arg-type]
        now=datetime.now(UTC),
    )


async def post(chain: Chain, path: str, key: str | None, **body: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = await chain.client.post(path, json=body, headers=headers)
    return answer.status_code, answer.json()


async def send(
    log: Log, unit: str, numerator: int, late_minutes: int, revision: int = 0, key_id: str = "test"
) -> dict[str, Any]:
    """One share of a hundred for each of the two indicators, so long after the close."""
    observations = [
        observation(unit, name, numerator=numerator, denominator=100) for name in (HELD, REJECTED)
    ]
    accepted_at = instant("close") + timedelta(minutes=late_minutes)
    return await log.submit(
        document(CHANCE, observations, revision=revision), accepted_at=accepted_at, key_id=key_id
    )


async def outcomes(chain: Chain, sent: dict[str, Any]) -> list[tuple[str, str | None]]:
    found = await chain.get(f"/v1/submissions/{sent['agency']}/{sent['submission_id']}")
    return [(item["outcome"], item["reason"]) for item in found["observations"]]


async def numerator_is(chain: Chain, indicator: str, numerator: int) -> dict[str, Any]:
    async def check() -> dict[str, Any] | None:
        row = await chain.rollup("51", indicator, *PLACE)
        return row if row is not None and row["numerator"] == numerator else None

    row: dict[str, Any] = await eventually(check, 20)
    return row


async def test_late_reports_are_held_or_rejected_and_decided_by_another(
    chiso_topics: str, database: str, tmp_path: Path
) -> None:
    seeds = policies(tmp_path)
    operator = key_of(tmp_path, seeds, "H48")
    reporter = key_of(tmp_path, seeds, "H48.12", ("report",))
    started = instant("close") - timedelta(hours=1)
    async with log_writer(chiso_topics, started) as log:
        async with running(chiso_topics, database, seeds=seeds, clock_offset=offset_to(started)) as chain:
            first = await send(log, "21028", 70, -30)
            await chain.settled([first])
        later = instant("close") + timedelta(hours=2)
        async with running(
            chiso_topics, database, seeds=seeds, home=tmp_path, clock_offset=offset_to(later)
        ) as chain:
            await phase_is(chain, "51", "closed")
            late = [await send(log, "21028", 90, 5, 1), await send(log, "21034", 50, 6)]
            await chain.settled(late)
            assert [await outcomes(chain, sent) for sent in late] == [
                [("held", "after_close"), ("rejected", "after_close")]
            ] * 2
            closed = await chain.rollup("51", HELD, *PLACE)
            assert closed is not None and (closed["numerator"], closed["vintage"]) == (70, 1)
            held = (await chain.get("/v1/held", agency="H48.12"))["items"] + (await chain.get("/v1/held"))[
                "items"
            ]
            assert [(item["unit"], item["indicator"], item["numerator"]) for item in held] == [
                ("21028", HELD, 90),
                ("21034", HELD, 50),
            ]
            shown = await chain.get(f"/v1/cells/21034/{HELD}/administrative/{PERIOD}/in_period")
            assert shown["winner"] is None and shown["revisions"][0]["outcome"] == "held"

            paths = [f"/v1/held/DEMO/{sent['submission_id']}" for sent in late]
            assert (await post(chain, f"{paths[0]}/approve", None, reason="x"))[0] == 401
            assert (await post(chain, f"{paths[0]}/approve", reporter, reason="x"))[0] == 403
            assert (await post(chain, f"{paths[0]}/approve", operator, reason=" "))[0] == 422
            status, answer = await post(
                chain, f"{paths[0]}/approve", operator, reason="checked with the office"
            )
            assert status == 200 and answer["observations"][0]["outcome"] == "applied", answer
            row = await numerator_is(chain, HELD, 90)
            assert (row["causes"], row["vintage"], row["phase"]) == (["correct"], 2, "closed")
            assert (await post(chain, f"{paths[0]}/approve", operator, reason="again"))[0] == 404
            assert (await post(chain, f"{paths[1]}/refuse", operator, reason="not plausible"))[0] == 200
            assert await outcomes(chain, late[0]) == [("applied", "approved"), ("rejected", "after_close")]
            assert await outcomes(chain, late[1]) == [("rejected", "refused"), ("rejected", "after_close")]
            assert (await chain.get("/v1/held"))["items"] == []
            rejected = await chain.rollup("51", REJECTED, *PLACE)
            assert rejected is not None and rejected["numerator"] == 70
            assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0
            records = await collect(
                chiso_topics,
                "chiso.operations.v1",
                lambda found: any(record.json["operation"] == "refused" for record in found),
            )
            told = {record.json["operation"]: record.json for record in records}
            assert told["approved"]["reason"] == "checked with the office"
            assert told["approved"]["author"].startswith("H48/")
            assert told["refused"]["subject"].endswith(f"/21034|{HELD}|administrative|{PERIOD}|in_period")


async def test_the_key_that_sent_a_report_does_not_approve_it(
    chiso_topics: str, database: str, tmp_path: Path
) -> None:
    seeds = policies(tmp_path)
    own = key_of(tmp_path, seeds, "H48")
    later = instant("close") + timedelta(hours=2)
    async with log_writer(chiso_topics, later) as log:
        started = instant("close") - timedelta(hours=1)
        async with running(chiso_topics, database, seeds=seeds, clock_offset=offset_to(started)):
            pass
        async with running(
            chiso_topics, database, seeds=seeds, home=tmp_path, clock_offset=offset_to(later)
        ) as chain:
            sent = await send(log, "21028", 90, 5, key_id=own.split("_")[1])
            await chain.settled([sent])
            path = f"/v1/held/DEMO/{sent['submission_id']}/approve"
            assert (await post(chain, path, own, reason="mine"))[0] == 403
            assert len((await chain.get("/v1/held"))["items"]) == 1


async def test_a_period_is_opened_again_takes_corrections_and_closes_with_the_next_vintage(
    chiso_topics: str, database: str, tmp_path: Path
) -> None:
    seeds = policies(tmp_path)
    operator = key_of(tmp_path, seeds, "H48")
    started = instant("close") - timedelta(hours=1)
    async with log_writer(chiso_topics, started) as log:
        async with running(chiso_topics, database, seeds=seeds, clock_offset=offset_to(started)) as chain:
            await chain.settled([await send(log, "21028", 70, -30), await send(log, "18859", 10, -30)])
        offset = offset_to(instant("close") + timedelta(minutes=10))
        async with running(chiso_topics, database, seeds=seeds, home=tmp_path, clock_offset=offset) as chain:
            await phase_is(chain, "51", "closed")
            path = f"/v1/periods/administrative/{PERIOD}"
            assert (await post(chain, f"{path}/reopen", operator, unit="44", reason="x"))[0] == 403
            assert (await post(chain, f"{path}/close", operator, unit="51", reason="x"))[0] == 409
            status, answer = await post(
                chain, f"{path}/reopen", operator, unit="51", reason="a file was lost"
            )
            assert status == 200 and answer["closes_at"] is None, answer
            assert (await post(chain, f"{path}/reopen", operator, unit="51", reason="x"))[0] == 409
            for unit, phase in (("51", "reopened"), ("VN", "reopened"), ("44", "closed")):
                assert (await phase_is(chain, unit, phase))["vintage"] == 1
            now = datetime.now(UTC) + timedelta(seconds=offset)
            sent = await log.submit(
                document(
                    CHANCE,
                    [observation("21028", name, numerator=90, denominator=100) for name in (HELD, REJECTED)],
                    revision=1,
                ),
                accepted_at=now,
            )
            await chain.settled([sent])
            assert await outcomes(chain, sent) == [("applied", None)] * 2
            row = await numerator_is(chain, HELD, 90)
            assert (row["phase"], row["causes"]) == ("reopened", ["correct"])
            status, _ = await post(chain, f"{path}/close", operator, unit="51", reason="complete")
            assert status == 200
            again = await phase_is(chain, "51", "closed")
            assert (again["vintage"], again["causes"], again["numerator"]) == (2, ["close"], 90)
            assert (await phase_is(chain, "VN", "closed"))["vintage"] == 2
            other = await chain.rollup("44", HELD, *PLACE)
            assert other is not None and other["vintage"] == 1
            late = await log.submit(
                document(CHANCE, [observation("21028", HELD, numerator=95, denominator=100)], revision=2),
                accepted_at=now + timedelta(hours=1),
            )
            await chain.settled([late])
            assert await outcomes(chain, late) == [("held", "after_close")]
            [listed] = (await chain.get(f"{path}/reopenings"))["items"]
            assert listed["unit"] == "51" and listed["closed_tick"] > listed["reopened_tick"]
            assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0
            records = await collect(
                chiso_topics,
                "chiso.operations.v1",
                lambda found: sum(record.json["operation"] == "reopened" for record in found) >= 2,
            )
            told = [record.json for record in records if record.json["operation"] == "reopened"]
            assert [json.loads(json.dumps(item["details"]))["closes_at"] is None for item in told] == [
                True,
                False,
            ]


async def test_a_decision_that_cannot_be_written_down_is_refused(
    chiso_topics: str, database: str, operator_home: Path, operator: dict[str, str]
) -> None:
    path = "/v1/periods/administrative/2025-10/reopen"
    bodies: list[tuple[dict[str, Any], str]] = [
        ({"reason": "x\x00"}, "/reason"),
        ({"reason": "\x00"}, "/reason"),
        ({"reason": " \n"}, "/reason"),
        ({"reason": "x", "closes_at": "9999-12-31T23:59:59-14:00"}, "/closes_at"),
        ({"reason": "x", "closes_at": "0001-01-01T00:00:00+14:00"}, "/closes_at"),
        ({"reason": "x", "colour": "red"}, "/colour"),
    ]
    async with running(chiso_topics, database, home=operator_home) as chain:
        for body, pointer in bodies:
            answer = await chain.client.post(path, json=body, headers=operator)
            assert answer.status_code == 422, (body, answer.text)
            [error] = answer.json()["errors"]
            assert error["pointer"] == pointer and error["message_vi"], (body, error)
