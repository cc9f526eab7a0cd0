"""The head of a request has to come in time and be of a size: who opens connections in silence blocks nobody.

The server bounds how long an idle connection is kept after an answer, not how long a head may take, and a
connection that waits counts as one of those that are allowed at once.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES: Final = 64 * 1024


class ImpatientProtocol(HttpToolsProtocol):
    """Closes a connection whose head is not whole within the keep-alive time, or goes on for 64 KiB.

    The rest of a body that nobody reads any more, because it was answered already, gets that long too.
    """

    _in_head = False
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first head is awaited from here on."""
        super().connection_made(transport)
        self._await()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._rest()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._await()

    def on_headers_complete(self) -> None:
        """The head is whole; how long the body may take is the application's affair."""
        self._in_head = False
        self._rest()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """A part of a head or of a body."""
        was_in_head = self._in_head
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data) if was_in_head else 0
            if self._head_bytes > MOST_HEAD_BYTES:
                self._give_up()
        elif self.cycle is None or self.cycle.response_complete:
            self._await()

    def _await(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.timeout_keep_alive, self._give_up)

    def _rest(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._rest()
        if not self.transport.is_closing():
            self.transport.close()
