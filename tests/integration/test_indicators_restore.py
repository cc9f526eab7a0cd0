"""An older database comes back beside newer logs: versions, ticks and stamps only grow for subscribers."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from tests.harness import Collected, collect
from tests.harness.databases import Databases
from tests.integration.indicators_chain import Log, document, log_writer, observation, running

CHANCE = random.Random("restore")
UNIT, TOPIC = "21028", "chiso.rollups.v1"
KEY = "51|DVC.ONLINE_SUBMIT|administrative|2026-09|in_period"


def revised(number: int, numerator: int) -> dict[str, Any]:
    share = observation(UNIT, numerator=numerator, denominator=100)
    return document(CHANCE, [share], revision=number, reason="recount" if number else None)


async def published(bootstrap: str, version: int) -> list[Collected]:
    """The topic up to this version of the province's row."""

    def told(found: list[Collected]) -> bool:
        return any(one.key_text == KEY and one.json["version"] >= version for one in found)

    return await collect(bootstrap, TOPIC, told)


async def four_versions(bootstrap: str, log: Log, database: str, copy: Databases) -> str:
    """Versions 1 to 4 of a row, told to the world; the answer is a database of the time of version 1."""
    async with running(bootstrap, database) as chain:
        await chain.settled([await log.submit(revised(0, 10))])
        await published(bootstrap, 1)
    older = await copy.create(urlsplit(database).path.removeprefix("/"))
    async with running(bootstrap, database) as chain:
        for number in (1, 2, 3):
            await chain.settled([await log.submit(revised(number, 10 * number + 10))])
        row = await chain.rollup("51")
        assert row is not None and (row["version"], row["numerator"]) == (4, 40)
        await published(bootstrap, 4)
    return older


async def test_an_older_database_never_says_an_older_version(
    chiso_topics: str, database: str, databases: Databases
) -> None:
    async with log_writer(chiso_topics) as log:
        older = await four_versions(chiso_topics, log, database, databases)
        before = {one.key_text: one.json for one in await published(chiso_topics, 4)}
        session = await asyncpg.connect(older)
        # The backup was taken before the relay had advanced: it would tell version 1 again.
        await session.execute("UPDATE indicators.published SET tick = 0, ordinal = 0")
        await session.close()
        async with running(chiso_topics, older) as chain:
            await chain.settled(log.sent)
            row = await chain.rollup("51")
            assert row is not None and row["numerator"] == 40
            assert row["version"] > 4, "4 is what the topic holds, 1 what the database knew"
            records = await published(chiso_topics, row["version"])
            last = {one.key_text: one.json for one in records}[KEY]
            assert last["tick"] > max(event["tick"] for event in before.values())
            assert {name: last[name] for name in ("version", "numerator", "updated_at")} == {
                name: row[name] for name in ("version", "numerator", "updated_at")
            }
            await chain.settled([await log.submit(revised(9, 90))])
            after = await chain.rollup("51")
            assert after is not None and after["version"] == row["version"] + 1
            records = await published(chiso_topics, after["version"])
    seen: dict[str, list[int]] = defaultdict(list)
    for one in records:
        seen[one.key_text].append(one.json["version"])
    # What had not moved since the backup may be told again as it was: at least once.
    assert all(versions == sorted(versions) for versions in seen.values()), dict(seen)
    assert seen[KEY] == sorted(set(seen[KEY]))


async def test_an_empty_database_begins_above_all_that_was_told(
    chiso_topics: str, database: str, databases: Databases
) -> None:
    async with log_writer(chiso_topics) as log:
        await four_versions(chiso_topics, log, database, databases)
        async with running(chiso_topics, await databases.create()) as chain:
            await chain.settled(log.sent)
            row = await chain.rollup("51")
            assert row is not None and row["numerator"] == 40 and row["version"] > 4
            records = await published(chiso_topics, row["version"])
    versions = [one.json["version"] for one in records if one.key_text == KEY]
    assert versions == sorted(set(versions))


async def test_a_plain_start_raises_no_floor(chiso_topics: str, database: str) -> None:
    async with log_writer(chiso_topics) as log:
        for number in range(2):
            async with running(chiso_topics, database) as chain:
                await chain.settled([await log.submit(revised(number, number))])
                row = await chain.rollup("51")
                assert row is not None and row["version"] == number + 1
                await published(chiso_topics, number + 1)
    session = await asyncpg.connect(database)
    assert await session.fetchval("SELECT count(*) FROM indicators.version_floor") == 0
    noted = await session.fetchval(
        "SELECT sum(next_offset) FROM indicators.consumer_offset WHERE topic = $1", TOPIC
    )
    await session.close()
    assert noted > 0, "the next start reads only what came after"
