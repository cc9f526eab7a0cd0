"""A small real HTTP server that answers as its script says, and the command in surroundings of its own."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from chiso_cli.__main__ import run


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What it answers; a `status` of 0 cuts the connection instead."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


CUT = Reply(0)
Script = Callable[[Request, int], Reply]


class Scripted:
    """The server: `requests` are those it was asked, in order; the script also gets their number, from 1."""

    def __init__(self, script: Script) -> None:
        self.requests: list[Request] = []
        self._script = script
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.answer(self)

            def do_POST(self) -> None:
                outer.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """One request."""
        parts = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, parts.path, parse_qs(parts.query), headers, body)
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
        reply = self._script(request, number)
        if reply.status == 0:
            handler.close_connection = True
            handler.connection.close()
            return
        content = json.dumps(reply.body).encode()
        handler.send_response(reply.status)
        for name, value in {**reply.headers, "content-length": str(len(content))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)


@contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """A server for the length of the block."""
    server = Scripted(script)
    thread = threading.Thread(target=server.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()


def receipt(document: dict[str, Any], offset: int = 0) -> dict[str, Any]:
    """A receipt as contract §2 has it."""
    identity = document["submission_id"]
    return {
        "submission_id": identity,
        "status": "accepted",
        "accepted_at": "2026-11-22T03:00:00.000000Z",
        "payload_sha256": "0" * 64,
        "observations": len(document.get("observations", ())),
        "topic": "chiso.submissions.v1",
        "partition": 5,
        "offset": offset,
        "status_url": f"http://elsewhere.example/v1/submissions/DEMO/{identity}",
    }


@dataclass(frozen=True)
class Done:
    """How a run of the command ended."""

    returncode: int
    stdout: str
    stderr: str


class Chiso:
    """The command with an environment and a folder of its own.

    Called, it runs in this process, which is ten times as fast; `start` makes one that can be interrupted.
    """

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        **environment: str,
    ) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[bytes]] = []
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        for name in [name for name in os.environ if name.startswith("CHISO_")]:
            monkeypatch.delenv(name)
        defaults = {"CHISO_HOME": str(folder), "CHISO_KEY": "key", "COLUMNS": "250"}
        for name, value in (defaults | environment).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(folder)

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Done:
        """Runs it to its end."""
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self._capsys.readouterr()
        code = run(arguments)
        out, err = self._capsys.readouterr()
        return Done(code, out, err)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts it and leaves it running, its output buffered as it is for people."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        process = subprocess.Popen(
            [sys.executable, "-m", "chiso_cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """Ends what a failed test has left running."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.communicate()


def interrupt(process: subprocess.Popen[bytes]) -> Done:
    """Ctrl-C; how it ended."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return Done(process.returncode, out.decode(), err.decode())
