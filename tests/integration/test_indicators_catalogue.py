"""The catalogue changes under reports: what is open follows it, what is closed stays until asked."""

from __future__ import annotations

import csv
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.harness import collect, eventually
from tests.integration.indicators_chain import SEEDS, Chain, document, log_writer, observation, running
from tests.integration.indicators_seeds import edited_seeds
from tests.integration.test_indicators_clock import PERIOD, instant, offset_to, phase_is
from tests.integration.test_indicators_decisions import key_of, post

CHANCE = random.Random("catalogue")
NEXT = "2026-10"
INDICATOR = "DVC.ONLINE_SUBMIT"
TARGET = {
    "indicator_code": INDICATOR,
    "unit": "51",
    "period": "2026",
    "comparator": "ge",
    "value": "60",
    "exit_value": "",
    "severity": "warning",
    "basis": "in_period",
    "version": "7",
    "in_force_from": "",
    "source": "a decision of a test",
    "kind": "example",
    "note": "",
}
OBLIGATION = {
    "dataset": "DVC",
    "level": "department",
    "calendar": "administrative",
    "frequency": "month",
    "basis": "in_period",
    "valid_from": "2026-06-01",
    "valid_to": "",
    "kind": "example",
    "source": "a decision of a test",
}


def same(row: dict[str, str]) -> dict[str, str]:
    return row


async def row_of(chain: Chain, unit: str, period: str) -> dict[str, Any]:
    found = await chain.rollup(unit, INDICATOR, "administrative", period, "in_period")
    assert found is not None
    return found


async def becomes(chain: Chain, unit: str, period: str, **wanted: Any) -> dict[str, Any]:
    """The rollup once its fields are these."""

    async def check() -> dict[str, Any] | None:
        found = await chain.rollup(unit, INDICATOR, "administrative", period, "in_period")
        fits = found is not None and all(found[name] == value for name, value in wanted.items())
        return found if fits else None

    row: dict[str, Any] = await eventually(check, 20)
    return row


async def test_targets_and_obligations_take_effect_for_open_periods_only(
    chiso_topics: str, database: str, tmp_path: Path
) -> None:
    operator = key_of(tmp_path, SEEDS, "H48")
    started = instant("close") - timedelta(hours=1)
    later = offset_to(instant("close") + timedelta(hours=1))
    async with log_writer(chiso_topics, started) as log:
        async with running(chiso_topics, database, clock_offset=offset_to(started)) as chain:
            reports = [
                await log.submit(
                    document(CHANCE, [observation(unit, numerator=70, denominator=100)], period=period),
                    accepted_at=started,
                )
                for period in (PERIOD, NEXT)
                for unit in ("21028", "18859")
            ]
            await chain.settled(reports)
        async with running(chiso_topics, database, clock_offset=later) as chain:
            before = {period: await phase_is(chain, "51", "closed") for period in (PERIOD,)}
            opened = await row_of(chain, "51", NEXT)
            assert opened["phase"] == "open" and opened["n_expected"] == 96
            old_target = before[PERIOD]["target"]
        seeds = edited_seeds(tmp_path / "seeds", "targets.csv", same, TARGET)
        edited_seeds(seeds, "obligations.csv", same, OBLIGATION)
        async with running(chiso_topics, database, seeds=seeds, home=tmp_path, clock_offset=later) as chain:
            row = await becomes(chain, "51", NEXT, n_expected=97)
            assert (row["causes"], row["target"]["value"], row["phase"]) == (["reference"], 60, "open")
            assert row["version"] == opened["version"] + 1
            closed = await row_of(chain, "51", PERIOD)
            assert (closed["version"], closed["target"]) == (before[PERIOD]["version"], old_target)
            assert closed["n_expected"] == 96

            path = f"/v1/periods/administrative/{PERIOD}/recompute"
            assert (await post(chain, path, None, unit="51", reason="x"))[0] == 401
            status, _ = await post(
                chain, path, operator, unit="51", reason="the target was meant for September"
            )
            assert status == 200
            asked = await becomes(chain, "51", PERIOD, n_expected=97)
            assert (asked["causes"], asked["target"]["value"]) == (["reference"], 60)
            assert (asked["phase"], asked["vintage"]) == ("closed", before[PERIOD]["vintage"] + 1)
            assert (await row_of(chain, "44", PERIOD))["causes"] == ["close"], "only what was asked for"
            records = await collect(
                chiso_topics, "chiso.operations.v1", lambda found: any("51|" in one.key_text for one in found)
            )
            told = [record.json for record in records]
            assert {item["operation"] for item in told} == {"catalogue_applied"}
            asked_for = next(record.json for record in records if "51|" in record.key_text)
            assert asked_for["reason"] == "the target was meant for September"
            assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0


def moved_commune(folder: Path) -> Path:
    """Seeds in which a commune of province 51 belongs to 44 from October on."""
    moved = next(row for row in _units() if row["code"] == "21028")

    def shorter(row: dict[str, str]) -> dict[str, str]:
        return {**row, "valid_to": "2026-09-30"} if row["code"] == "21028" else row

    def counted(row: dict[str, str]) -> dict[str, str]:
        delta = {"51": -1, "44": 1}.get(row["nso_code"], 0)
        kind = "n_phuong" if moved["type"] == "phuong" else "n_xa"
        changed = {name: str(int(row[name]) + delta) for name in ("expected_communes", kind)}
        return {**row, **changed} if delta else row

    entry = {**moved, "parent": "44", "valid_from": "2026-10-01"}
    edited_seeds(folder, "units.csv", shorter, entry)
    return edited_seeds(folder, "provinces.csv", counted)


async def test_a_commune_that_moves_takes_its_cells_along_from_that_day_on(
    chiso_topics: str, database: str, tmp_path: Path
) -> None:
    started = instant("close") - timedelta(hours=1)
    offset = offset_to(started)
    async with log_writer(chiso_topics, started) as log:
        async with running(chiso_topics, database, clock_offset=offset) as chain:
            reports = [
                await log.submit(
                    document(CHANCE, [observation(unit, numerator=part, denominator=100)], period=period),
                    accepted_at=started,
                )
                for period in (PERIOD, NEXT)
                for unit, part in (("21028", 70), ("21034", 5), ("18859", 1))
            ]
            await chain.settled(reports)
            before = {unit: await row_of(chain, unit, PERIOD) for unit in ("51", "44", "VN")}
            nation = await row_of(chain, "VN", NEXT)
        seeds = moved_commune(tmp_path / "seeds")
        async with running(chiso_topics, database, seeds=seeds, clock_offset=offset) as chain:
            new = await becomes(chain, "44", NEXT, numerator=71)
            assert (new["causes"], new["n_expected"], new["n_reported"]) == (["hierarchy"], 79, 2)
            old = await becomes(chain, "51", NEXT, numerator=5)
            assert (old["causes"], old["n_expected"]) == (["hierarchy"], 95)
            assert await row_of(chain, "VN", NEXT) == nation, "the nation is what it was"
            assert {unit: await row_of(chain, unit, PERIOD) for unit in before} == before
            cell = await chain.get(f"/v1/cells/21028/{INDICATOR}/administrative/{NEXT}/in_period")
            assert cell["parent"] == "44"
            assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0
            revised = await log.submit(
                document(
                    CHANCE, [observation("21028", numerator=80, denominator=100)], period=NEXT, revision=1
                )
            )
            await chain.settled([revised])
            assert (await becomes(chain, "44", NEXT, numerator=81))["causes"] == ["correct"]
            assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0


def _units() -> list[dict[str, str]]:
    with (SEEDS / "units.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
