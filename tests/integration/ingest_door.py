"""A real door in this process: real sockets, real Kafka, a home of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from chiso_ingest.app import build
from chiso_ingest.keys import add_key
from chiso_ingest.settings import IngestSettings
from chiso_shared.catalogue.catalogue import Catalogue
from chiso_shared.catalogue.loading import load_catalogue
from chiso_shared.runtime.http_server import HttpServer

from tests.harness import eventually

SEEDS = Path(__file__).parents[2] / "seeds"


@dataclass(frozen=True)
class RunningDoor:
    """The door's address, its state folder and a client without a key."""

    url: str
    port: int
    home: Path
    catalogue: Catalogue
    client: httpx.AsyncClient

    def key(self, agency: str = "H48", home: str = "51", **rights: Any) -> str:
        """A new key, by default for every unit, indicator and action."""
        wanted: dict[str, Any] = {"units": ["*"], "indicators": ["*"], "now": datetime.now(UTC), **rights}
        return add_key(self.home / "keys.json", self.catalogue, agency=agency, home=home, **wanted)

    async def known_key(self, agency: str = "H48", home: str = "51", **rights: Any) -> str:
        """A new key that the running door already knows."""
        key = self.key(agency, home, **rights)

        async def known() -> bool:
            answer = await self.post(b"", key, content_type="text/plain")
            return answer.status_code == 415

        await eventually(known)
        return key

    async def post(
        self,
        body: bytes,
        key: str | None,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> httpx.Response:
        """POST /v1/submissions."""
        headers = {"content-type": content_type}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        return await self.client.post("/v1/submissions", content=body, params=query, headers=headers)


@asynccontextmanager
async def running_door(
    kafka: str, home: Path, ready: bool = True, **settings: Any
) -> AsyncIterator[RunningDoor]:
    """A started door, stopped afterwards; waits until it is ready unless told otherwise."""
    chosen: dict[str, Any] = {"kafka": kafka, "home": home, "seeds": SEEDS, "ingest_port": 0, **settings}
    service = build(IngestSettings(**chosen))
    await service.start()
    try:
        server = service.components[-1]
        assert isinstance(server, HttpServer)
        url = f"http://127.0.0.1:{server.port}"
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(base_url=url, timeout=30.0, limits=limits) as client:
            door = RunningDoor(url, server.port, home, load_catalogue(SEEDS), client)
            if ready:
                await eventually(lambda: _is_ready(client), deadline_seconds=20)
            yield door
    finally:
        await service.stop()


async def _is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/readyz")).status_code == 200
