"""Over HTTP: merged provinces as one series, levels apart, places with their cohort."""

from __future__ import annotations

import random
from typing import Any

from tests.integration.indicators_chain import Chain, Log, document, log_writer, observation, running

CHANCE = random.Random("grain")
PUBLICATIONS = "STI.PUBS"


async def report_publications(log: Log) -> None:
    """Quảng Bình (44) and old Quảng Trị (45) before the merger, new Quảng Trị (44) after it."""
    before = [observation("44", PUBLICATIONS, value=30), observation("45", PUBLICATIONS, value=12)]
    after = [observation("44", PUBLICATIONS, value=50), observation("51", PUBLICATIONS, value=7)]
    await log.submit(document(CHANCE, before, calendar="statistical", period="2025-05"))
    await log.submit(document(CHANCE, after, calendar="statistical", period="2025-08"))


async def series(chain: Chain, unit: str, **more: Any) -> dict[str, tuple[Any, Any, Any]]:
    """By period: unit, value, break."""
    asked = {"indicator": PUBLICATIONS, "calendar": "statistical", "recast": "true"}
    found = (await chain.get("/v1/rollups", unit=unit, **asked, **more))["items"]
    return {row["period"]: (row["unit"], row["value"], row["break"]) for row in found}


async def check_recast(chain: Chain) -> None:
    merger = {"effective": "2025-07-01", "predecessors": ["44", "45"], "missing": []}
    for code in ("44", "H50"):
        found = await series(chain, code)
        assert found["2025-05"] == found["2025-Q2"] == found["2025-H1"] == ("44", 42, merger)
        assert found["2025-08"] == found["2025-Q3"] == ("44", 50, None)
        _, value, straddling = found["2025"]
        assert value == 50, "the months of before are its predecessors'"
        assert straddling == {**merger, "predecessors": [], "missing": ["44", "45"]}
    plain = (await chain.get("/v1/rollups", unit="44", indicator=PUBLICATIONS, period="2025-05"))["items"]
    assert [row["value"] for row in plain] == [30], "without recast 44 is Quảng Bình then"
    assert "break" not in plain[0]
    assert set((await series(chain, "45")).values()) == {("45", 12, None)}
    refused = await chain.client.get("/v1/rollups", params={"recast": "true"})
    assert refused.status_code == 422


async def check_breakdown(chain: Chain) -> None:
    path = "/v1/rollups/{}/DVC.ONLINE_SUBMIT/administrative/{}/in_period"
    row = await chain.get(path.format("51", "2026-09"), breakdown="true")
    commune, department = row["breakdown"]
    assert (commune["level"], commune["numerator"], commune["denominator"]) == ("commune", 100, 200)
    assert (commune["value"], commune["n_expected"], commune["n_reported"]) == (50, 96, 2)
    assert (department["level"], department["value"], department["n_unexpected"]) == ("department", 10, 1)
    assert row["numerator"] == commune["numerator"] + department["numerator"]
    nation = await chain.get(path.format("VN", "2026-09"), breakdown="true")
    assert [one["numerator"] for one in nation["breakdown"]] == [180, 10]
    assert nation["breakdown"][0]["n_expected"] == 3321 and nation["numerator"] == 190
    quarter = await chain.get(path.format("51", "2026-Q3"), breakdown="true")
    assert [one["numerator"] for one in quarter["breakdown"]] == [100, 10]
    assert "breakdown" not in await chain.get(path.format("51", "2026-09"))


async def check_ranks(chain: Chain) -> None:
    asked = {"indicator": "DVC.ONLINE_SUBMIT", "calendar": "administrative", "period": "2026-09"}
    asked |= {"basis": "in_period"}
    thin = await chain.get("/v1/ranks", **asked)
    assert thin["items"] == [] and thin["cohort"] == 0
    assert {"unit": "51", "reason": "low_coverage"} in thin["excluded"]
    places = await chain.get("/v1/ranks", **asked, minimum_completeness="0")
    assert [(one["unit"], one["rank"], one["cohort"]) for one in places["items"]] == [
        ("44", 1, 2),
        ("51", 2, 2),
    ]
    communes = await chain.get("/v1/ranks", **asked, level="commune", parent="51")
    assert [(one["unit"], one["rank"], one["tied"]) for one in communes["items"]] == [
        ("21025", 1, 2),
        ("21028", 1, 2),
    ]
    refused = await chain.client.get("/v1/ranks", params={**asked, "indicator": "DVC.RECEIVED"})
    assert refused.status_code == 422, "received dossiers have no better or worse"
    sheet = await chain.client.get(
        "/v1/ranks", params={**asked, "minimum_completeness": "0"}, headers={"accept": "text/csv"}
    )
    assert sheet.text.splitlines()[0].startswith("unit,rank,cohort,tied,value")


async def test_reading_at_every_grain(chiso_topics: str, database: str) -> None:
    async with log_writer(chiso_topics) as log, running(chiso_topics, database) as chain:
        await report_publications(log)
        shares = [observation(unit, numerator=50, denominator=100) for unit in ("21025", "21028")]
        shares += [observation("H48.12", numerator=10, denominator=100)]
        await log.submit(document(CHANCE, shares))
        await log.submit(document(CHANCE, [observation("18859", numerator=80, denominator=100)]))
        await chain.settled(log.sent)
        await check_recast(chain)
        await check_breakdown(chain)
        await check_ranks(chain)
        assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0
