"""Puts the endpoints together and gives errors of reading their answers."""

from __future__ import annotations

from collections.abc import Callable

from chiso_shared.runtime.http import problem_response
from fastapi import FastAPI, Request, Response

from chiso_indicators.api import audit, catalogue, published, reports, rollups
from chiso_indicators.metrics import Metrics
from chiso_indicators.store.read import NotFinalYet, Reader

GetReader = Callable[[], Reader]


def create_api(app: FastAPI, reader: GetReader, metrics: Metrics) -> None:
    """Adds every endpoint to the application."""
    app.include_router(rollups.router(reader))
    app.include_router(reports.router(reader))
    app.include_router(catalogue.router(reader))
    app.include_router(published.router(reader))
    app.include_router(audit.router(reader, metrics))
    app.add_exception_handler(NotFinalYet, _on_not_final)


async def _on_not_final(_request: Request, error: Exception) -> Response:
    return problem_response(425, "Too early", str(error), headers={"Retry-After": "1"})
