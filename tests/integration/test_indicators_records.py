"""Records that cannot be applied: kept with the reason; too many stop their partition and no other."""

from __future__ import annotations

import random
from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

import asyncpg
from chiso_shared.contracts.codec import encode_json
from chiso_shared.contracts.events import SOURCE_INGEST, Event
from chiso_shared.contracts.quarantine import QuarantinedRecord
from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.breaker import MOST_IN_A_ROW

from tests.harness import collect, eventually
from tests.integration.indicators_chain import Log, document, log_writer, observation, running

CHANCE = random.Random("records")


def headers(event_type: str = SUBMISSIONS.event_types[0]) -> list[tuple[str, bytes]]:
    return Event(event_type, "1", SOURCE_INGEST, "51", datetime.now(UTC), b"", "51").headers()


def payload(**changes: Any) -> bytes:
    plain = document(CHANCE, [observation("21028", numerator=1, denominator=2)])
    extra = {
        "accepted_at": datetime.now(UTC),
        "payload_sha256": "0" * 64,
        "key_id": "test",
        "catalogue_version": "test",
    }
    return encode_json({**plain, **extra, **changes})


BAD: dict[str, tuple[bytes | None, list[tuple[str, bytes]]]] = {
    "no_value": (None, headers()),
    "not_a_cloud_event": (payload(), [("ce_id", b"1")]),
    "unknown_type": (payload(), headers("chiso.rollup.changed.v1")),
    "malformed": (b'{"submission_id": \xff\x00', headers()),
    "wrong_shape": (payload(period=7), headers()),
    "duplicate_cell": (payload(observations=[observation("21028"), observation("21028")]), headers()),
    "refused_by_store": (payload(revision=2**40), headers()),
}
NUL = payload(reason="a\x00b")


async def test_bad_records_are_kept_and_good_ones_applied(chiso_topics: str, database: str) -> None:
    async with running(chiso_topics, database) as chain, log_writer(chiso_topics) as log:
        for value, its_headers in [*BAD.values(), (NUL, headers())]:
            await log.submit(
                document(CHANCE, [observation("21028", numerator=1, denominator=2)]), partition=3
            )
            await log.raw(value, its_headers, partition=3)
        await log.submit(document(CHANCE, [observation("21028", numerator=9, denominator=10)]), partition=3)
        await chain.settled(log.sent)
        row = await chain.rollup("51")
        assert row is not None and (row["numerator"], row["denominator"]) == (9, 10)
        connection = await asyncpg.connect(database)
        kept = await connection.fetch(
            "SELECT reason, log_offset, value FROM indicators.quarantine ORDER BY log_offset"
        )
        stored = await connection.fetchval(
            "SELECT next_offset FROM indicators.consumer_offset WHERE topic = $1 AND partition = 3",
            SUBMISSIONS.name,
        )
        await connection.close()
        assert [record["reason"] for record in kept] == [*BAD, "refused_by_store"]
        assert [record["value"] for record in kept] == [*(value for value, _ in BAD.values()), NUL]
        assert stored == 2 * len(kept) + 1
        told = await collect(chiso_topics, "chiso.quarantine.v1", lambda found: len(found) >= len(kept))
        events = [QuarantinedRecord.model_validate_json(record.value or b"") for record in told]
        assert [event.reason for event in sorted(events, key=lambda one: one.offset)] == [
            *BAD,
            "refused_by_store",
        ]
        assert b64decode(events[-1].value_base64 or "") in [NUL, *(value for value, _ in BAD.values())]
        metrics = (await chain.client.get("/metrics")).text
        assert 'chiso_quarantined_total{reason="refused_by_store"} 2.0' in metrics
        assert (await chain.client.get("/readyz")).status_code == 200


async def test_too_many_bad_records_stop_their_partition_and_no_other(
    chiso_topics: str, database: str
) -> None:
    async with running(chiso_topics, database) as chain, log_writer(chiso_topics) as log:
        for _ in range(MOST_IN_A_ROW):
            await log.raw(b"not JSON", headers(), partition=7)

        async def stopped() -> bool:
            answer = await chain.client.get("/readyz")
            reasons = answer.json()["reasons"] if answer.status_code == 503 else {}
            return "partition 7" in reasons.get("consumer", "")

        await eventually(stopped)
        await log.submit(document(CHANCE, [observation("21028", numerator=9, denominator=10)]), partition=8)
        await chain.settled(log.sent)
        assert await chain.rollup("51") is not None


async def test_a_restart_goes_on_where_the_store_stands(chiso_topics: str, database: str) -> None:
    async with log_writer(chiso_topics) as log:
        for turn in range(2):
            async with running(chiso_topics, database) as chain:
                await _one_more(log, turn)
                await chain.settled(log.sent)
        async with running(chiso_topics, database) as chain:
            row = await chain.rollup("51", "DVC.RECEIVED")
            assert row is not None and row["value"] == 2
            listed = (await chain.get("/v1/submissions"))["items"]
            assert [item["duplicates"] for item in listed] == [0, 0]


async def _one_more(log: Log, turn: int) -> None:
    unit = ("21025", "21028", "21034")[turn]
    await log.submit(document(CHANCE, [observation(unit, "DVC.RECEIVED", value=1)]))
