"""Puts the endpoints together and gives errors of reading their answers."""

from __future__ import annotations

from collections.abc import Callable

from chiso_shared.catalogue import CatalogueError
from chiso_shared.runtime.http import problem_response, unavailable_response
from chiso_shared.runtime.logs import get_logger
from fastapi import Depends, FastAPI, Request, Response

from chiso_indicators.api import audit, catalogue, decisions, published, ranks, reports, rollups
from chiso_indicators.api.vocabulary import refuse_unknown_parameters
from chiso_indicators.auditing import Auditing
from chiso_indicators.store.decisions import Refused
from chiso_indicators.store.read import NotFinalYet, Reader
from chiso_indicators.store.reference import AnotherCatalogue

log = get_logger(__name__)
GetReader = Callable[[], Reader]


def create_api(app: FastAPI, reader: GetReader, auditing: Auditing, desk: decisions.Desk) -> None:
    """Adds every endpoint to the application."""
    routers = (
        rollups.router(reader),
        reports.router(reader),
        catalogue.router(reader),
        ranks.router(reader),
        published.router(reader),
        audit.router(reader, auditing),
        decisions.router(desk),
    )
    for one in routers:
        app.include_router(one, dependencies=[Depends(refuse_unknown_parameters)])
    app.add_exception_handler(NotFinalYet, _on_not_final)
    app.add_exception_handler(CatalogueError, _on_unreadable_catalogue)
    app.add_exception_handler(AnotherCatalogue, _on_another_catalogue)
    app.add_exception_handler(Refused, decisions.on_refused)


async def _on_not_final(_request: Request, error: Exception) -> Response:
    return problem_response(425, "Too early", str(error), headers={"Retry-After": "1"})


async def _on_unreadable_catalogue(_request: Request, error: Exception) -> Response:
    log.error("a catalogue that was in force cannot be read by this release", error=str(error)[:1_000])
    return unavailable_response("the catalogue of that time cannot be read by this release")


async def _on_another_catalogue(_request: Request, error: Exception) -> Response:
    return problem_response(503, "Try again", str(error), headers={"Retry-After": "1"})
