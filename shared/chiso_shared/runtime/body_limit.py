"""The bound on what a request may carry, for services whose bodies are small. Reads no body itself."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DECISION_BYTES: Final = 64 * 1024


class BodyLimit:
    """Answers 413 once a body is larger, before the rest of it is read; also for one without a length."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = 0

        async def bounded() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most_bytes:
                raise HTTPException(413, f"the body is too large: at most {self._most_bytes} bytes")
            return message

        await self._app(scope, bounded, send)
