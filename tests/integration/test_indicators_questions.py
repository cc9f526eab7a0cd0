"""Bad questions get 4xx with a problem, never 500; an empty store answers too."""

from __future__ import annotations

from uuid import uuid4

from tests.integration.indicators_chain import running

BAD_QUESTIONS = (
    "/v1/rollups?limit=0",
    "/v1/rollups?limit=10001",
    "/v1/rollups?limit=ten",
    "/v1/rollups?cursor=%00",
    "/v1/rollups?cursor=W10",
    "/v1/rollups?basis=none",
    "/v1/rollups?level=village",
    "/v1/rollups?as_of=yesterday",
    "/v1/rollups?as_of=2025-10-20T03:10:02",
    "/v1/rollups/51/DVC.ONLINE_SUBMIT/lunar/2026-09/in_period",
    "/v1/rollups/51/NOPE/administrative/2026-09/in_period",
    "/v1/rollups/%00/DVC.ONLINE_SUBMIT/administrative/2026-09/in_period",
    "/v1/rollups/51/DVC.ONLINE_SUBMIT/administrative/2026-13/in_period",
    "/v1/cells/51/DVC.ONLINE_SUBMIT/administrative/2026-09/sometimes",
    "/v1/cells/99999/DVC.ONLINE_SUBMIT/administrative/2026-09/in_period",
    "/v1/cells?cursor=e30",
    "/v1/changes?after=-1",
    "/v1/changes?after=999999999999999999999",
    "/v1/changes?after=1.99999999999",
    "/v1/changes?after=²",
    "/v1/submissions/DEMO/not-a-uuid",
    f"/v1/submissions/DEMO/{uuid4()}",
    f"/v1/submissions/%00/{uuid4()}",
    "/v1/submissions?outcome=lost",
    "/v1/submissions?from=0001-01-01T00:00:00%2B14:00",
    "/v1/submissions?cursor=WyJhIiwiYiIsImMiXQ",
    "/v1/missing?calendar=lunar",
    "/v1/missing?cursor=WzFd",
    "/v1/periods?year=1",
    "/v1/units?cursor=Wy01XQ",
    "/v1/nothing",
)
LISTS = (
    "rollups",
    "cells",
    "submissions",
    "missing",
    "changes",
    "units",
    "targets",
    "published",
    "calendars",
)


async def test_bad_questions_get_a_problem(chiso_topics: str, database: str) -> None:
    async with running(chiso_topics, database) as chain:
        for path in BAD_QUESTIONS:
            answer = await chain.client.get(path)
            assert 400 <= answer.status_code < 500, f"{path}: {answer.status_code}"
            assert answer.headers["content-type"] == "application/problem+json", path
        for name in LISTS:
            items = (await chain.get(f"/v1/{name}", limit=5))["items"]
            assert len(items) <= 5, name
            assert (await chain.client.get(f"/v1/{name}", headers={"Accept": "text/csv"})).status_code == 200
