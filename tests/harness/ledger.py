"""What a client sent and was promised, and what must therefore be true. Shares no code with the services."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx

Document = dict[str, Any]
CellKey = tuple[str, str, str, str, str]
Sums = tuple[Decimal, Decimal]
RETRIED = (429, 503)


@dataclass
class Ledger:
    """Every document sent, and the receipt of each that was accepted."""

    receipts: dict[str, dict[str, Any]] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    refusals: list[tuple[Document, httpx.Response]] = field(default_factory=list)
    unanswered: int = 0

    def winners(self) -> dict[CellKey, dict[str, Any]]:
        """Per cell the observation with the greatest (revision, accepted_at, submission_id)."""
        best: dict[CellKey, tuple[tuple[int, str, str], dict[str, Any]]] = {}
        for submission_id, document in self.documents.items():
            if submission_id not in self.receipts:
                continue
            rank = (document["revision"], self.receipts[submission_id]["accepted_at"], submission_id)
            for observation in document["observations"]:
                key = (
                    observation["unit"],
                    observation["indicator"],
                    document["calendar"],
                    document["period"],
                    document["basis"],
                )
                if key not in best or rank > best[key][0]:
                    best[key] = (rank, observation)
        return {key: observation for key, (_, observation) in best.items()}

    def sums(self, parents: Mapping[str, str]) -> dict[CellKey, Sums]:
        """Numerators and denominators added up for provinces and the nation."""
        totals: dict[CellKey, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        for (unit, *rest), observation in self.winners().items():
            if observation.get("op") == "withdraw":
                continue
            for above in (parents[unit], "VN"):
                indicator, calendar, period, basis = rest
                row = totals[(above, indicator, calendar, period, basis)]
                row[0] += Decimal(str(observation["numerator"]))
                row[1] += Decimal(str(observation["denominator"]))
        return {key: (row[0], row[1]) for key, row in totals.items()}


async def send(
    client: httpx.AsyncClient, ledger: Ledger, document: Document, deadline_seconds: float = 90
) -> httpx.Response | None:
    """Posts one document until it has an answer that is not "again, please"; always with the same id."""
    ledger.documents[document["submission_id"]] = document
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_seconds
    pause_seconds = 0.05
    while loop.time() < deadline:
        try:
            response = await client.post("/v1/submissions", json=document)
        except httpx.TransportError:
            response = None
        if response is not None and response.status_code == 202:
            # Of the same submission sent again the first stands in the log.
            ledger.receipts.setdefault(document["submission_id"], response.json())
            return response
        if response is not None and response.status_code not in RETRIED:
            ledger.refusals.append((document, response))
            return response
        await asyncio.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 2, 1.0)
    ledger.unanswered += 1
    return None


async def send_all(
    url: str,
    key: str,
    ledger: Ledger,
    documents: Iterable[Document],
    concurrency: int = 8,
    on_sent: Callable[[int], None] = lambda count: None,
) -> None:
    """Posts all documents, `concurrency` at a time; `on_sent` hears how many have been answered."""
    queue = list(reversed(list(documents)))
    answered = 0

    async def worker(client: httpx.AsyncClient) -> None:
        nonlocal answered
        while queue:
            await send(client, ledger, queue.pop())
            answered += 1
            on_sent(answered)

    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
        await asyncio.gather(*(worker(client) for _ in range(concurrency)))


def new_id(chance: random.Random) -> str:
    """A random UUID from the given generator, so that a seed replays the same ids."""
    return str(UUID(int=chance.getrandbits(128), version=4))


def report(
    chance: random.Random, period: str, observations: Sequence[dict[str, Any]], revision: int = 0
) -> Document:
    """An administrative `in_period` submission of the demo agency."""
    return {
        "submission_id": new_id(chance),
        "calendar": "administrative",
        "period": period,
        "basis": "in_period",
        "revision": revision,
        "reason": "recount" if revision else None,
        "source": {"document": "TEST"},
        "observations": list(observations),
    }


def share(
    chance: random.Random, unit: str, indicator: str, low: float = 0.6, high: float = 0.99
) -> dict[str, Any]:
    """One ratio observation with a share between `low` and `high`."""
    denominator = chance.randint(100, 2_000)
    numerator = int(denominator * chance.uniform(low, high))
    return {"unit": unit, "indicator": indicator, "numerator": numerator, "denominator": denominator}
