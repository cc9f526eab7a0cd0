"""`/v1/rebuild`: computes the store anew from the log beside the live one and says where they differ."""

from __future__ import annotations

from typing import Any, Protocol

from chiso_shared.runtime.http import problem_response
from fastapi import APIRouter, Depends, HTTPException, Response

from chiso_indicators.api.decisions import Authorization, Desk
from chiso_indicators.api.paging import single
from chiso_indicators.api.vocabulary import refuse_unknown_parameters
from chiso_indicators.store.generation import RebuildRuns


class Rebuilder(Protocol):
    """What runs a rebuild in the background."""

    def state(self) -> dict[str, Any] | None:
        """The last one; None before the first."""
        ...

    def request(self, compare_only: bool) -> dict[str, Any]:
        """Begins one. Raises RebuildRuns while one runs."""
        ...


def router(rebuilding: Rebuilder, desk: Desk) -> APIRouter:
    """The endpoints. Comparing needs no key; writing what differs needs an operator's."""
    routes = APIRouter(prefix="/v1", tags=["audit"], dependencies=[Depends(refuse_unknown_parameters)])

    @routes.get("/rebuild")
    async def state() -> Response:
        found = rebuilding.state()
        if found is None:
            raise HTTPException(404, "no rebuild has been asked for since the start")
        return single(found)

    @routes.post("/rebuild")
    async def begin(compare: bool, authorization: Authorization = None) -> Response:
        if not compare:
            desk.operator(authorization)
        try:
            answer = single(rebuilding.request(compare))
        except RebuildRuns as error:
            return problem_response(409, "Conflict", str(error))
        answer.status_code = 202
        return answer

    return routes
