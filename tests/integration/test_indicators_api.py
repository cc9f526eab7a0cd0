"""Every endpoint answers with the documented shape, and bad questions get 4xx with a problem."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
from chiso_shared.contracts.rollup import Rollup, RollupEvent

from tests.harness import collect, eventually
from tests.integration.indicators_chain import Chain, document, log_writer, observation, running

KEY = "DVC.ONLINE_SUBMIT/administrative/2026-09/in_period"
# Not the month that is owed on the day of the test: it has rows of its own.
SPANS = ["2026-09", "2026-Q3", "2026-H2", "2026-9M", "2026"]
ROLLUP_FIELDS = set(Rollup.model_fields)
REVISION_FIELDS = {
    *("revision", "submission_id", "agency", "accepted_at", "outcome", "op", "numerator", "denominator"),
    *("value", "value_high", "qualifier", "status", "as_of", "reason", "late"),
}


async def _fill(chain: Chain, chance: random.Random, bootstrap: str) -> dict[str, Any]:
    async with log_writer(bootstrap) as log:
        first = await log.submit(
            document(
                chance,
                [
                    observation("21025", numerator=812, denominator=1004),
                    observation("21028", value=97, qualifier="gt"),
                    observation("21034", status="NA", reason="no service point"),
                    observation("51", numerator=40, denominator=50),
                ],
                source={"document": "359-KH/TU", "url": None, "published": "2026-09-16"},
            )
        )
        sent = {name: item for name, item in first.items() if name != "accepted_at"}
        for name in ("payload_sha256", "key_id", "catalogue_version"):
            sent.pop(name)
        await log.submit(sent)
        await log.submit({**sent, "revision": 4, "reason": "another payload"})
        unknown = document(
            chance, [observation("21025", "NOT.THERE", value=1), observation("00000", value=1)]
        )
        await log.submit(unknown)
        await chain.settled(log.sent)
    path = f"/v1/submissions/DEMO/{first['submission_id']}"
    await eventually(lambda: _counted(chain, path))
    return first


async def _counted(chain: Chain, path: str) -> bool:
    found = await chain.get(path)
    return found["duplicates"] == 1 and len(found["conflicts"]) == 1


async def test_every_endpoint(chiso_topics: str, database: str) -> None:
    chance = random.Random("api")
    async with running(chiso_topics, database) as chain:
        first = await _fill(chain, chance, chiso_topics)
        await _submissions(chain, first)
        await _rollups(chain)
        await _history(chain)
        await _cells_and_missing(chain)
        await _catalogue(chain)
        await _metrics(chain)
        await _drift_is_found_and_left_alone(chain, database)
        records = await collect(chiso_topics, "chiso.rollups.v1", lambda found: len(found) >= 10)
        for record in records:
            event = RollupEvent.model_validate_json(record.value or b"")
            assert record.key_text == event.key == record.headers["ce_partitionkey"]
            assert record.headers["ce_sequence"] == str(event.version)
            assert record.headers["ce_type"] == "chiso.rollup.changed.v1"
        changed = {r.json["unit"]: r.json for r in records if r.json["period"] == "2026-09"}
        assert changed["51"]["changed_cells_count"] == 4
        assert {cell["unit"] for cell in changed["51"]["changed_cells"]} == {"21025", "21028", "21034", "51"}


async def _submissions(chain: Chain, first: dict[str, Any]) -> None:
    found = await chain.get(f"/v1/submissions/DEMO/{first['submission_id']}")
    assert found["status"] == "received" and found["payload_sha256"] == first["payload_sha256"]
    assert [item["outcome"] for item in found["observations"]] == ["applied"] * 4
    made = {(one["unit"], one["period"]): one["version"] for one in found["observations"][0]["rollups"]}
    assert made[("51", "2026-09")] == 1 and made[("VN", "2026")] == 1
    listed = await chain.get("/v1/submissions", agency="DEMO", limit=1)
    assert listed["next_cursor"]
    more = await chain.get("/v1/submissions", agency="DEMO", cursor=listed["next_cursor"])
    assert [item["submission_id"] for item in more["items"]] == [first["submission_id"]]
    bad = (await chain.get("/v1/submissions", outcome="quarantined"))["items"]
    assert len(bad) == 1 and bad[0]["outcomes"] == ["quarantined"]
    kept = await chain.get(f"/v1/submissions/DEMO/{bad[0]['submission_id']}")
    assert {item["reason"] for item in kept["observations"]} == {"unknown_indicator", "unknown_unit"}
    assert (await chain.get("/v1/submissions", to="2020-01-01"))["items"] == []


async def _rollups(chain: Chain) -> None:
    row = await chain.rollup("51")
    assert row is not None and set(row) == ROLLUP_FIELDS
    assert (row["numerator"], row["denominator"], row["value"]) == (812, 1004, Decimal("80.8765"))
    assert (row["n_reported"], row["n_contributing"], row["n_percent_only"]) == (3, 2, 1)
    assert row["reported"]["value"] == 80 and row["discrepancy"] == Decimal("0.8765")
    assert row["target"]["comparator"] == "ge" and row["attainment"] == Decimal("101.1")
    assert row["completeness"] == Decimal("0.0312")
    nation = await chain.rollup("VN")
    assert nation is not None and (nation["numerator"], nation["n_reported"]) == (812, 3)
    inexact = await chain.rollup("21028")
    assert inexact is not None and (inexact["value"], inexact["value_source"]) == (97, "reported")
    assert (inexact["level"], inexact["reported"]["qualifier"], inexact["n_expected"]) == ("commune", "gt", 1)
    quarter = await chain.rollup("21025", "DVC.ONLINE_SUBMIT", "administrative", "2026-Q3")
    assert quarter is not None and (quarter["numerator"], quarter["n_expected"]) == (812, 3)
    assert await chain.rollup("21037") is None
    by_pages: list[tuple[str, ...]] = []
    cursor: str | None = None
    while True:
        wanted = {"period": SPANS, "limit": 4}
        page = await chain.get("/v1/rollups", **wanted, **({"cursor": cursor} if cursor else {}))
        by_pages += [tuple(item[name] for name in ("unit", "indicator", "period")) for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert by_pages == sorted(set(by_pages)) and len(by_pages) == 13
    filtered = await chain.get("/v1/rollups", level=["commune", "nation"], period="2026-09")
    assert [item["unit"] for item in filtered["items"]] == ["21025", "21028", "21034", "VN"]
    text = (await chain.client.get("/v1/rollups?unit=51", headers={"Accept": "text/csv"})).text
    assert text.startswith("unit,level,indicator") and "80.8765" in text and "reported.value" in text


async def _history(chain: Chain) -> None:
    items = (await chain.get(f"/v1/rollups/51/{KEY}", history="true"))["items"]
    assert [item["version"] for item in items] == [1] and items[0]["valid_to"] is None
    now = datetime.now(UTC)
    path = "/v1/rollups"
    assert (await chain.get(path, unit="51", as_of="2026-01-01"))["items"] == []
    seen = await chain.get(path, unit="51", period=SPANS, as_of=now.isoformat())
    assert len(seen["items"]) == 5
    ahead = await chain.client.get(path, params={"as_of": (now + timedelta(hours=1)).isoformat()})
    assert ahead.status_code == 425 and ahead.headers["retry-after"]
    changes = await chain.get("/v1/changes", limit=4)
    assert set(changes["items"][0]) == ROLLUP_FIELDS | {"cursor"}
    rest = await chain.get("/v1/changes", after=changes["next_cursor"], limit=10_000)
    moved = [item for item in (*changes["items"], *rest["items"]) if item["period"] in SPANS]
    assert len(moved) == 10
    last = await chain.get("/v1/changes", after=rest["next_cursor"])
    assert last == {"items": [], "next_cursor": rest["next_cursor"]}


async def _cells_and_missing(chain: Chain) -> None:
    cell = await chain.get(f"/v1/cells/21025/{KEY}")
    assert set(cell["winner"]) >= REVISION_FIELDS and set(cell["revisions"][0]) >= REVISION_FIELDS
    cells = await chain.get("/v1/cells", unit=["51", "21028"], indicator="DVC.ONLINE_SUBMIT")
    assert [item["unit"] for item in cells["items"]] == ["21028", "51"]
    question = {"unit": "51", "indicator": "DVC.ONLINE_SUBMIT", "period": "2026-09", "limit": 50}
    missing = await chain.get("/v1/missing", calendar="administrative", **question)
    assert set(missing["items"][0]) >= {"unit", "indicator", "calendar", "period", "due_at"}
    rest = await chain.get(
        "/v1/missing", calendar="administrative", **question, cursor=missing["next_cursor"]
    )
    units = [item["unit"] for item in [*missing["items"], *rest["items"]]]
    assert len(units) == len(set(units)) == 93 and "21025" not in units
    assert (await chain.get("/v1/missing", unit="44", limit=5))["items"]


async def _catalogue(chain: Chain) -> None:
    for name, count in (("units", 10_000), ("indicators", 82), ("targets", 53), ("calendars", 10)):
        answer = await chain.client.get(f"/v1/{name}", params={"limit": 10_000})
        assert answer.status_code == 200 and len(answer.json()["items"]) <= count
        again = await chain.client.get(f"/v1/{name}", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
    communes = (await chain.get("/v1/units", level="commune", parent="51", limit=1000))["items"]
    assert len(communes) == 96
    fields = {"code", "level", "parent", "type", "name_vi", "name_en", "h_code", "valid_from", "valid_to"}
    assert set(communes[0]) == fields
    assert len((await chain.get("/v1/periods", calendar="administrative", year=2026))["items"]) == 20
    published = (await chain.get("/v1/published", limit=100))["items"]
    assert len(published) == 66
    assert all((item["cell"] is None) != (item["reason"] is None) for item in published)
    before = await chain.get("/v1/audit")
    assert (before["checked"], before["at"]) == (0, None)
    run = await chain.client.post("/v1/audit")
    stored = [await chain.get("/v1/rollups", level=level, limit=10_000) for level in ("province", "nation")]
    count = sum(len(page["items"]) for page in stored)
    assert run.status_code == 200 and run.json()["drift_rows"] == 0 and run.json()["checked"] == count >= 10
    assert (await chain.get("/v1/audit"))["checked"] == count


async def _drift_is_found_and_left_alone(chain: Chain, database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute(
        "UPDATE indicators.rollup SET numerator = 813 WHERE unit = '51' AND period = '2026-09'"
    )
    await connection.close()
    audited = (await chain.client.post("/v1/audit")).json()
    # The nation and the longer periods are made of the province's month, so they differ too.
    assert audited["drift_rows"] >= 1
    found = {item["key"]: item["fields"] for item in audited["drift"]}
    assert found[f"51|{KEY.replace('/', '|')}"]["numerator"] == {"stored": 813, "computed": 812}
    row = await chain.rollup("51")
    assert row is not None and row["numerator"] == 813
    metrics = (await chain.client.get("/metrics")).text
    assert f"chiso_rollup_drift_rows {float(audited['drift_rows'])}" in metrics


async def _metrics(chain: Chain) -> None:
    async def shown() -> bool:
        return "chiso_indicator_value{" in (await chain.client.get("/metrics")).text

    await eventually(shown)
    text = (await chain.client.get("/metrics")).text
    labels = '{basis="in_period",calendar="administrative",indicator="DVC.ONLINE_SUBMIT",province="51"}'
    assert f"chiso_indicator_value{labels} 80.8765" in text
    assert f"chiso_indicator_target{labels} 80.0" in text
    assert 'chiso_observations_total{outcome="applied"} 4.0' in text
    assert (await chain.client.get("/readyz")).status_code == 200


async def test_values_are_exact_to_the_last_digit(chiso_topics: str, database: str) -> None:
    chance = random.Random("exact")
    async with running(chiso_topics, database) as chain, log_writer(chiso_topics) as log:
        exact = [Decimal("123456789.000001"), Decimal("0.1"), Decimal("999999999999999")]
        rows = [
            observation(unit, "DVC.RECEIVED", value=number)
            for unit, number in zip(("21025", "21028", "21034"), exact, strict=True)
        ]
        await log.submit(document(chance, rows))
        await chain.settled(log.sent)
        cell = await chain.get("/v1/cells/21025/DVC.RECEIVED/administrative/2026-09/in_period")
        assert cell["winner"]["value"] == exact[0]
        row = await chain.rollup("51", "DVC.RECEIVED")
        assert row is not None and row["value"] == Decimal("1000000123456788.10")
        assert row["numerator"] is None and row["n_unexpected"] == 3
