"""What a commune's rollup said stays what it said when the catalogue changes; what is open follows it."""

from __future__ import annotations

import csv
import random
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.harness import eventually
from tests.integration.indicators_chain import SEEDS, Chain, Log, document, log_writer, observation, running
from tests.integration.indicators_seeds import edited_seeds
from tests.integration.test_indicators_catalogue import INDICATOR, NEXT, TARGET, same
from tests.integration.test_indicators_clock import PERIOD, instant, offset_to, phase_is
from tests.integration.test_indicators_decisions import key_of, post

CHANCE = random.Random("history of catalogues")
COMMUNE = "21028"
MICROSECOND = timedelta(microseconds=1)
NEW = "DVC.NEWLY_COUNTED"
Bodies = dict[tuple[str, str], tuple[int, bytes]]
OF_THE_COMMUNE = {**TARGET, "unit": COMMUNE}


def path(period: str, unit: str = COMMUNE) -> str:
    return f"/v1/rollups/{unit}/{INDICATOR}/administrative/{period}/in_period"


def newly_counted() -> dict[str, str]:
    """An indicator that nobody knew before."""
    with (SEEDS / "indicators.csv").open(encoding="utf-8", newline="") as file:
        return {**next(row for row in csv.DictReader(file) if row["code"] == INDICATOR), "code": NEW}


async def tell(log: Log, chain: Chain, at: datetime, part: int, revision: int, *periods: str) -> None:
    """The commune and a neighbour report."""
    figures = [observation(unit, numerator=part, denominator=100) for unit in (COMMUNE, "21034")]
    reason = "recount" if revision else None
    for period in periods:
        told = document(CHANCE, figures, period=period, revision=revision, reason=reason)
        await chain.settled([await log.submit(told, accepted_at=at)])


async def answers(chain: Chain, stamps: list[str]) -> Bodies:
    """What is read as of instants: single rows, a list of all, and ranks; byte for byte."""
    found: Bodies = {}
    ranks = f"/v1/ranks?indicator={INDICATOR}&calendar=administrative&basis=in_period&level=commune&parent=51"
    asked = [path(PERIOD), path(NEXT), "/v1/rollups?limit=1000", f"{ranks}&period={NEXT}"]
    asked.append(f"/v1/rollups?indicator={NEW}")
    for stamp in stamps:
        for where in asked:
            answer = await chain.client.get(where, params=_with(where, stamp))
            assert answer.status_code == 200 or (NEW in where and answer.status_code == 422), answer.text
            found[stamp, where] = (answer.status_code, answer.content)
    return found


def _with(where: str, stamp: str) -> dict[str, str]:
    given = dict(pair.split("=") for pair in where.partition("?")[2].split("&") if pair)
    return {**given, "as_of": stamp}


async def versions(chain: Chain, period: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await chain.get(path(period), history="true"))["items"]
    return items


async def followed(chain: Chain, version: int) -> dict[str, Any]:
    """The open rollup of the commune once a tick has looked at it with the new catalogue."""

    async def check() -> dict[str, Any] | None:
        row: dict[str, Any] = await chain.get(path(NEXT))
        return row if row["version"] == version else None

    row: dict[str, Any] = await eventually(check, 20)
    return row


async def test_an_answer_of_the_past_keeps_the_catalogue_of_its_time(
    chiso_topics: str, database: str, tmp_path: Path
) -> None:
    operator = key_of(tmp_path, SEEDS, "H48")
    started, closing = instant("close") - timedelta(hours=1), instant("close") + timedelta(hours=1)
    later = offset_to(closing)
    async with log_writer(chiso_topics, started) as log:
        async with running(chiso_topics, database, clock_offset=offset_to(started)) as chain:
            await tell(log, chain, started, 70, 0, PERIOD, NEXT)
        async with running(chiso_topics, database, clock_offset=later) as chain:
            closed = await phase_is(chain, COMMUNE, "closed")
            opened = await chain.get(path(NEXT))
            assert (closed["target"], closed["status_colour"], closed["n_expected"]) == (None, "grey", 1)
            assert (opened["version"], opened["target"]) == (1, None)
            stamps = [opened["updated_at"], (await chain.get(path(PERIOD, "51")))["updated_at"]]
            assert stamps[0] < stamps[1], "one instant before the close, one after it"
            before = await answers(chain, stamps)
        seeds = edited_seeds(tmp_path / "seeds", "targets.csv", same, OF_THE_COMMUNE)
        edited_seeds(seeds, "indicators.csv", same, newly_counted())
        edited_seeds(seeds, "obligations.csv", lambda row: {**row, "valid_to": "2026-09-30"})
        async with running(chiso_topics, database, seeds=seeds, home=tmp_path, clock_offset=later) as chain:
            row = await followed(chain, 2)
            assert (row["causes"], row["target"]["value"], row["status_colour"]) == (
                ["reference"],
                60,
                "green",
            )
            assert (row["n_expected"], row["n_unexpected"], row["numerator"]) == (0, 1, 70)
            assert await chain.get(path(PERIOD)) == closed, "a closed period followed the catalogue"
            assert await answers(chain, stamps) == before, "an answer of the past has changed"

            one, two = await versions(chain, NEXT)
            assert {name: one[name] for name in opened} == opened
            assert {name: two[name] for name in row} == row
            assert one["valid_to"] == two["valid_from"] == row["updated_at"]
            begins = datetime.fromisoformat(row["updated_at"])
            assert await chain.get(path(NEXT), as_of=begins.isoformat()) == row
            assert await chain.get(path(NEXT), as_of=(begins - MICROSECOND).isoformat()) == opened
            assert (await chain.get("/v1/rollups", indicator=NEW))["items"] == []
            [listed] = (await chain.get("/v1/rollups", unit=COMMUNE, period=NEXT))["items"]
            assert listed == row
            province = await chain.get(path(NEXT, "51"))
            assert province["updated_at"] == row["updated_at"], "one tick for all that the catalogue moves"

            status, _ = await post(
                chain, f"/v1/periods/administrative/{PERIOD}/recompute", operator, unit="51", reason="asked"
            )
            assert status == 200

            async def recomputed() -> dict[str, Any] | None:
                found: dict[str, Any] = await chain.get(path(PERIOD))
                return found if found["version"] > closed["version"] else None

            asked_for = await eventually(recomputed, 20)
            assert (asked_for["causes"], asked_for["target"]["value"]) == (["reference"], 60)
            assert (asked_for["phase"], asked_for["vintage"]) == ("closed", closed["vintage"] + 1)
            assert await answers(chain, stamps) == before
            after = await answers(chain, [*stamps, asked_for["updated_at"]])
            assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0
        # The old catalogue comes back: one more version where a row is open, and the past stands still.
        shutil.copytree(SEEDS, seeds, dirs_exist_ok=True)
        async with running(chiso_topics, database, seeds=seeds, clock_offset=later) as chain:
            again = await followed(chain, 3)
            assert (again["target"], again["n_expected"], again["causes"]) == (None, 1, ["reference"])
            assert await chain.get(path(PERIOD)) == asked_for
            assert await answers(chain, [*stamps, asked_for["updated_at"]]) == after
            await tell(log, chain, closing, 80, 1, PERIOD)
            restated = await chain.get(path(PERIOD))
            assert (restated["numerator"], restated["target"]) == (80, None), "restated by what is in force"
            assert await answers(chain, [*stamps, asked_for["updated_at"]]) == after
            assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0
