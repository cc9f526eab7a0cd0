"""Reads a request's body within its bounds of size, time and memory; the HTTP server has none of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import Request
from starlette.requests import ClientDisconnect

from chiso_ingest.metrics import IngestMetrics

_DRAIN_BYTES: Final = 8 * 1024 * 1024
_DRAIN_SECONDS: Final = 2.0


class BodyRefused(Exception):
    """The body was not taken. `status` is the answer's: 408 too slow, 413 too large, 429 too much at once."""

    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(detail)


class BodyReader:
    """Reads bodies of at most `limit_bytes` in at most `limit_seconds`; all together at most `held_bytes`."""

    def __init__(
        self, limit_bytes: int, limit_seconds: float, held_bytes: int, metrics: IngestMetrics
    ) -> None:
        self._limit_bytes = limit_bytes
        self._limit_seconds = limit_seconds
        self._held_bytes = held_bytes
        self._held = 0
        self._gauge = metrics.body_bytes

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The whole body, counted as held until the block ends. Raises BodyRefused or ClientDisconnect."""
        stated = request.headers.get("content-length", "")
        if stated.isdigit() and int(stated) > self._limit_bytes:
            raise self._too_large()
        chunks: list[bytes] = []
        size = 0
        try:
            try:
                async with asyncio.timeout(self._limit_seconds):
                    async for chunk in request.stream():
                        self._hold(len(chunk))
                        size += len(chunk)
                        if size > self._limit_bytes:
                            raise self._too_large()
                        chunks.append(chunk)
            except TimeoutError:
                seconds = self._limit_seconds
                raise BodyRefused(408, f"the body did not arrive within {seconds:g} s") from None
            if self._held > self._held_bytes:
                raise BodyRefused(429, "too many bodies at once; try again")
            yield b"".join(chunks)
        finally:
            self._hold(-size)

    def _hold(self, size: int) -> None:
        self._held += size
        self._gauge.set(self._held)

    def _too_large(self) -> BodyRefused:
        return BodyRefused(413, f"a body has at most {self._limit_bytes} bytes")


async def drain(request: Request) -> bool:
    """Lets a client that was refused early finish sending, within bounds, so that it can read the answer.

    Nothing of what it sends is looked at. False when it sends more: its connection has to be closed.
    """
    if "expect" in request.headers:
        return False
    drained = 0
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for chunk in request.stream():
                drained += len(chunk)
                if drained > _DRAIN_BYTES:
                    return False
    except (TimeoutError, ClientDisconnect, RuntimeError):
        # RuntimeError: the stream was consumed before, by the reader that refused it.
        return False
    return True
