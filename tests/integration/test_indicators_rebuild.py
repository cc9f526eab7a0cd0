"""The store computed anew from the log beside the live one: it agrees, or says where it does not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from chiso_cli.__main__ import run as chiso
from chiso_indicators.store import generation, settling

from tests.harness import collect, eventually
from tests.integration.indicators_chain import document, log_writer, observation, running
from tests.integration.rebuilds import CHANCE, UNITS, history, operators_key, rebuilt, schemas


async def test_a_rebuild_agrees_or_says_where_not(
    chiso_topics: str, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        log_writer(chiso_topics) as log,
        running(chiso_topics, database, rebuild_max_records=10) as chain,
    ):
        assert (await chain.client.get("/v1/rebuild")).status_code == 404
        await history(log, 40)
        await chain.settled(log.sent)
        before = await chain.rollup("VN")
        state = await rebuilt(chain)
        found = state["comparison"]
        assert found["differing"] == {"cells": 0, "revisions": 0, "submissions": 0}, found
        assert found["counts"]["submissions"] == 40 and found["counts"]["quarantined"] == 1
        assert state["records"] == state["of"] == sum(found["offsets"].values()) == 40 + 2 * 8 + 1
        assert await chain.rollup("VN") == before, "comparing changes nothing"

        session = await asyncpg.connect(database)
        assert await schemas(session) == {"indicators"}, "the generation is gone"
        unit = await session.fetchval(
            "SELECT min(unit) FROM indicators.cell WHERE op = 'report' AND basis = 'in_period'"
        )
        await session.execute(
            "UPDATE indicators.cell SET numerator = numerator + 5 WHERE unit = $1 AND basis = 'in_period'",
            unit,
        )
        gone = await session.fetchrow(
            "DELETE FROM indicators.revision WHERE (unit, submission_id, agency) IN"
            " (SELECT unit, submission_id, agency FROM indicators.revision WHERE unit = '18859' LIMIT 1)"
            " RETURNING submission_id::text"
        )
        await session.close()
        assert gone is not None
        found = (await rebuilt(chain))["comparison"]
        assert found["differing"] == {"cells": 1, "revisions": 1, "submissions": 0}, found
        [wrong] = found["cells"]
        assert wrong["key"].startswith(f"{unit}|DVC.ONLINE_SUBMIT|administrative|2026-09")
        both = wrong["fields"]["numerator"]
        assert both["stored"] == both["computed"] + 5 and list(wrong["fields"]) == ["numerator"]
        [lost] = found["revisions"]
        assert (lost["submission_id"], lost["absent"]) == (gone["submission_id"], "stored")
        url = f"http://127.0.0.1:{urlsplit(str(chain.client.base_url)).port}"
        code = await asyncio.to_thread(chiso, ["rebuild", "--compare", "--indicators-url", url])
        told = capsys.readouterr().out
        assert code == 1 and "differs from the log: 1 cells, 1 revisions" in told, told
        assert "missing in the live store" in told and "numerator stored" in told


OUTCOMES = """
SELECT unit, indicator, calendar, period, basis, agency, submission_id, ordinal, outcome, outcome_reason,
    late, op, numerator, denominator, value, as_of, stage, reason
FROM indicators.revision ORDER BY unit, indicator, calendar, period, basis, agency, submission_id
"""
WINNERS = """
SELECT unit, indicator, calendar, period, basis, level, parent, op, numerator, denominator, as_of, order_date,
    revision, accepted_at, submission_id, agency, stage, reason, first_accepted_at
FROM indicators.cell ORDER BY unit, indicator, calendar, period, basis
"""
SENT = """
SELECT agency, submission_id, payload_sha256, outcomes, document FROM indicators.submission
ORDER BY agency, submission_id
"""


async def test_what_was_lost_comes_back_as_it_was(
    chiso_topics: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_CHUNK", 3)
    monkeypatch.setattr(generation, "_CHUNK", 2)
    monkeypatch.setattr(generation, "_SHOWN", 2)
    key = operators_key(tmp_path)
    async with (
        log_writer(chiso_topics) as log,
        running(chiso_topics, database, home=tmp_path, rebuild_max_records=7) as chain,
    ):
        await history(log, 60, partitions=1)
        await chain.settled(log.sent)
        session = await asyncpg.connect(database)
        before = [await session.fetch(statement) for statement in (OUTCOMES, WINNERS, SENT)]
        assert {"applied", "superseded"} <= {record["outcome"] for record in before[0]}
        for statement in (
            "DELETE FROM indicators.submission WHERE hashtext(submission_id::text) % 2 = 0",
            "DELETE FROM indicators.revision WHERE hashtext(submission_id::text) % 3 <> 0",
            "DELETE FROM indicators.cell WHERE unit IN ('21025', '21034')",
        ):
            assert not (await session.execute(statement)).endswith(" 0"), statement
        state = await rebuilt(chain, key)
        found = state["comparison"]
        assert min(found["differing"].values()) > 2
        assert {len(found[kind]) for kind in found["differing"]} == {2}
        assert found["counts"]["cells"] == len(before[1]) > found["differing"]["cells"]
        after = [await session.fetch(statement) for statement in (OUTCOMES, WINNERS, SENT)]
        await session.close()
        assert after == before


SPOILED = (
    *("level = 'department'", "parent = '44'", "op = 'withdraw'", "status = 'P'", "numerator = 9"),
    *("denominator = 9", "value = 9", "value_high = 9", "qualifier = 'gt'", "as_of = '2026-01-01'"),
    *("order_date = '2026-01-01'", "revision = 9", "accepted_at = accepted_at + interval '1 second'"),
    *("submission_id = gen_random_uuid()", "agency = 'H50'", "stage = 'official'", "reason = 'spoiled'"),
    "first_accepted_at = first_accepted_at - interval '1 second'",
)


async def test_whatever_is_wrong_in_a_cell_is_found(chiso_topics: str, database: str) -> None:
    places = [(unit, f"2026-0{month}") for unit in UNITS for month in range(1, 10)]
    async with log_writer(chiso_topics) as log, running(chiso_topics, database) as chain:
        for unit, period in places:
            figure = observation(unit, numerator=1, denominator=2)
            await log.submit(document(CHANCE, [figure], period=period))
        await chain.settled(log.sent)
        session = await asyncpg.connect(database)
        spoiled = dict(zip(SPOILED, places, strict=False))
        for change, place in spoiled.items():
            done = f"UPDATE indicators.cell SET {change} WHERE (unit, period) = ($1, $2)"
            assert await session.execute(done, *place) == "UPDATE 1"
        await session.close()
        found = (await rebuilt(chain))["comparison"]
        assert found["differing"] == {"cells": len(SPOILED), "revisions": 0, "submissions": 0}
        keys = {tuple(cell["key"].split("|")[0:4:3]): list(cell["fields"]) for cell in found["cells"]}
        assert keys == {place: [change.split()[0]] for change, place in spoiled.items()}


async def test_a_rebuild_goes_on_beside_writers(chiso_topics: str, database: str) -> None:
    async with (
        log_writer(chiso_topics) as log,
        running(chiso_topics, database, rebuild_max_records=5) as chain,
    ):
        await history(log, 30)
        compare = {"compare": "true"}
        assert (await chain.client.post("/v1/rebuild", params=compare)).status_code == 202
        assert (await chain.client.post("/v1/rebuild", params=compare)).status_code == 409, "one at a time"
        await history(log, 30)

        async def finished() -> dict[str, Any] | None:
            state: dict[str, Any] = await chain.get("/v1/rebuild")
            return state if state["finished_at"] is not None else None

        state: dict[str, Any] = await eventually(finished, 60)
        assert state["state"] == "done", state
        assert set(state["comparison"]["differing"].values()) == {0}, state
        await chain.settled(log.sent)
        assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0


async def test_a_rebuild_writes_what_differs_and_tells_only_that(
    chiso_topics: str, database: str, tmp_path: Path
) -> None:
    key = operators_key(tmp_path)
    async with (
        log_writer(chiso_topics) as log,
        running(chiso_topics, database, home=tmp_path) as chain,
    ):
        for unit, numerator in (("21028", 3), ("21034", 4), ("18859", 5)):
            figure = observation(unit, numerator=numerator, denominator=10)
            await log.submit(document(CHANCE, [figure]))
        await chain.settled(log.sent)
        session = await asyncpg.connect(database)
        # A cell goes wrong, another is lost, one is invented; what is reported next to them is rolled.
        await session.execute("UPDATE indicators.cell SET numerator = 9 WHERE unit = '21028'")
        lost = log.sent[1]["submission_id"]
        await session.execute("DELETE FROM indicators.submission WHERE submission_id = $1", lost)
        await session.execute("DELETE FROM indicators.revision WHERE unit = '21034'")
        await session.execute("DELETE FROM indicators.cell WHERE unit = '21034'")
        await session.execute(
            "INSERT INTO indicators.cell"
            " SELECT (jsonb_populate_record(cell, jsonb_build_object('unit', '21040'))).*"
            " FROM indicators.cell WHERE unit = '21028'"
        )
        beside = document(CHANCE, [observation("21025", numerator=1, denominator=10)])
        await chain.settled([await log.submit(beside)])
        wrong = await chain.rollup("51")
        assert wrong is not None and wrong["numerator"] == 9 + 9 + 1
        other = await chain.rollup("44")

        without = await chain.client.post("/v1/rebuild", params={"compare": "false"})
        assert without.status_code == 401, "writing needs an operator's key"
        state = await rebuilt(chain, key)
        assert state["written"]
        assert state["comparison"]["differing"] == {"cells": 3, "revisions": 1, "submissions": 1}

        async def right() -> dict[str, Any] | None:
            row = await chain.rollup("51")
            return row if row is not None and row["numerator"] == 3 + 4 + 1 else None

        row: dict[str, Any] = await eventually(right)
        assert (row["denominator"], row["version"]) == (30, wrong["version"] + 1)
        assert await chain.rollup("44") == other, "what did not differ has no new version"
        assert (await rebuilt(chain))["comparison"]["differing"] == dict.fromkeys(
            ("cells", "revisions", "submissions"), 0
        )
        assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0
        await chain.settled(log.sent)
        told = await session.fetch(
            "SELECT DISTINCT unit FROM indicators.rollup_history WHERE mode = 'rebuild'"
        )
        assert {record["unit"] for record in told} == {"51", "VN"}
        await session.close()
        subject = "51|DVC.ONLINE_SUBMIT|administrative|2026-09|in_period"
        records = await collect(
            chiso_topics,
            "chiso.rollups.v1",
            lambda found: any(one.key_text == subject and one.json["mode"] == "rebuild" for one in found),
        )
        events = [one.json for one in records if one.key_text == subject]
        assert [event["mode"] for event in events[-2:]] == ["live", "rebuild"]
        assert {cell["unit"] for cell in events[-1]["changed_cells"]} == {"21028", "21034", "21040"}
