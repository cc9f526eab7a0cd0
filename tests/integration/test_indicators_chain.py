"""One submission through Apply and Roll to the answers, on a real broker and a real database."""

from __future__ import annotations

import random

from tests.integration.indicators_chain import document, log_writer, observation, running


async def test_a_submission_is_in_its_province_and_the_nation(chiso_topics: str, database: str) -> None:
    chance = random.Random("one")
    async with running(chiso_topics, database) as chain, log_writer(chiso_topics) as log:
        sent = [await log.submit(document(chance, [observation("21028", numerator=812, denominator=1004)]))]
        await chain.settled(sent)
        for unit in ("51", "VN", "21028"):
            row = await chain.rollup(unit)
            assert row is not None, unit
            print(row)
            assert (row["numerator"], row["denominator"]) == (812, 1004)
