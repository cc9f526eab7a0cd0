"""PostgreSQL or Kafka away: every service still answers, says why it is not ready, and comes back."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx

from tests.harness import System, eventually
from tests.harness.ledger import report

SERVICES = ("ingest", "indicators", "alerts")


def readyz(system: System, service: str) -> tuple[int, dict[str, Any]]:
    with system.http(service) as client:
        answer = client.get("/readyz")
    return answer.status_code, answer.json()


def says_why(system: System, service: str) -> dict[str, str] | None:
    """The reasons, once the service answers 503; a restart in between is "not yet"."""
    try:
        status, body = readyz(system, service)
        with system.http(service) as client:
            assert client.get("/livez").status_code == 200
            assert client.get("/metrics").status_code == 200
    except httpx.TransportError:
        return None
    reasons: dict[str, str] | None = body.get("reasons") if status == 503 else None
    return reasons


def a_report() -> dict[str, Any]:
    cell = {"unit": "21289", "indicator": "DVC.ON_TIME", "numerator": 9, "denominator": 10}
    return report(random.Random("away"), "2025-08", [cell])


async def test_each_service_says_what_it_misses_and_comes_back_by_itself(
    new_system: Callable[..., System],
) -> None:
    system = new_system()
    system.start()

    await system.hold("postgres")
    for service in ("indicators", "alerts"):
        assert await eventually(partial(says_why, system, service), deadline_seconds=45)
    with system.http("indicators") as client:
        answer = await eventually(lambda: answered(client, "/v1/rollups"), deadline_seconds=20)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) > 0
    assert readyz(system, "ingest")[0] == 200
    document = a_report()
    assert system.submit(document).status_code == 202, "the door needs no database"
    system.release("postgres")
    for service in SERVICES:
        await system.wait_ready(service, deadline_seconds=60)
    path = f"/v1/submissions/DEMO/{document['submission_id']}"
    with system.http("indicators") as client:
        await eventually(lambda: client.get(path).status_code == 200, deadline_seconds=60)

    await system.hold("kafka")
    for service in SERVICES:
        assert await eventually(partial(says_why, system, service), deadline_seconds=45)
    refused = system.submit(document)
    assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
    system.release("kafka")
    for service in SERVICES:
        await system.wait_ready(service, deadline_seconds=60)
    assert system.submit(document).status_code == 202


def answered(client: httpx.Client, path: str) -> httpx.Response | None:
    try:
        return client.get(path)
    except httpx.TransportError:
        return None
