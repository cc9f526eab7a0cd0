"""The alerts service with its own components on real Kafka and PostgreSQL, fed with rollup events."""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from aiokafka import AIOKafkaProducer
from chiso_alerts.app import build
from chiso_alerts.settings import AlertsSettings
from chiso_shared.contracts.codec import encode_json
from chiso_shared.contracts.events import SOURCE_INDICATORS, Event
from chiso_shared.contracts.rollup import RollupEvent
from chiso_shared.contracts.topics import ALERTS, ALERTS_STATE, ROLLUPS
from chiso_shared.runtime.http_server import HttpServer
from chiso_shared.runtime.lifecycle import Service

from tests.harness import Collected, collect, eventually
from tests.unit.catalogue_seeds import SEEDS

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@cache
def quiet_seeds() -> Path:
    """The seeds without the rule about tasks, whose alerts depend on the day of the test."""
    folder = Path(tempfile.mkdtemp(prefix="chiso-seeds-")) / "seeds"
    atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
    shutil.copytree(SEEDS, folder)
    rules = folder / "rules.yaml"
    first, *others = rules.read_text().split("\n- id: ")
    kept = [one for one in others if "kind: task" not in one]
    assert len(kept) == len(others) - 1
    rules.write_text("\n- id: ".join([first, *kept]))
    return folder


async def publish_rollups(kafka: str, *events: RollupEvent | bytes) -> None:
    """Writes rollup events as indicators does, in order; bytes are written as they are."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        sending = [await _send(producer, event) for event in events]
        await asyncio.gather(*sending)
    finally:
        await producer.stop()


async def _send(producer: AIOKafkaProducer, event: RollupEvent | bytes) -> asyncio.Future[Any]:
    if isinstance(event, bytes):
        return await producer.send(ROLLUPS.name, event, b"bad", headers=[])  # type: ignore[no-any-return]
    record = Event(
        type="chiso.rollup.changed.v1",
        id=f"{event.key}|{event.version}",
        source=SOURCE_INDICATORS,
        subject=event.key,
        time=event.updated_at,
        data=encode_json(event),
        partitionkey=event.key,
        traceparent=TRACE,
    )
    return await producer.send(  # type: ignore[no-any-return]
        ROLLUPS.name, record.data, event.key.encode(), headers=record.headers()
    )


class Running:
    """One started service."""

    def __init__(self, service: Service, kafka: str) -> None:
        self.service = service
        self.kafka = kafka
        server = service.components[0]
        assert isinstance(server, HttpServer)
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=20)

    async def publish(self, *events: RollupEvent | bytes) -> None:
        """Writes rollup events as indicators does."""
        await publish_rollups(self.kafka, *events)

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON of an answer that must be 200."""
        suffix = f"?{urlencode(query, doseq=True)}" if query else ""
        answer = await self.http.get(path + suffix)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def alerts(self, count: int, **query: Any) -> list[Any]:
        """The list of alerts once it has that many items."""

        async def listed() -> list[Any] | None:
            items = (await self.get("/v1/alerts", **query))["items"]
            assert len(items) == count, f"{len(items)} alerts, not {count}"
            return items or [None]

        found = await eventually(listed, deadline_seconds=20)
        return [one for one in found if one is not None]

    async def metric(self, line: str) -> bool:
        """Whether the metrics have exactly that line."""
        return line in (await self.http.get("/metrics")).text.splitlines()


@asynccontextmanager
async def running(kafka: str, postgres: str, **changes: Any) -> AsyncIterator[Running]:
    """The service, ready; stopped in order at the end."""
    settings = AlertsSettings.model_validate(
        {"kafka": kafka, "postgres": postgres, "seeds": quiet_seeds(), "alerts_port": 0} | changes
    )
    service = build(settings)
    await service.start()
    found = Running(service, kafka)
    try:

        async def ready() -> bool:
            return (await found.http.get("/readyz")).status_code == 200

        await eventually(ready, deadline_seconds=30)
        yield found
    finally:
        await found.http.aclose()
        await service.stop()


async def events(kafka: str, count: int) -> list[Collected]:
    """The first `count` records of the alerts' topic, those of one alert in their order."""
    return await collect(kafka, ALERTS.name, lambda seen: len(seen) >= count, deadline_seconds=20)


async def states(kafka: str, settled: Any) -> dict[str, Any]:
    """The state topic as a late subscriber reads it: the last value of each key, once they are settled."""

    def last(records: Sequence[Collected]) -> dict[str, Any]:
        found = {(one.key or b"").decode(): one.json for one in records}
        return {key: value for key, value in found.items() if value is not None}

    return last(
        await collect(kafka, ALERTS_STATE.name, lambda seen: settled(last(seen)), deadline_seconds=20)
    )
