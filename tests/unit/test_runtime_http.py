"""What every service answers: health, metrics, exact numbers, problems, lost dependencies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka.errors import KafkaConnectionError
from chiso_shared.runtime.body_limit import BodyLimit
from chiso_shared.runtime.http import create_app
from chiso_shared.runtime.http_server import HttpServer
from chiso_shared.runtime.metrics import new_registry
from chiso_shared.runtime.producer import Producer
from chiso_shared.runtime.reasons import reason
from fastapi import FastAPI, HTTPException

from tests.harness import eventually


class Part:
    name = "database"

    def __init__(self) -> None:
        self.reason: str | None = None

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def unready(self) -> str | None:
        return self.reason


@pytest.fixture
def part() -> Part:
    return Part()


@pytest.fixture
def app(part: Part) -> FastAPI:
    app = create_app("test", new_registry("test", "1.2.3"), [part])

    @app.get("/number")
    async def number() -> Any:
        return {"value": Decimal("73.7938000000000001")}

    @app.get("/raise/{kind}")
    async def fail(kind: str, limit: int = 1) -> Any:
        raise {
            "kafka": KafkaConnectionError("secret host"),
            "reset": ConnectionResetError("secret host"),
            "closed": asyncpg.InterfaceError("pool is closed"),
            "lock": asyncpg.LockNotAvailableError("secret row"),
            "constraint": asyncpg.CheckViolationError("secret row"),
            "defect": ValueError("secret value"),
            "gone": HTTPException(404, "no such thing", {"X-Why": "gone"}),
        }[kind]

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_ready_says_which_part_is_not_and_why(client: httpx.AsyncClient, part: Part) -> None:
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
    part.reason = "PostgreSQL does not answer"
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unready", "reasons": {"database": "PostgreSQL does not answer"}}
    assert (await client.get("/livez")).status_code == 200
    assert 'chiso_unready{component="database"} 1.0' in (await client.get("/metrics")).text
    part.reason = None
    assert 'chiso_unready{component="database"} 0.0' in (await client.get("/metrics")).text


async def test_metrics_name_the_build(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert 'chiso_build_info{service="test",version="1.2.3"} 1.0' in answer.text
    assert "process_resident_memory_bytes" in answer.text


async def test_decimals_keep_their_exact_text(client: httpx.AsyncClient) -> None:
    assert (await client.get("/number")).text == '{"value":73.7938000000000001}'


@pytest.mark.parametrize("kind", ["kafka", "reset", "closed", "lock"])
async def test_a_lost_dependency_is_503_with_retry_after(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.get(f"/raise/{kind}")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text


@pytest.mark.parametrize("kind", ["defect", "constraint"])
async def test_a_defect_is_500_without_a_traceback(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.get(f"/raise/{kind}")
    assert answer.status_code == 500
    assert answer.json()["title"] == "Internal error"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


async def test_refusals_are_problems(client: httpx.AsyncClient) -> None:
    answer = await client.get("/raise/gone")
    assert (answer.status_code, answer.headers["x-why"]) == (404, "gone")
    assert answer.json() == {"type": "about:blank", "title": "no such thing", "status": 404}
    answer = await client.get("/raise/gone", params={"limit": "many"})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"], error["value"]) == ("/limit", "wrong_type", "many")
    assert error["message"] and error["message_vi"] == "sai kiểu"
    assert (await client.get("/nowhere")).headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("has_length", [True, False])
async def test_a_body_beyond_the_bound_is_refused_before_it_is_read_whole(
    app: FastAPI, has_length: bool
) -> None:
    @app.post("/decision")
    async def decide(body: dict[str, str]) -> Any:
        return body

    app.add_middleware(BodyLimit, most_bytes=100)
    taken: list[int] = []

    async def without_end() -> AsyncIterator[bytes]:
        for number in range(1_000):
            taken.append(number)
            yield b" " * 60

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        content = b" " * 101 if has_length else without_end()
        answer = await client.post("/decision", content=content, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
        assert (await client.post("/decision", json={"reason": "x"})).status_code == 200
    assert len(taken) < 5


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    for path in ("/livez", "/metrics", "/number", "/raise/gone", "/nowhere"):
        read, asked = await client.get(path), await client.head(path)
        assert (asked.status_code, asked.content) == (read.status_code, b"")
        assert asked.headers["content-type"] == read.headers["content-type"]
    assert (await client.head("/number")).headers["content-length"] == "29"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KafkaConnectionError("Unable to bootstrap from [('127.0.0.1', 29092, 2)]"), "Kafka does not answer"),
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"), "PostgreSQL does not answer"),
        (asyncpg.InterfaceError("pool is closed"), "PostgreSQL does not answer"),
        (ValueError("secret value"), "ValueError"),
    ],
)
def test_a_reason_is_one_phrase_without_addresses(error: Exception, said: str) -> None:
    assert reason(error) == said


async def test_a_part_says_only_what_is_away() -> None:
    producer = Producer("127.0.0.1:9", topics=())
    await producer.start()
    try:
        await eventually(lambda: producer.unready() != "connecting to Kafka")
        assert producer.unready() == "Kafka does not answer"
    finally:
        await producer.stop()


async def test_the_embedded_server_serves_and_frees_its_port(app: FastAPI) -> None:
    server = HttpServer(app, "127.0.0.1", 0)
    await server.start()
    try:
        assert server.port != 0
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{server.port}/livez")).status_code == 200
        taken = HttpServer(app, "127.0.0.1", server.port)
        with pytest.raises(OSError, match=f"cannot serve on 127.0.0.1:{server.port}"):
            await taken.start()
        await taken.stop()
    finally:
        await server.stop()
    again = HttpServer(app, "127.0.0.1", server.port)
    await again.start()
    await again.stop()
