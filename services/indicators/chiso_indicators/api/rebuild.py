"""`/v1/rebuild`: computes the store anew from the log beside the live one and says where they differ."""

from __future__ import annotations

from chiso_shared.runtime.http import problem_response
from fastapi import APIRouter, HTTPException, Response

from chiso_indicators.api.paging import single
from chiso_indicators.rebuilding import Rebuilding
from chiso_indicators.store.generation import RebuildRuns


def router(rebuilding: Rebuilding) -> APIRouter:
    """The endpoints."""
    routes = APIRouter(prefix="/v1", tags=["audit"])

    @routes.get("/rebuild")
    async def state() -> Response:
        found = rebuilding.state()
        if found is None:
            raise HTTPException(404, "no rebuild has been asked for since the start")
        return single(found)

    @routes.post("/rebuild")
    async def begin(compare: bool) -> Response:
        try:
            answer = single(rebuilding.request(compare))
        except RebuildRuns as error:
            return problem_response(409, "Conflict", str(error))
        answer.status_code = 202
        return answer

    return routes
