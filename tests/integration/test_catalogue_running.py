"""The seeds change while services run: what is open follows within seconds, without a restart."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from chiso_shared.catalogue import load_catalogue

from tests.harness import collect, eventually
from tests.integration import alerts_running
from tests.integration.indicators_chain import Chain, document, log_writer, observation, running
from tests.integration.indicators_seeds import edited_seeds
from tests.integration.test_indicators_catalogue import (
    INDICATOR,
    NEXT,
    OBLIGATION,
    TARGET,
    becomes,
    moved_commune,
    row_of,
    same,
)
from tests.integration.test_indicators_clock import PERIOD, instant, offset_to, phase_is
from tests.integration.test_indicators_decisions import key_of, post

CHANCE = random.Random("running")
BEFORE_CLOSE = instant("close") - timedelta(hours=1)
AFTER_CLOSE = instant("close") + timedelta(hours=1)
RULE = "online_share_below_target"


def open_seeds(folder: Path) -> Path:
    """Seeds whose first rule judges running months, however few have reported."""
    rules = edited_seeds(folder, "targets.csv", same) / "rules.yaml"
    text = rules.read_text()
    for old, new in (("[collecting, closed]", "[open, collecting, closed]"), ("ness: 0.5", "ness: 0")):
        text = text.replace(old, new, 1)
    rules.write_text(text)
    return folder


@asynccontextmanager
async def one_closed_one_open(kafka: str, database: str, seeds: Path, home: Path) -> AsyncIterator[Chain]:
    """Indicators, running, after two communes have reported 70 of 100 for a closed and an open month."""
    async with log_writer(kafka, BEFORE_CLOSE) as log:
        async with running(kafka, database, seeds=seeds, clock_offset=offset_to(BEFORE_CLOSE)) as chain:
            reports = [
                await log.submit(
                    document(CHANCE, [observation(unit, numerator=70, denominator=100)], period=period),
                    accepted_at=BEFORE_CLOSE,
                )
                for period in (PERIOD, NEXT)
                for unit in ("21028", "18859")
            ]
            await chain.settled(reports)
        offset = offset_to(AFTER_CLOSE)
        async with running(kafka, database, seeds=seeds, home=home, clock_offset=offset) as chain:
            await phase_is(chain, "51", "closed")
            yield chain


async def metric(chain: Chain, name: str) -> str:
    text = (await chain.client.get("/metrics")).text
    [line] = [line for line in text.splitlines() if line.startswith(name + "{")]
    return line


async def test_a_target_and_an_obligation_change_while_both_services_run(
    chiso_topics: str, database: str, databases: Any, tmp_path: Path
) -> None:
    seeds = open_seeds(tmp_path / "seeds")
    operator = key_of(tmp_path, seeds, "H48")
    other, offset = await databases.create(), offset_to(AFTER_CLOSE)
    async with (
        one_closed_one_open(chiso_topics, database, seeds, tmp_path) as chain,
        alerts_running.running(chiso_topics, other, seeds=seeds, clock_offset=offset) as alerts,
    ):

        async def alert(period: str, state: str) -> dict[str, Any] | None:
            listed = await alerts.get("/v1/alerts", rule=RULE, unit="51", period=period)
            return next((one for one in listed["items"] if one["state"] == state), None)

        for period in (PERIOD, NEXT):
            assert await eventually(partial(alert, period, "FIRING"), 20)
        closed, opened = await row_of(chain, "51", PERIOD), await row_of(chain, "51", NEXT)
        assert (opened["target"]["value"], opened["phase"], closed["phase"]) == (80, "open", "closed")
        units = await chain.client.get("/v1/units", params={"code": "51"})

        edited_seeds(seeds, "targets.csv", same, TARGET)
        row = await becomes(chain, "51", NEXT, causes=["reference"])
        version = load_catalogue(seeds).version
        assert (row["target"]["value"], row["version"]) == (60, opened["version"] + 1)
        assert (row["catalogue_version"], row["numerator"]) == (version, 70)
        retracted = await eventually(lambda: alert(NEXT, "RESOLVED"), 20)
        assert (retracted["transition"], retracted["reason"]) == ("retracted", "target_changed")
        assert retracted["target"]["value"] == 60
        assert await row_of(chain, "51", PERIOD) == closed, "what is closed stays"
        assert (await alert(PERIOD, "FIRING") or {})["target"]["value"] == 80
        assert version in await metric(chain, "chiso_catalogue_info")
        assert await alerts.metric(
            f'chiso_catalogue_info{{catalogue_version="{version}",service="alerts"}} 1.0'
        )
        known = {"if-none-match": units.headers["etag"]}
        again = await chain.client.get("/v1/units", params={"code": "51"}, headers=known)
        assert (again.status_code, again.headers["x-catalogue-version"]) == (200, version)
        assert again.headers["etag"] != units.headers["etag"]
        targets = (await chain.get("/v1/targets", indicator=INDICATOR, unit="51"))["items"]
        assert [target["value"] for target in targets] == [60]

        edited_seeds(seeds, "obligations.csv", same, OBLIGATION)
        row = await becomes(chain, "51", NEXT, n_expected=97)
        assert (row["causes"], row["version"]) == (["reference"], opened["version"] + 2)
        assert await row_of(chain, "51", PERIOD) == closed
        records = await collect(
            chiso_topics,
            "chiso.operations.v1",
            lambda found: sum(one.json["operation"] == "catalogue_applied" for one in found) >= 3,
        )
        told = sorted((one.json for one in records), key=lambda one: one["at"])
        assert [one["reason"] for one in told] == ["read at start", *["the seeds have changed"] * 2]
        assert [one["details"]["before"] for one in told[1:]] == [one["subject"] for one in told[:-1]]
        path = f"/v1/periods/administrative/{PERIOD}/recompute"
        status, _ = await post(chain, path, operator, unit="51", reason="it was meant for September")
        assert status == 200
        assert (await becomes(chain, "51", PERIOD, n_expected=97))["target"]["value"] == 60
        assert await eventually(lambda: alert(PERIOD, "RESOLVED"), 20)
        assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0


async def test_a_wrong_folder_stops_nothing_and_half_a_file_is_never_taken_in(
    chiso_topics: str, database: str, tmp_path: Path
) -> None:
    seeds = open_seeds(tmp_path / "seeds")
    async with one_closed_one_open(chiso_topics, database, seeds, tmp_path) as chain:
        before = {period: await row_of(chain, "51", period) for period in (PERIOD, NEXT)}
        version = load_catalogue(seeds).version
        targets = seeds / "targets.csv"
        right = targets.read_text()
        targets.write_text(right + ",".join(TARGET.values()).replace("ge", "about") + "\n")

        async def noticed() -> bool:
            return (await metric(chain, "chiso_catalogue_problems")).endswith(" 1.0")

        assert await eventually(noticed, 20)
        assert (await chain.client.get("/readyz")).status_code == 200
        assert version in await metric(chain, "chiso_catalogue_info")
        async with log_writer(chiso_topics, AFTER_CLOSE) as log:
            sent = await log.submit(
                document(CHANCE, [observation("21034", numerator=5, denominator=100)], period=NEXT)
            )
            await chain.settled([sent])
        row = await row_of(chain, "51", NEXT)
        assert (row["numerator"], row["catalogue_version"], row["causes"]) == (75, version, ["report"])
        assert await row_of(chain, "51", PERIOD) == before[PERIOD]

        # Without its last rows the file is a right one; it is written row by row, faster than the looks.
        rows = (right + ",".join(TARGET.values()) + "\n").splitlines(keepends=True)
        with targets.open("w") as file:
            for row_text in rows:
                file.write(row_text)
                file.flush()
                await asyncio.sleep(0.05)
        row = await becomes(chain, "51", NEXT, causes=["reference"])
        assert row["target"]["value"] == 60
        records = await collect(
            chiso_topics, "chiso.operations.v1", lambda found: len(found) >= 2, deadline_seconds=20
        )
        assert {one.json["subject"] for one in records} == {version, load_catalogue(seeds).version}


async def test_a_commune_moves_to_another_province_while_the_service_runs(
    chiso_topics: str, database: str, tmp_path: Path
) -> None:
    seeds = edited_seeds(tmp_path / "seeds", "units.csv", same)
    async with (
        log_writer(chiso_topics, BEFORE_CLOSE) as log,
        running(chiso_topics, database, seeds=seeds, clock_offset=offset_to(BEFORE_CLOSE)) as chain,
    ):
        reports = [
            await log.submit(
                document(CHANCE, [observation(unit, numerator=part, denominator=100)], period=NEXT),
                accepted_at=BEFORE_CLOSE,
            )
            for unit, part in (("21028", 70), ("21034", 5), ("18859", 1))
        ]
        await chain.settled(reports)
        nation = await row_of(chain, "VN", NEXT)
        moved_commune(seeds)
        new = await becomes(chain, "44", NEXT, numerator=71)
        assert (new["causes"], new["n_expected"], new["n_reported"]) == (["hierarchy"], 79, 2)
        old = await becomes(chain, "51", NEXT, numerator=5)
        assert (old["causes"], old["n_expected"]) == (["hierarchy"], 95)
        assert await row_of(chain, "VN", NEXT) == nation
        [unit] = [one for one in (await chain.get("/v1/units", code="21028"))["items"] if not one["valid_to"]]
        assert unit["parent"] == "44"
        revised = await log.submit(
            document(CHANCE, [observation("21028", numerator=80, denominator=100)], period=NEXT, revision=1)
        )
        await chain.settled([revised])
        assert (await becomes(chain, "44", NEXT, numerator=81))["causes"] == ["correct"]
        assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0


class Pair:
    """Two instances of indicators on one store, each with a folder of its own."""

    def __init__(self, kafka: str, database: str, folders: tuple[Path, Path], when: datetime) -> None:
        self._kafka = kafka
        self._database = database
        self._folders = folders
        self._offset = offset_to(when)

    def instance(self, number: int, **settings: Any) -> Any:
        """One of them."""
        return running(
            self._kafka,
            self._database,
            seeds=self._folders[number],
            clock_offset=self._offset,
            **settings,
        )


async def version_of(chain: Chain) -> str:
    return (await chain.client.get("/v1/units", params={"code": "51"})).headers["x-catalogue-version"]


async def test_two_instances_work_with_the_one_catalogue_in_force(
    chiso_topics: str, database: str, tmp_path: Path
) -> None:
    folders = tuple(edited_seeds(tmp_path / name, "targets.csv", same) for name in ("first", "second"))
    pair = Pair(chiso_topics, database, (folders[0], folders[1]), BEFORE_CLOSE)
    old = load_catalogue(folders[0]).version

    async def both_have(version: str, *chains: Chain) -> None:
        async def check() -> bool:
            return {await version_of(chain) for chain in chains} == {version}

        assert await eventually(check, 20)

    async with log_writer(chiso_topics, BEFORE_CLOSE) as log, pair.instance(0) as first:
        async with pair.instance(1) as second:
            await both_have(old, first, second)
            edited_seeds(folders[0], "targets.csv", same, TARGET)
            new = load_catalogue(folders[0]).version
            await both_have(new, first, second)
            # Partitions of both: whoever applies and rolls, it is with the new one.
            sent = [
                await log.submit(
                    document(CHANCE, [observation("21028", numerator=70, denominator=100)], revision=number),
                    partition=number,
                )
                for number in range(12)
            ]
            await first.settled(sent)
            row = await becomes(second, "51", PERIOD, n_reported=1)
            assert (row["target"]["value"], row["catalogue_version"]) == (60, new)
        async with pair.instance(1) as second:
            await both_have(new, first, second)
            # A person changes the second folder: that is news, and the first follows.
            edited_seeds(folders[1], "obligations.csv", same, OBLIGATION)
            newest = load_catalogue(folders[1]).version
            await both_have(newest, first, second)
            assert (await becomes(first, "51", PERIOD, n_expected=97))["target"]["value"] == 80
            # Back to what was in force before, by hand.
            edited_seeds(folders[1], "obligations.csv", lambda row: row)
            _drop_last_row(folders[1] / "obligations.csv")
            await both_have(old, first, second)
        async with pair.instance(1) as second:
            await both_have(old, first, second)
            records = await collect(
                chiso_topics, "chiso.operations.v1", lambda found: len(found) >= 4, deadline_seconds=20
            )
            told = sorted((one.json for one in records), key=lambda one: one["at"])
            assert [one["subject"] for one in told] == [old, new, newest, old], "nobody flips it back"
            assert (await first.client.post("/v1/audit")).json()["drift_rows"] == 0


def _drop_last_row(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
