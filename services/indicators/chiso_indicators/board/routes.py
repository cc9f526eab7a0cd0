"""Serves the board: its page, its files, and where there are figures to show. Computes nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Final

from chiso_shared.runtime.http import ExactJSONResponse, problem_response
from chiso_shared.runtime.postgres import Database, load_queries
from fastapi import FastAPI, Request, Response

PACKAGE: Final = "chiso_indicators.board"
MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of the page, held in memory."""

    body: bytes
    media_type: str
    etag: str

    def answer(self, request: Request) -> Response:
        """The file, or 304 if the reader has it already."""
        headers = {"ETag": self.etag, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        if request.headers.get("if-none-match") == self.etag:
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers=headers, media_type=self.media_type)


def page_files() -> dict[str, PageFile]:
    """The files of the page by name; nothing else of the package can be asked for."""
    found = {}
    for entry in resources.files(PACKAGE).iterdir():
        media_type = MEDIA_TYPES.get(f".{entry.name.rpartition('.')[2]}")
        if media_type is not None:
            body = entry.read_bytes()
            found[entry.name] = PageFile(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
    return found


def add_board(app: FastAPI, database: Database, alerts_port: int, alerts_url: str | None = None) -> None:
    """Adds `GET /`, `/board/{file}` and `/board/config.json` to the application of indicators.

    The page reads alerts from `alerts_url`; without one, from `alerts_port` of the host that it came from.
    """
    files = page_files()
    coverage = load_queries(PACKAGE).coverage

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        return files["index.html"].answer(request)

    @app.get("/board/config.json", include_in_schema=False)
    async def config() -> Response:
        rows = [dict(row) for row in await database.pool.fetch(coverage)]
        body = {"alerts_url": alerts_url, "alerts_port": alerts_port, "coverage": rows}
        return ExactJSONResponse(body, headers={"Cache-Control": "no-store"})

    @app.get("/board/{name}", include_in_schema=False)
    async def file(name: str, request: Request) -> Response:
        if name not in files:
            return problem_response(404, "Not found", f"the board has no file {name}")
        return files[name].answer(request)
