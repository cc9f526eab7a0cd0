"""An embedded uvicorn as a part of a service: it binds first, and the service owns the signals."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from fastapi import FastAPI

from chiso_shared.runtime.http_protocol import ImpatientProtocol
from chiso_shared.runtime.lifecycle import Background

_BACKLOG: Final = 1024


class _EmbeddedServer(uvicorn.Server):
    """uvicorn without signal handlers: the service owns the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer(Background):
    """Serves `app` in the service's own event loop. Port 0 takes a free one, see `port` after `start`.

    `keep_alive_seconds`: how long a connection may be idle, and how long the head of a request may take.
    """

    grace_seconds = 8.0

    def __init__(
        self,
        app: FastAPI,
        host: str,
        port: int,
        *,
        keep_alive_seconds: int = 15,
        max_connections: int = 1000,
        name: str = "http",
    ) -> None:
        super().__init__(name)
        self.host = host
        self.port = port
        self._socket: socket.socket | None = None
        self._server = _EmbeddedServer(
            uvicorn.Config(
                app,
                http=ImpatientProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=keep_alive_seconds,
                timeout_graceful_shutdown=5,
                limit_concurrency=max_connections,
                backlog=_BACKLOG,
            )
        )

    async def start(self) -> None:
        """Binds the port (OSError if it is taken) and begins to serve."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((self.host, self.port))
        except OSError as error:
            raise OSError(
                error.errno, f"cannot serve on {self.host}:{self.port}: {error.strerror}"
            ) from error
        self.port = self._socket.getsockname()[1]
        # From here on a client waits in the queue instead of being refused.
        self._socket.listen(_BACKLOG)
        await super().start()

    async def stop(self) -> None:
        """Answers what is under way, then closes."""
        self._server.should_exit = True
        await super().stop()
        if self._socket is not None:
            self._socket.close()

    async def run(self) -> None:
        """Serves until `stop`."""
        assert self._socket is not None  # noqa: S101 - set by start
        await self._server.serve(sockets=[self._socket])
