"""Connections that never finish a head, over real sockets: they are closed, and others are not disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from chiso_shared.runtime.http_protocol import MOST_HEAD_BYTES
from chiso_shared.runtime.http_server import HttpServer
from fastapi import FastAPI, Request

OPEN_CONNECTIONS = 8
GET = b"GET /size HTTP/1.1\r\nHost: x\r\n"


@asynccontextmanager
async def serving(keep_alive_seconds: int) -> AsyncIterator[int]:
    app = FastAPI()

    @app.api_route("/size", methods=["GET", "POST"])
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.post("/refused")
    async def refused() -> str:
        return "no"

    server = HttpServer(
        app, "127.0.0.1", 0, keep_alive_seconds=keep_alive_seconds, max_connections=OPEN_CONNECTIONS
    )
    await server.start()
    try:
        yield server.port
    finally:
        await server.stop()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving(keep_alive_seconds=1) as number:
        yield number


async def exchanged(port: int, *parts: bytes) -> bytes:
    """What comes until the server closes; the connection is not closed from here."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(20):
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("said", [b"", b"\r\n", b"GET /si", GET, GET + b"X-More: "])
async def test_an_unfinished_head_is_not_waited_for(port: int, said: bytes) -> None:
    assert await exchanged(port, said) == b""


async def test_many_silent_connections_let_others_in_again(port: int) -> None:
    silent = [asyncio.create_task(exchanged(port, b"GET")) for _ in range(OPEN_CONNECTIONS)]
    assert await asyncio.gather(*silent) == [b""] * OPEN_CONNECTIONS
    assert b"200 OK" in await exchanged(port, GET + b"\r\n")


async def test_a_head_without_an_end_is_cut() -> None:
    endless = [b"X-More: " + b"x" * 1_000 + b"\r\n"] * (8 * MOST_HEAD_BYTES // 1_000)
    async with serving(keep_alive_seconds=600) as port:
        assert await exchanged(port, GET, *endless) == b""


async def test_a_second_head_is_awaited_like_the_first(port: int) -> None:
    answer = await exchanged(port, GET + b"\r\n", GET)
    assert answer.count(b"200 OK") == 1


async def test_a_slow_body_is_the_applications_affair(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
    await writer.drain()
    assert await exchanged(port, b"GET") == b"", "longer than a head may take"
    writer.write(b"b")
    assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def test_what_is_sent_after_the_answer_is_not_swallowed_for_ever(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n")
    assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
    writer.write(b"a")
    async with asyncio.timeout(20):
        assert (await reader.read()).endswith(b'no"')
    writer.close()
