"""HTTP/1.1 by hand over one kept-alive connection: quick, and it sends what libraries would mend."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from tests.contract.ingest_bad_bodies import BadBody


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, media type and body of an answer."""

    status: int
    content_type: str
    body: bytes


class Connection:
    """One client; connects again when the server closed the connection after an answer."""

    def __init__(self, host: str, port: int) -> None:
        self._place = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    async def post(self, bad: BadBody, key: str) -> Answer:
        """POST /v1/submissions with the body and its query."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._place)
        reader, writer = self._streams
        query = "?" + urlencode(bad.query) if bad.query else ""
        head = (
            f"POST /v1/submissions{query} HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: {bad.content_type}\r\nContent-Length: {len(bad.body)}\r\n\r\n"
        )
        writer.write(head.encode("latin-1") + bad.body)
        await writer.drain()
        async with asyncio.timeout(30):
            return await self._answer(reader)

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            self._close()
        return Answer(int(first.split()[1]), headers.get("content-type", ""), body)

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
