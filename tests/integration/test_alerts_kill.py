"""`kill -9` of the process in the middle of its work changes nothing but timing."""

import asyncio
import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from tests.harness import Collected, collect, end_offsets, eventually, free_port
from tests.integration.alerts_running import publish_rollups, quiet_seeds
from tests.unit.alerts_examples import rollup

VERSIONS = 30
UNITS = tuple(f"{number:02d}" for number in range(1, 31))


@asynccontextmanager
async def process(kafka: str, postgres: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m chiso_alerts`, killed at the end if it still runs."""
    environment = os.environ | {
        "CHISO_KAFKA": kafka,
        "CHISO_POSTGRES": postgres,
        "CHISO_SEEDS": str(quiet_seeds()),
        "CHISO_ALERTS_PORT": str(free_port()),
        "CHISO_ALERTS_BATCH_RECORDS": "20",
        "CHISO_LOG_LEVEL": "WARNING",
    }
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chiso_alerts", env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.send_signal(signal.SIGKILL)
        await started.wait()


async def sent(kafka: str) -> int:
    return sum((await end_offsets(kafka, "chiso.alerts.v1")).values())


def distinct(records: list[Collected]) -> int:
    return len({(record.key, record.json["sequence"]) for record in records})


async def test_killed_in_the_middle_it_tells_the_same_story(chiso_topics: str, database: str) -> None:
    history = [
        rollup(Decimal(70 if version % 2 else 90), version, unit=unit)
        for version in range(1, VERSIONS + 1)
        for unit in UNITS
    ]
    await publish_rollups(chiso_topics, *history)
    async with process(chiso_topics, database) as doomed:

        async def amid() -> bool:
            assert doomed.returncode is None
            return await sent(chiso_topics) >= len(history) // 4

        await eventually(amid, deadline_seconds=60)
    async with process(chiso_topics, database):
        records = await collect(
            chiso_topics,
            "chiso.alerts.v1",
            lambda seen: distinct(list(seen)) >= len(history),
            deadline_seconds=60,
        )
    told: dict[bytes | None, dict[int, tuple[str, str]]] = defaultdict(dict)
    for record in records:
        sequence = record.json["sequence"]
        event = (record.headers["ce_id"], json.dumps(record.json, sort_keys=True))
        assert told[record.key].setdefault(sequence, event) == event
        assert sequence <= len(told[record.key]), "a sequence was skipped"
    assert len(told) == len(UNITS)
    for events in told.values():
        transitions = [json.loads(body)["transition"] for _, body in (events[n] for n in sorted(events))]
        assert transitions == ["opened", *["resolved", "reopened"] * (VERSIONS // 2 - 1), "resolved"]
