"""A load generator that costs little: HTTP/1.1 over kept-alive streams. Knows nothing but the door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request: its place in the list, the instants in seconds, the status."""

    index: int
    sent_at: float
    answered_at: float
    status: int


def request_bytes(url: str, key: str, document: dict[str, Any]) -> bytes:
    """A complete POST of one submission."""
    body = json.dumps(document).encode()
    head = (
        f"POST /v1/submissions HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next(int(line[15:]) for line in lines if line.lower().startswith(b"content-length:"))
    await reader.readexactly(length)
    return int(lines[0].split()[1])


async def closed_loop(url: str, requests: Sequence[bytes], connections: int) -> list[Answer]:
    """Sends all requests as fast as the door answers, `connections` at a time."""
    parts = urlsplit(url)
    queue = iter(enumerate(requests))
    answers: list[Answer] = []

    async def worker() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for index, request in queue:
            sent_at = perf_counter()
            status = await _exchange(reader, writer, request)
            answers.append(Answer(index, sent_at, perf_counter(), status))
        writer.close()

    await asyncio.gather(*(worker() for _ in range(connections)))
    return answers


async def open_loop(
    url: str, requests: Sequence[bytes], per_second: float, connections: int = 32
) -> list[Answer]:
    """Sends on a fixed schedule, however slowly answers come; `sent_at` is the scheduled instant."""
    parts = urlsplit(url)
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(connections):
        idle.put_nowait(await asyncio.open_connection(parts.hostname, parts.port))
    start = perf_counter() + 0.1

    async def one(index: int, request: bytes) -> Answer:
        due = start + index / per_second
        await asyncio.sleep(max(0.0, due - perf_counter()))
        connection = await idle.get()
        status = await _exchange(*connection, request)
        idle.put_nowait(connection)
        return Answer(index, due, perf_counter(), status)

    answers = await asyncio.gather(*(one(index, request) for index, request in enumerate(requests)))
    while not idle.empty():
        idle.get_nowait()[1].close()
    return list(answers)
