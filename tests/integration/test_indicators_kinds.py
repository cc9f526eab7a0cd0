"""Kinds and bases that add up differently, and the published figures, through the real store."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from chiso_shared.catalogue import published_submissions

from tests.integration.indicators_chain import Chain, catalogue, document, log_writer, observation, running

CHANCE = random.Random("kinds")


async def test_the_published_figures_are_filed_and_never_added(chiso_topics: str, database: str) -> None:
    async with running(chiso_topics, database) as chain, log_writer(chiso_topics) as log:
        for submission in published_submissions(catalogue()):
            body: dict[str, Any] = dict(submission.body)
            body["observations"] = [
                {"op": "report", "status": "A", "qualifier": "eq", **item} for item in body["observations"]
            ]
            await log.submit({"reason": None, **body})
        await chain.settled(log.sent)
        items = (await chain.get("/v1/published", limit=100))["items"]
        filed = [item for item in items if item["cell"] is not None]
        assert len(items) == 66 and all(item["winner"] is not None for item in filed)
        unstated = ("DVC.ONLINE_SUBMIT", "statistical")
        newer = await chain.rollup("51", *unstated, "2025-12", "unstated")
        assert newer is not None and (newer["value"], newer["value_source"]) == (74, "reported")
        assert (newer["reported"]["qualifier"], newer["reported"]["as_of"]) == ("gt", "2025-12-24")
        assert (newer["phase"], newer["timeliness"]) == ("closed", None)
        assert newer["vintage"] in (1, 2), "one tick may take in both documents"
        assert (newer["status_colour"], newer["attainment"], newer["n_expected"]) == ("grey", None, 0)
        october = await chain.rollup("44", *unstated, "2025-10", "unstated")
        assert october is not None and october["causes"] == ["backfill"]
        assert (october["value"], october["vintage"], october["target"]["value"]) == (Decimal("72.63"), 1, 80)
        assert await chain.rollup("VN", *unstated, "2025-10", "unstated") is None
        assert await chain.rollup("44", *unstated, "2025-Q4", "unstated") is None
        above = await chain.rollup("51", "INF.FIBRE_COMMUNE", "statistical", "2025-12", "as_of")
        assert above is not None and (above["value"], above["value_source"]) == (100, "reported")
        assert above["numerator"] is None, "a figure above the source level is never added"
        at_source = await chain.rollup("51", "STI.ORGS", "statistical", "2025-12", "as_of")
        assert at_source is not None and (at_source["value"], at_source["attainment"]) == (
            14,
            Decimal("116.67"),
        )
        assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0


async def _ytd(chain: Chain, period: str, unit: str = "51") -> dict[str, Any]:
    row = await chain.rollup(unit, "DVC.ONLINE_SUBMIT", "administrative", period, "ytd")
    assert row is not None
    return row


async def test_a_cumulative_series_gives_its_months_back(chiso_topics: str, database: str) -> None:
    series = {"2026-07": (523, 1000), "2026-08": (1969, 3000), "2026-09": (2905, 4000)}
    async with running(chiso_topics, database) as chain, log_writer(chiso_topics) as log:
        for period in ("2026-09", "2026-07", "2026-08"):
            numerator, denominator = series[period]
            figure = observation("21028", numerator=numerator, denominator=denominator)
            await log.submit(document(CHANCE, [figure], period=period, basis="ytd"))
        await chain.settled(log.sent)
        september = await _ytd(chain, "2026-09")
        assert september["derived"] == {
            "numerator": 936,
            "denominator": 1000,
            "value": Decimal("93.6"),
            "reason": None,
        }
        assert (await _ytd(chain, "2026-07"))["derived"]["reason"] == "previous_missing"
        commune = await _ytd(chain, "2026-08", "21028")
        assert (commune["derived"]["numerator"], commune["derived"]["denominator"]) == (1446, 2000)
        quarter = await _ytd(chain, "2026-Q3")
        assert (quarter["numerator"], quarter["denominator"]) == series["2026-09"], "the last, not the sum"
        assert quarter["stale"] is False and quarter["completeness"] is None
        withdrawn = observation("21028", op="withdraw", reason="wrong unit")
        sent = await log.submit(document(CHANCE, [withdrawn], period="2026-08", basis="ytd", revision=1))
        await chain.settled([sent])
        assert (await _ytd(chain, "2026-09"))["derived"]["reason"] == "previous_withdrawn"
        assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0


async def test_stocks_take_each_units_last_report(chiso_topics: str, database: str) -> None:
    async with running(chiso_topics, database) as chain, log_writer(chiso_topics) as log:
        for unit, period, day, number in (
            ("21025", "2026-07", "2026-07-01", 10),
            ("21025", "2026-08", "2026-08-01", 12),
            ("21028", "2026-07", "2026-07-02", 100),
        ):
            stock = [observation(unit, "DVC.OVERDUE", value=number)]
            await log.submit(document(CHANCE, stock, period=period, basis="as_of", as_of=day))
        await chain.settled(log.sent)
        key = ("DVC.OVERDUE", "administrative")
        month = await chain.rollup("51", *key, "2026-08", "as_of")
        assert month is not None and month["value"] == 12, "not carried into a month without a report"
        for unit in ("51", "VN"):
            quarter = await chain.rollup(unit, *key, "2026-Q3", "as_of")
            assert quarter is not None and (quarter["value"], quarter["stale"]) == (112, True)
        nation = (await chain.get("/v1/rollups", unit="VN", indicator="DVC.OVERDUE"))["items"]
        assert {item["period"]: item["value"] for item in nation} == {
            "2026": 112,
            "2026-07": 110,
            "2026-08": 12,
            "2026-9M": 112,
            "2026-H2": 112,
            "2026-Q3": 112,
        }
