"""Indicators alone on a real log and a real database: events go in, answers come out over HTTP."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from aiokafka import AIOKafkaProducer
from chiso_indicators.app import build_service
from chiso_indicators.settings import IndicatorsSettings
from chiso_shared.catalogue import Catalogue, load_catalogue
from chiso_shared.contracts.codec import encode_json, payload_sha256
from chiso_shared.contracts.events import SOURCE_INGEST, Event, content_id
from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.http_server import HttpServer
from chiso_shared.runtime.lifecycle import Service

from tests.harness import eventually

SEEDS = Path(__file__).resolve().parents[2] / "seeds"


def catalogue() -> Catalogue:
    """The catalogue of the project."""
    return load_catalogue(SEEDS)


def observation(unit: str, indicator: str = "DVC.ONLINE_SUBMIT", **figure: Any) -> dict[str, Any]:
    """One observation with its defaults filled in, as the door writes it."""
    return {"unit": unit, "indicator": indicator, "op": "report", "status": "A", "qualifier": "eq", **figure}


def document(
    chance: random.Random,
    observations: Sequence[dict[str, Any]],
    *,
    agency: str = "DEMO",
    calendar: str = "administrative",
    period: str = "2026-09",
    basis: str = "in_period",
    **fields: Any,
) -> dict[str, Any]:
    """A canonical document with an id of its own."""
    return {
        "submission_id": str(UUID(int=chance.getrandbits(128), version=4)),
        "agency": agency,
        "calendar": calendar,
        "period": period,
        "basis": basis,
        "as_of": None,
        "stage": "actual",
        "revision": 0,
        "reason": None,
        "source": {"document": None, "url": None, "published": None},
        "observations": list(observations),
        **fields,
    }


@dataclass
class Log:
    """Writes submission events as the door does."""

    producer: AIOKafkaProducer
    accepted_at: datetime
    sent: list[dict[str, Any]] = field(default_factory=list)

    async def submit(
        self,
        submission: dict[str, Any],
        *,
        accepted_at: datetime | None = None,
        partition: int = 0,
        key_id: str = "test",
    ) -> dict[str, Any]:
        """Appends one submission; the instants grow by a second unless one is given."""
        self.accepted_at += timedelta(seconds=1)
        instant = accepted_at or self.accepted_at
        payload = {
            **submission,
            "accepted_at": instant,
            "payload_sha256": payload_sha256(submission),
            "key_id": key_id,
            "catalogue_version": "test",
        }
        event = Event(
            type=SUBMISSIONS.event_types[0],
            id=content_id(submission["agency"], submission["submission_id"]),
            source=SOURCE_INGEST,
            subject=submission["agency"],
            time=instant,
            data=encode_json(payload),
            partitionkey="51",
        )
        await self.raw(event.data, event.headers(), partition)
        self.sent.append(payload)
        return payload

    async def raw(self, value: bytes | None, headers: list[tuple[str, bytes]], partition: int = 0) -> None:
        """Appends any record."""
        await self.producer.send_and_wait(
            SUBMISSIONS.name, value, key=b"51", partition=partition, headers=headers
        )


@asynccontextmanager
async def log_writer(bootstrap: str, accepted_at: datetime | None = None) -> AsyncIterator[Log]:
    """A writer of submission events; instants start at `accepted_at` (now)."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=2)
    await producer.start()
    try:
        yield Log(producer, accepted_at or datetime.now(UTC))
    finally:
        await producer.stop()


@dataclass
class Chain:
    """A running service and a client of it."""

    service: Service
    client: httpx.AsyncClient

    async def get(self, path: str, **parameters: Any) -> Any:
        """The JSON of a path with exact numbers; fails on anything but 200."""
        answer = await self.client.get(path, params=parameters)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json(parse_float=Decimal)

    async def rollup(self, unit: str, *rest: str) -> dict[str, Any] | None:
        """A rollup, None while there is none."""
        indicator, calendar, period, basis = (*rest, *DEFAULT_KEY[len(rest) :])
        answer = await self.client.get(f"/v1/rollups/{unit}/{indicator}/{calendar}/{period}/{basis}")
        assert answer.status_code in (200, 404), answer.text
        found: dict[str, Any] | None = answer.json(parse_float=Decimal) if answer.status_code == 200 else None
        return found

    async def settled(self, sent: Sequence[dict[str, Any]], deadline_seconds: float = 20) -> None:
        """Waits until all that was sent is applied and rolled."""
        for payload in sent:
            path = f"/v1/submissions/{payload['agency']}/{payload['submission_id']}"

            async def rolled(path: str = path) -> bool:
                answer = await self.client.get(path)
                if answer.status_code != 200:
                    return False
                observations = answer.json()["observations"]
                return all(item["rollups"] is not None for item in observations)

            await eventually(rolled, deadline_seconds)


DEFAULT_KEY = ("DVC.ONLINE_SUBMIT", "administrative", "2026-09", "in_period")


@asynccontextmanager
async def running(bootstrap: str, dsn: str, **settings: Any) -> AsyncIterator[Chain]:
    """The whole service in this process, on a free port."""
    configured = IndicatorsSettings(
        kafka=bootstrap,
        postgres=dsn,
        indicators_port=0,
        **{"seeds": SEEDS, "close_grace_seconds": 1, "catalogue_patience_seconds": 0, **settings},
    )
    service = build_service(configured)
    await service.start()
    try:
        [server] = [part for part in service.components if isinstance(part, HttpServer)]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=20) as client:
            yield Chain(service, client)
    finally:
        await service.stop()
