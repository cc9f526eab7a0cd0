"""What was readable stays readable: `as_of` and `/v1/changes`, with writers in flight and odd clocks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from tests.harness import eventually
from tests.integration.indicators_chain import Chain, Log, document, log_writer, observation, running

COMMUNES = ("21025", "21028", "21034", "18859", "18871")
STEP_BACK_SECONDS = 40.0
Answers = dict[str, list[dict[str, Any]]]


class Writer:
    """Reports and corrections of five communes while somebody asks: a few for every question, however slow.

    So the history has the same length on every machine, and is being written during each answer.
    """

    def __init__(self, log: Log, chance: random.Random) -> None:
        self._log = log
        self._chance = chance
        self._turns = asyncio.Semaphore(0)
        self._number = 0
        self._stopped = False

    def stop(self) -> None:
        """Ends `run` once what it is sending has been sent."""
        self._stopped = True
        self._turns.release()

    def go_on(self) -> None:
        """Lets some more reports come, a hundred a second at most."""
        for _ in range(6):
            self._turns.release()

    async def run(self) -> None:
        """Writes until stopped."""
        chance = self._chance
        while await self._turns.acquire() and not self._stopped:
            self._number += 1
            units = chance.sample(COMMUNES, chance.randint(1, 3))
            figures = [observation(unit, numerator=chance.randint(0, 50), denominator=50) for unit in units]
            await self._log.submit(document(chance, figures, revision=self._number, reason="recount"))
            await asyncio.sleep(0.01)


@asynccontextmanager
async def writing(log: Log, chance: random.Random) -> AsyncIterator[Writer]:
    """Writes during the context."""
    writer = Writer(log, chance)
    task = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        writer.stop()
        await task


async def as_of(chain: Chain, instant: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await chain.get("/v1/rollups", as_of=instant, limit=1000))["items"]
    return found


async def ask(
    chain: Chain, writer: Writer, chance: random.Random, offset_seconds: float, answers: Answers
) -> None:
    """Asks for instants up to the very present, and keeps the answers by instant."""
    for _ in range(25):
        writer.go_on()
        ago = timedelta(milliseconds=chance.choice([0, 1, 20, 300, 2_000]))
        instant = (datetime.now(UTC) + timedelta(seconds=offset_seconds) - ago).isoformat()
        answers[instant] = await as_of(chain, instant)
        await asyncio.sleep(0.01)


async def versions_told(chain: Chain) -> int:
    row = await chain.rollup("VN")
    return 0 if row is None else int(row["version"])


async def test_as_of_answers_never_change(chiso_topics: str, database: str) -> None:
    chance = random.Random("as of")
    answers: Answers = {}
    async with log_writer(chiso_topics) as log:
        async with running(chiso_topics, database) as one, running(chiso_topics, database) as two:
            async with writing(log, random.Random("writers")) as writer:

                async def begun() -> int:
                    writer.go_on()
                    return await versions_told(one)

                await eventually(begun, 60)
                await asyncio.gather(*(ask(chain, writer, chance, 0, answers) for chain in (one, two, one)))
            stamp = max(row["updated_at"] for row in await as_of(one, datetime.now(UTC).isoformat()))
        # The clock steps back: stamps go on from the newest one, and what was answered stays answered.
        async with running(chiso_topics, database, clock_offset=-STEP_BACK_SECONDS) as chain:
            before = await versions_told(chain)
            async with writing(log, random.Random("more writers")) as writer:

                async def moved() -> bool:
                    writer.go_on()
                    return await versions_told(chain) > before + 3

                await eventually(moved, 60)
                await ask(chain, writer, chance, -STEP_BACK_SECONDS - 5, answers)
                reasons = (await chain.client.get("/readyz")).json()["reasons"]
                assert "behind the newest stamp" in reasons["ticker"]
            newest = await chain.rollup("VN")
            assert newest is not None
            assert newest["updated_at"] > stamp, "a stamp went back with the clock"
            ahead = await chain.client.get(
                "/v1/rollups", params={"as_of": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
            )
            assert ahead.status_code == 425 and ahead.headers["retry-after"]
            for instant, answer in answers.items():
                assert await as_of(chain, instant) == answer, f"the answer for {instant} has changed"
    different = {str([row["version"] for row in answer]) for answer in answers.values()}
    assert len(answers) > 90 and len(different) > 5, "the questions fell into one quiet moment"


async def follow(chain: Chain, chance: random.Random, done: asyncio.Event) -> list[dict[str, Any]]:
    """Every change from the beginning, in pages of odd sizes, until nothing more comes."""
    found: list[dict[str, Any]] = []
    cursor = "0.0"
    while True:
        last_look = done.is_set()
        page = await chain.get("/v1/changes", after=cursor, limit=chance.randint(1, 9))
        found.extend(page["items"])
        cursor = page["next_cursor"]
        if not page["items"] and last_look:
            return found


async def test_changes_skip_nothing_under_concurrent_ticks(chiso_topics: str, database: str) -> None:
    done = asyncio.Event()
    async with (
        log_writer(chiso_topics) as log,
        running(chiso_topics, database, tick_poll_ms=10) as one,
        running(chiso_topics, database, tick_poll_ms=10) as two,
    ):
        followers = [
            asyncio.create_task(follow(chain, random.Random(str(number)), done))
            for number, chain in enumerate((one, two, one))
        ]
        async with writing(log, random.Random("writers")) as writer:

            async def ticked() -> bool:
                writer.go_on()
                return await versions_told(two) >= 15

            await eventually(ticked, 60)
        await one.settled(log.sent[-20:], 30)
        done.set()
        streams = await asyncio.gather(*followers)
        session = await asyncpg.connect(database)
        places = await session.fetch(
            "SELECT tick, ordinal, version, unit FROM indicators.rollup_history ORDER BY tick, ordinal"
        )
        await session.close()
    expected = [(f"{row['tick']}.{row['ordinal']}", row["unit"], row["version"]) for row in places]
    assert len(expected) > 100
    for stream in streams:
        assert [(change["cursor"], change["unit"], change["version"]) for change in stream] == expected
