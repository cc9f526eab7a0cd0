"""Random histories through a real log and database, in random batches, two instances, against the model."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.indicators_chain import Chain, Log, document, log_writer, running
from tests.integration.indicators_model import KINDS, MONTHS, last_day, rollup, touched, winners

COMMUNES = {"51": ("21025", "21028", "21034"), "44": ("18859", "18871")}
PARTITIONS = {"H48": 0, "H50": 1, "DEMO": 5}


def _figure(chance: random.Random, ratio: bool) -> dict[str, Any]:
    turn = chance.random()
    if turn < 0.08:
        return {"op": "withdraw", "reason": "wrong unit"}
    if turn < 0.14:
        return {"status": "NA", "reason": "no service point"}
    if turn < 0.24:
        return {"value": chance.randint(0, 100), "qualifier": chance.choice(["gt", "lt", "approx"])}
    if not ratio:
        return {"value": Decimal(chance.randint(0, 10**9)) / chance.choice([1, 10, 1000])}
    if turn < 0.34:
        return {"value": chance.randint(0, 100)}
    denominator = chance.choice([0, chance.randint(1, 10**6)])
    return {"numerator": chance.randint(0, denominator), "denominator": denominator}


def _observation(chance: random.Random, unit: str, indicator: str) -> dict[str, Any]:
    plain = {"unit": unit, "indicator": indicator, "op": "report", "status": "A", "qualifier": "eq"}
    return plain | _figure(chance, KINDS[indicator].ratio)


def _submission(chance: random.Random) -> dict[str, Any]:
    indicator = chance.choice(list(KINDS))
    kind = KINDS[indicator]
    period = chance.choice([*MONTHS, *MONTHS, "2026-Q3"])
    province = chance.choice(list(COMMUNES))
    units = COMMUNES[province] if kind.level == "commune" else (province,)
    if chance.random() < 0.1:
        units = (province,)  # above the source level this is a figure of its own, never added
    chosen = chance.sample(units, chance.randint(1, len(units)))
    basis = "as_of" if kind.over_time == "last" else "in_period"
    day = last_day(period) - timedelta(days=chance.randint(0, 3)) if period in MONTHS else last_day("2026-09")
    return document(
        chance,
        [_observation(chance, unit, indicator) for unit in chosen],
        agency=chance.choice(list(PARTITIONS)),
        period=period,
        basis=basis,
        as_of=day.isoformat() if basis == "as_of" else None,
        revision=chance.choice([0, 0, 0, 1, 1, 2]),
    )


async def _write(chance: random.Random, log: Log, count: int) -> None:
    """A history with repeats, other payloads under old ids, and instants out of order."""
    start = log.accepted_at
    for _ in range(count):
        turn = chance.random()
        if log.sent and turn < 0.15:
            again = chance.choice(log.sent)
            submission = {
                name: item
                for name, item in again.items()
                if name not in ("accepted_at", "payload_sha256", "key_id", "catalogue_version")
            }
            if turn < 0.05:
                submission = submission | {"revision": submission["revision"] + 7}
        else:
            submission = _submission(chance)
        instant = start + timedelta(milliseconds=chance.randint(0, 60_000))
        await log.submit(submission, accepted_at=instant, partition=PARTITIONS[submission["agency"]])


async def _agrees(chain: Chain, sent: list[dict[str, Any]]) -> int:
    cells, _ = winners(sent)
    compared = 0
    for (indicator, calendar, basis), periods in touched(cells).items():
        kind = KINDS[indicator]
        rest = (indicator, calendar, basis)
        answer = await chain.get(
            "/v1/rollups",
            indicator=indicator,
            calendar=calendar,
            basis=basis,
            unit=["51", "44", "VN"],
            limit=1000,
        )
        rows = {(row["unit"], row["period"]): row for row in answer["items"]}
        for period in periods:
            for unit in ("51", "44", "VN"):
                provinces = list(COMMUNES) if unit == "VN" else [unit]
                parts = (
                    [part for one in provinces for part in COMMUNES[one]]
                    if kind.level == "commune"
                    else provinces
                )
                expected = rollup(cells, parts, rest, period)
                row = rows.get((unit, period))
                if row is None:
                    assert expected.numerator is expected.value is None and not expected.n_reported
                    continue
                _same(row, expected, f"{unit} {indicator} {period}")
                compared += 1
    return compared


def _same(row: dict[str, Any], expected: Any, where: str) -> None:
    for name in (
        "numerator",
        "denominator",
        "n_reported",
        "n_contributing",
        "n_percent_only",
        "n_unexpected",
    ):
        assert row[name] == getattr(expected, name), f"{where}: {name} {row} {expected}"
    if row["value_source"] == "computed":
        assert row["value"] == expected.value, f"{where}: {row} {expected}"
    else:
        assert expected.value is None, f"{where}: {row} {expected}"


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_service_and_model_agree(chiso_topics: str, database: str, seed: int) -> None:
    chance = random.Random(seed)
    sizes = [chance.randint(1, 9), chance.randint(1, 200)]
    async with (
        log_writer(chiso_topics) as log,
        running(chiso_topics, database, apply_max_records=sizes[0]) as chain,
    ):
        await _write(chance, log, 150)
        async with running(chiso_topics, database, apply_max_records=sizes[1]):
            await _write(chance, log, 150)
            await chain.settled(log.sent, 60)
        cells, counted = winners(log.sent)
        assert await _agrees(chain, log.sent) > 30
        for key, item in cells.items():
            cell = await chain.get("/v1/cells/" + "/".join(key))
            for name in ("op", "status", "numerator", "denominator", "value", "qualifier"):
                assert cell["winner"][name] == item.get(name), f"{key}: {cell} {item}"
        found = (await chain.get("/v1/submissions", limit=1000))["items"]
        assert sum(item["duplicates"] for item in found) == counted["duplicate"]
        assert counted["conflict"] and counted["duplicate"]
        audited = (await chain.client.post("/v1/audit")).json()
        assert audited["checked"] > 30 and audited["drift_rows"] == 0, audited
