"""The door learns of units and indicators while it runs; no request is lost, nothing ends in quarantine."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from chiso_shared.catalogue import load_catalogue

from tests.harness import collect, eventually
from tests.integration.indicators_chain import SEEDS, running
from tests.integration.indicators_seeds import edited_seeds
from tests.integration.ingest_door import RunningDoor, running_door
from tests.integration.test_indicators_catalogue import same

UNIT, INDICATOR = "H99.77", "DVC.COUNTED"
DEPARTMENT = {
    "code": UNIT,
    "parent": "51",
    "type": "so",
    "name_vi": "Sở Thử nghiệm",
    "name_en": "Department of Tests",
    "valid_from": "2025-07-01",
    "valid_to": "",
    "kind": "example",
    "source": "a test",
}


def added(folder: Path) -> None:
    """Writes the new indicator, then the new unit that reports it."""
    with (SEEDS / "indicators.csv").open(encoding="utf-8", newline="") as file:
        like = next(row for row in csv.DictReader(file) if row["code"] == "DVC.RECEIVED")
    edited_seeds(folder, "indicators.csv", same, {**like, "code": INDICATOR, "name_en": "Counted by a test"})
    edited_seeds(folder, "departments.csv", same, DEPARTMENT)


def body(unit: str, indicator: str) -> bytes:
    return json.dumps(
        {
            "submission_id": str(uuid4()),
            "calendar": "administrative",
            "period": "2025-10",
            "basis": "in_period",
            "observations": [{"unit": unit, "indicator": indicator, "value": 7}],
        }
    ).encode()


class Steady:
    """Keeps sending reports that are right before and after."""

    def __init__(self, door: RunningDoor, key: str) -> None:
        self._door = door
        self._key = key
        self.statuses: list[int] = []
        self._over = asyncio.Event()

    async def send(self) -> None:
        while not self._over.is_set():
            answer = await self._door.post(body("21028", "DVC.RECEIVED"), self._key)
            self.statuses.append(answer.status_code)

    async def __aenter__(self) -> Steady:
        self._task = asyncio.gather(*(self.send() for _ in range(4)))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await self._task


async def test_the_door_takes_a_new_unit_and_indicator_without_a_restart(
    chiso_topics: str, tmp_path: Path
) -> None:
    seeds = edited_seeds(tmp_path / "seeds", "departments.csv", same)
    async with running_door(chiso_topics, tmp_path / "home", seeds=seeds) as door:
        key = await door.known_key("DEMO", "VN")
        refused = await door.post(body(UNIT, INDICATOR), key)
        assert refused.status_code == 422
        assert {one["code"] for one in refused.json()["errors"]} == {"unknown_unit", "unknown_indicator"}
        before = load_catalogue(seeds).version
        async with Steady(door, key) as steady:
            await eventually(lambda: len(steady.statuses) > 20)
            (seeds / "targets.csv").write_text("wrong")

            async def wrong() -> bool:
                text = (await door.client.get("/metrics")).text
                return 'chiso_catalogue_problems{service="ingest"} 0.0' not in text

            await eventually(wrong, 20)
            assert (await door.client.get("/readyz")).status_code == 200
            seen = len(steady.statuses)
            await eventually(lambda: len(steady.statuses) > seen + 20)
            (seeds / "targets.csv").write_bytes((SEEDS / "targets.csv").read_bytes())
            added(seeds)

            async def accepted() -> bool:
                return (await door.post(body(UNIT, INDICATOR), key)).status_code == 202

            assert await eventually(accepted, 20)
            seen = len(steady.statuses)
            await eventually(lambda: len(steady.statuses) > seen + 20)
        assert set(steady.statuses) == {202}
        metrics = (await door.client.get("/metrics")).text
    version = load_catalogue(seeds).version
    assert f'chiso_catalogue_info{{catalogue_version="{version}",service="ingest"}} 1.0' in metrics
    assert 'chiso_catalogue_problems{service="ingest"} 0.0' in metrics
    records = await collect(
        chiso_topics, "chiso.submissions.v1", lambda found: len(found) >= len(steady.statuses) + 1
    )
    by_unit: dict[str, set[Any]] = {}
    for record in records:
        unit = record.json["observations"][0]["unit"]
        by_unit.setdefault(unit, set()).add(record.json["catalogue_version"])
    assert by_unit[UNIT] == {version}
    assert {before, version} <= by_unit["21028"], "each says by which catalogue it was checked"


async def test_indicators_wait_for_a_catalogue_that_the_door_has_already(
    chiso_topics: str, database: str, tmp_path: Path
) -> None:
    ahead = edited_seeds(tmp_path / "ahead", "departments.csv", same)
    behind = edited_seeds(tmp_path / "behind", "departments.csv", same)
    added(ahead)
    async with (
        running_door(chiso_topics, tmp_path / "home", seeds=ahead) as door,
        running(chiso_topics, database, seeds=behind, catalogue_patience_seconds=20) as chain,
    ):
        key = await door.known_key("DEMO", "VN")
        answer = await door.post(body(UNIT, INDICATOR), key)
        assert answer.status_code == 202
        path = f"/v1/submissions/DEMO/{answer.json()['submission_id']}"

        async def lag() -> bool:
            assert (await chain.client.get(path)).status_code == 404
            text = (await chain.client.get("/metrics")).text
            return any(
                line.startswith("chiso_consumer_lag_records") and line.endswith(" 1.0")
                for line in text.splitlines()
            )

        assert await eventually(lag, 15), "it waits"
        added(behind)

        async def outcome() -> str | None:
            found = await chain.client.get(path)
            return str(found.json()["observations"][0]["outcome"]) if found.status_code == 200 else None

        assert await eventually(outcome, 15) == "applied"
