"""`chiso watch` on a real broker: what is there, what comes, what is missing, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.harness import eventually, free_port
from tests.integration.cli_scripted import Chiso, interrupt

FIRST = "3f2a91c0-0000-5000-8000-000000000001"
SECOND = "3f2a91c0-0000-5000-8000-000000000002"


def event(alert_id: str, sequence: int, **fields: Any) -> dict[str, Any]:
    return {
        "alert_id": alert_id,
        "sequence": sequence,
        "transition": "opened",
        "reason": "report",
        "severity": "warning",
        "rule": {"id": "online_share_below_target", "version": "1"},
        "target": {"comparator": "ge", "value": 80},
        "unit": "51",
        "indicator": "DVC.ONLINE_SUBMIT",
        "calendar": "administrative",
        "period": "2025-10",
        "basis": "in_period",
        "before": None,
        "after": {"value": 79.61},
        "at": "2025-10-20T03:10:02.123456Z",
        "message": "below the target",
        "message_vi": "dưới mục tiêu",
    } | fields


async def produce(bootstrap: str, events: Sequence[dict[str, Any] | bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        for item in events:
            value = item if isinstance(item, bytes) else json.dumps(item).encode()
            key = b"x" if isinstance(item, bytes) else item["alert_id"].encode()
            await producer.send_and_wait("chiso.alerts.v1", value, key=key)
    finally:
        await producer.stop()


@pytest.fixture
def chiso(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Chiso]:
    found = Chiso(tmp_path, monkeypatch, capsys, CHISO_INDICATORS_PORT=str(free_port()))
    yield found
    found.close()


async def test_what_is_kept_is_read_in_order_with_gaps_told(chiso: Chiso, chiso_topics: str) -> None:
    await produce(
        chiso_topics,
        [
            event(FIRST, 1),
            event(FIRST, 2, transition="updated"),
            event(FIRST, 2, transition="updated"),
            event(SECOND, 1, unit="44", severity="critical"),
            b"no event",
            event(FIRST, 5, transition="retracted", before={"value": 79.61}, after={"value": 81.27}),
        ],
    )
    watch = ("watch", "--from-beginning", "--until-end", "--kafka", chiso_topics)
    done = await asyncio.to_thread(chiso, *watch, "--json")
    assert done.returncode == 0
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [item["sequence"] for item in found if item["alert_id"] == FIRST] == [1, 2, 5]
    assert [item["unit"] for item in found if item["alert_id"] == SECOND] == ["44"]
    assert f"gap: alert {FIRST} lacks event 3–4 before 5" in done.stderr
    assert "is no alert event" in done.stderr

    shown = await asyncio.to_thread(chiso, *watch, "--transition", "retracted", "--lang", "vi")
    assert "RÚT LẠI" in shown.stdout and "79,61 → 81,27" in shown.stdout and "(≥ 80)" in shown.stdout
    assert "dưới mục tiêu" in shown.stdout and "PHÁT SINH" not in shown.stdout
    few = await asyncio.to_thread(chiso, *watch, "--json", "--count", "2")
    assert len(few.stdout.splitlines()) == 2


async def test_what_comes_is_followed_until_ctrl_c(chiso: Chiso, chiso_topics: str) -> None:
    await produce(chiso_topics, [event(FIRST, 3)])
    process = chiso.start("watch", "--kafka", chiso_topics)
    assert process.stdout is not None and process.stderr is not None
    os.set_blocking(process.stdout.fileno(), False)
    seen = bytearray()

    async def comes(sequence: int) -> bool:
        await produce(chiso_topics, [event(FIRST, sequence, after={"value": sequence})])
        seen.extend(process.stdout.read() or b"")  # type: ignore[union-attr]
        return seen.count(b"OPENED") >= 2

    sequences = iter(range(4, 1_000))
    await eventually(lambda: comes(next(sequences)), deadline_seconds=30, every_seconds=0.2)
    done = interrupt(process)
    assert done.returncode == 0
    assert "gap" not in done.stderr and "Traceback" not in done.stderr and "events seen" in done.stderr
    assert b"79.61" not in seen, "an event from before the start was shown"


def test_a_broker_that_is_away_is_one_sentence_and_exit_code_3(chiso: Chiso) -> None:
    bootstrap = f"127.0.0.1:{free_port()}"
    done = chiso("watch", "--kafka", bootstrap)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"chiso: Kafka at {bootstrap} does not answer. Is chiso running?\n"
