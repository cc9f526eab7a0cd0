"""Kafka away, late, or stopped in the middle: the door says so, truthfully, and comes back by itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from chiso_shared.contracts.topics import SUBMISSIONS

from tests.harness import collect, eventually, free_port
from tests.integration.ingest_door import RunningDoor, running_door


def body(**changes: Any) -> bytes:
    observation = {"unit": "21289", "indicator": "DVC.ONLINE_SUBMIT", "numerator": 812, "denominator": 1004}
    document = {
        "submission_id": str(uuid.uuid4()),
        "calendar": "administrative",
        "period": "2025-10",
        "basis": "in_period",
        "observations": [observation],
    }
    return json.dumps({**document, **changes}).encode()


@asynccontextmanager
async def forwarding(port: int, target: str) -> AsyncIterator[None]:
    """A port that leads to the broker."""
    host, _, target_port = target.partition(":")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward_writer = await asyncio.open_connection(host, int(target_port))
        await asyncio.gather(pump(reader, onward_writer), pump(onward_reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


@contextmanager
def frozen(bootstrap: str) -> Iterator[None]:
    """The broker's process stopped for the time of the block; skips where it is not on this machine."""
    port = int(bootstrap.rpartition(":")[2])
    listening = [
        c.pid
        for c in psutil.net_connections("tcp")
        if c.status == "LISTEN" and c.laddr and c.laddr.port == port
    ]
    if not listening or listening[0] is None:
        pytest.skip("the broker is not a process of this machine")
    os.kill(listening[0], signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(listening[0], signal.SIGCONT)


async def test_kafka_away_at_the_start_and_there_later(chiso_topics: str, tmp_path: Path) -> None:
    port = free_port()
    async with running_door(f"127.0.0.1:{port}", tmp_path, ready=False) as door:
        key = await door.known_key()
        started = time.monotonic()
        answer = await door.post(body(), key)
        assert (answer.status_code, time.monotonic() - started < 3) == (503, True)
        assert answer.json()["outcome"] == "not_sent" and int(answer.headers["retry-after"]) >= 1
        lines = await door.post(body() + b"\n" + body() + b"\n{", key, content_type="application/x-ndjson")
        assert [item["status"] for item in lines.json()["problems"]] == [503, 503, 400]
        assert (lines.status_code, lines.json()["outcome"]) == (503, "not_sent")
        assert (await door.post(body(), key, {"dry_run": "true"})).status_code == 200
        ready = await door.client.get("/readyz")
        assert ready.status_code == 503 and "kafka-producer" in ready.json()["reasons"]
        assert (await door.client.get("/livez")).status_code == 200
        async with forwarding(port, chiso_topics):
            await eventually(lambda: accepts(door, key), deadline_seconds=20)


async def accepts(door: RunningDoor, key: str) -> bool:
    """Whether a new submission is accepted and the door says it is ready."""
    answer = await door.post(body(), key)
    return answer.status_code == 202 and (await door.client.get("/readyz")).status_code == 200


async def test_kafka_stopped_in_the_middle(chiso_topics: str, tmp_path: Path) -> None:
    async with running_door(chiso_topics, tmp_path, ingest_acknowledge_ms=500) as door:
        key = await door.known_key()
        assert await accepts(door, key)
        sent = body()
        with frozen(chiso_topics):
            answer = await door.post(sent, key)
            assert (answer.status_code, answer.json()["outcome"]) == (503, "unknown")
            assert answer.json()["submission_id"] == json.loads(sent)["submission_id"]

            async def says_unready() -> bool:
                return (await door.client.get("/readyz")).status_code == 503

            await eventually(says_unready, deadline_seconds=20)
            started = time.monotonic()
            assert (await door.post(body(), key)).status_code == 503
            assert time.monotonic() - started < 2

        async def acknowledged() -> bool:
            return (await door.post(sent, key)).status_code == 202

        await eventually(acknowledged, deadline_seconds=30)
        wanted = json.loads(sent)["submission_id"]

        def is_there(found: Any) -> bool:
            return any(record.json["submission_id"] == wanted for record in found)

        records = await collect(chiso_topics, SUBMISSIONS.name, is_there)
        hashes = {r.json["payload_sha256"] for r in records if r.json["submission_id"] == wanted}
        assert len(hashes) == 1
