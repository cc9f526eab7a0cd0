"""What alerts answers to requests for what does not exist: problems with their cause, never an error."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.harness.topics import empty_contract_topics
from tests.integration.alerts_running import Running, running


@pytest.fixture(scope="module")
async def idle(kafka: str, databases: Any) -> AsyncIterator[Running]:
    """A service that nothing is published to, shared by the tests of its answers."""
    await empty_contract_topics(kafka)
    dsn = await databases.create()
    async with running(kafka, dsn) as alerts:
        yield alerts


@pytest.mark.parametrize(
    "path",
    [
        "/v1/alerts?state=BURNING",
        "/v1/alerts?severity=bad",
        "/v1/alerts?limit=0",
        "/v1/alerts?limit=10001",
        "/v1/alerts?limit=x",
        "/v1/alerts?limit=%D9%A3",
        "/v1/alerts?cursor=%00",
        "/v1/alerts?cursor=AAAA",
        "/v1/alerts?unit=%00",
        "/v1/alerts?unit=%ED%A0%80%00",
        "/v1/alerts?sate=FIRING",
        "/v1/alerts/not-a-uuid",
        "/v1/alerts/%00/explain",
        "/v1/alerts/0198c0de-7a11-7c4e-9d3f-5b2a1c0e8f77/explain?sequence=-1",
        "/v1/rules?colour=red",
        "/v1/tasks?colour=red",
    ],
)
async def test_bad_parameters_are_named_and_never_an_error_of_ours(path: str, idle: Running) -> None:
    answer = await idle.http.get(path)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"].startswith("/")


async def test_what_does_not_exist_is_404(idle: Running) -> None:
    for path in ("", "/explain"):
        answer = await idle.http.get(f"/v1/alerts/0198c0de-7a11-7c4e-9d3f-5b2a1c0e8f77{path}")
        assert answer.status_code == 404


async def test_an_empty_table_has_its_columns(idle: Running) -> None:
    form = {"accept": "text/csv"}
    answer = await idle.http.get("/v1/alerts", params={"unit": "nobody"}, headers=form)
    assert "Accept" in answer.headers["vary"].split(", ")
    assert answer.text.count("\r\n") == 1
    columns = answer.text.strip().split(",")
    assert {"alert_id", "rule.id", "target.value", "reading.value", "resolved_at"} <= set(columns)
    rules = await idle.http.get("/v1/rules", headers=form)
    assert rules.text.startswith("id,kind,version,indicators,")


async def test_head_is_answered(idle: Running) -> None:
    for path in ("/v1/alerts", "/v1/rules", "/livez"):
        answer = await idle.http.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
