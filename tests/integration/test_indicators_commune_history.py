"""Rollups of communes over time: they are not stored, and still have versions, `as_of` and a history."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.harness import eventually
from tests.integration.indicators_chain import Chain, Log, document, log_writer, observation, running
from tests.integration.test_indicators_clock import PERIOD, instant, offset_to, phase_is
from tests.integration.test_indicators_decisions import HELD, key_of, policies, post, send

CHANCE = random.Random("history of communes")
RESTATED = "DVC.ERESULT"
COMMUNE, NEIGHBOUR = "21289", "21028"
MICROSECOND = timedelta(microseconds=1)


def path(unit: str, period: str = "2026-09", basis: str = "in_period") -> str:
    return f"/v1/rollups/{unit}/DVC.ONLINE_SUBMIT/administrative/{period}/{basis}"


async def history(chain: Chain, unit: str, *rest: str) -> list[dict[str, Any]]:
    """The versions of a rollup, each beginning where the one before it ends."""
    items: list[dict[str, Any]] = (await chain.get(path(unit, *rest), history="true"))["items"]
    assert [item["version"] for item in items] == list(range(1, len(items) + 1))
    for before, after in pairwise(items):
        assert before["valid_to"] == after["valid_from"] == after["updated_at"]
        assert before["valid_from"] < before["valid_to"]
    assert items[-1]["valid_to"] is None
    return items


async def then(chain: Chain, at: datetime | str, where: str) -> dict[str, Any] | None:
    """One rollup as of an instant, None where there was none."""
    text = at if isinstance(at, str) else at.isoformat()
    answer = await chain.client.get(where, params={"as_of": text})
    assert answer.status_code in (200, 404), answer.text
    found: dict[str, Any] | None = answer.json(parse_float=Decimal) if answer.status_code == 200 else None
    return found


async def listed(chain: Chain, limit: int, **filters: Any) -> list[dict[str, Any]]:
    """All pages of a list."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        more: dict[str, Any] = {"cursor": cursor} if cursor else {}
        answer = await chain.client.get("/v1/rollups", params={**filters, **more, "limit": limit})
        assert answer.status_code == 200, answer.text
        page = answer.json(parse_float=Decimal)
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


async def tell(chain: Chain, log: Log, numerator: int | None, revision: int, **more: Any) -> dict[str, Any]:
    """Sends one report of the commune, waits for its tick, and gives what is read then."""
    figure: dict[str, Any] = {"numerator": numerator, "denominator": 100}
    reported = observation(COMMUNE, **(figure if numerator is not None else {"op": "withdraw"}))
    reason = "recount" if revision else None
    await chain.settled(
        [await log.submit(document(CHANCE, [reported], revision=revision, reason=reason, **more))]
    )
    live: dict[str, Any] = await chain.get(path(COMMUNE, more.get("period", "2026-09")))
    return live


async def test_a_commune_has_the_versions_that_were_read(chiso_topics: str, database: str) -> None:
    async with log_writer(chiso_topics) as log, running(chiso_topics, database) as chain:
        before = datetime.now(UTC)
        neighbour = await log.submit(document(CHANCE, [observation(NEIGHBOUR, numerator=1, denominator=2)]))
        await chain.settled([neighbour])
        live = [await tell(chain, log, 40, 1)]
        live.append(await tell(chain, log, 60, 3))
        assert await tell(chain, log, 50, 2) == live[-1], "a losing revision made a version"
        assert await tell(chain, log, 60, 4) == live[-1], "the same figures again made a version"
        live.append(await tell(chain, log, None, 5))
        live.append(await tell(chain, log, 70, 6))
        assert [(row["version"], row["numerator"], row["n_reported"]) for row in live] == [
            (1, 40, 1),
            (2, 60, 1),
            (3, None, 0),
            (4, 70, 1),
        ]
        assert [row["causes"] for row in live] == [["backfill"], ["correct"], ["withdraw"], ["correct"]]
        assert [(row["phase"], row["vintage"]) for row in live] == [("closed", n) for n in (1, 2, 3, 4)]
        items = await history(chain, COMMUNE)
        assert [{name: item[name] for name in live[0]} for item in items] == live

        assert await then(chain, before, path(COMMUNE)) is None
        for number, row in enumerate(live):
            begins = datetime.fromisoformat(row["updated_at"])
            earlier = live[number - 1] if number else None
            for at, expected in ((begins, row), (begins - MICROSECOND, earlier)):
                assert await then(chain, at, path(COMMUNE)) == expected
                filters = {"unit": [COMMUNE, NEIGHBOUR, "51"], "period": "2026-09", "as_of": at.isoformat()}
                for limit in (1, 2, 100):
                    rows = await listed(chain, limit, **filters)
                    found = {row["unit"]: row for row in rows}
                    assert len(rows) == len(found) == (3 if expected else 2)
                    assert found.get(COMMUNE) == expected
                    assert found["51"] == await then(chain, at, path("51"))
        present = await listed(chain, 1, unit=[COMMUNE, NEIGHBOUR], period="2026-09")
        assert present[-1] == live[-1] and len(present) == 2

        quarter = await history(chain, COMMUNE, "2026-Q3")
        assert [row["numerator"] for row in quarter] == [40, 60, None, 70]
        await tell(chain, log, 30, 0, period="2026-08")
        longer = await history(chain, COMMUNE, "2026-Q3")
        assert (longer[-1]["numerator"], longer[-1]["denominator"]) == (100, 200)
        assert [{**row, "valid_to": None} for row in longer[:-1]] == [
            {**row, "valid_to": None} for row in quarter
        ]
        assert await history(chain, COMMUNE) == items, "another month changed the history of this one"


async def test_phases_are_those_of_the_instant_and_an_approval_counts_from_its_own_tick(
    chiso_topics: str, database: str, tmp_path: Path
) -> None:
    seeds = policies(tmp_path)
    operator = key_of(tmp_path, seeds, "H48")
    started, later = instant("close") - timedelta(hours=1), instant("close") + timedelta(hours=2)
    async with log_writer(chiso_topics, started) as log:
        async with running(chiso_topics, database, seeds=seeds, clock_offset=offset_to(started)) as chain:
            await chain.settled([await send(log, NEIGHBOUR, 70, -30)])
            first: dict[str, Any] = await chain.get(path(NEIGHBOUR))
            assert (first["phase"], first["vintage"], first["causes"]) == ("collecting", 0, ["report"])
        async with running(
            chiso_topics, database, seeds=seeds, home=tmp_path, clock_offset=offset_to(later)
        ) as chain:
            closed = await phase_is(chain, NEIGHBOUR, "closed")
            assert closed == {**first, "phase": "closed", "vintage": 1}
            # One observation is held, the other one's period is open to restatements: it counts at once.
            both = [observation(NEIGHBOUR, name, numerator=90, denominator=100) for name in (HELD, RESTATED)]
            sent = await log.submit(
                document(CHANCE, both, revision=1, reason="recount"),
                accepted_at=instant("close") + timedelta(minutes=5),
            )
            await chain.settled([sent])
            assert await chain.get(path(NEIGHBOUR)) == closed, "a held report counted"
            at_once = f"/v1/rollups/{NEIGHBOUR}/{RESTATED}/administrative/{PERIOD}/in_period"
            restated = await chain.get(at_once)
            approve = f"/v1/held/DEMO/{sent['submission_id']}/approve"
            assert (await post(chain, approve, operator, reason="checked"))[0] == 200

            async def approved() -> dict[str, Any] | None:
                row: dict[str, Any] = await chain.get(path(NEIGHBOUR))
                return row if row["version"] == 2 else None

            row = await eventually(approved, 20)
            assert (row["numerator"], row["vintage"], row["causes"]) == (90, 2, ["correct"])
            assert row["updated_at"] > restated["updated_at"]
            items = await history(chain, NEIGHBOUR)
            assert [(item["phase"], item["vintage"]) for item in items] == [("collecting", 0), ("closed", 2)]
            assert await chain.get(at_once) == restated
            begins = datetime.fromisoformat(row["updated_at"])
            assert await then(chain, begins - MICROSECOND, path(NEIGHBOUR)) == closed
            assert await then(chain, first["updated_at"], path(NEIGHBOUR)) == first
            assert await then(chain, restated["updated_at"], at_once) == restated
