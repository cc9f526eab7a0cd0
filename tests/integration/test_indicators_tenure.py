"""Longer periods of units that merged, moved or stayed: parts, stocks and what is touched, in PostgreSQL."""

from __future__ import annotations

import csv
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import chiso_indicators
from chiso_shared.contracts.codec import payload_sha256

from tests.integration.indicators_chain import SEEDS, document, observation
from tests.integration.indicators_seeds import edited_seeds
from tests.model.judge import Rollup
from tests.model.service import Service, new_service, stored

CHANCE = random.Random("tenure")
STARTED = datetime(2027, 6, 1, tzinfo=UTC)
FLOW, STOCK = "STI.PUBS", "STI.ENTERPRISES"
DEPARTMENT = "H45.1"
MIGRATION = Path(chiso_indicators.__path__[0]) / "migrations" / "0009_parts_of_stocks.sql"


@asynccontextmanager
async def serving(dsn: str, seeds: Path = SEEDS, next_offset: int = 0) -> AsyncIterator[Service]:
    async with new_service(dsn, STARTED, seeds) as service:
        service.next_offset = next_offset
        await service.tick()
        yield service


async def send(service: Service, period: str, figures: Mapping[str, int], **fields: Any) -> None:
    """One document of one period, applied and rolled; the audit agrees."""
    indicator = fields.pop("indicator", FLOW)
    items = [observation(unit, indicator, value=number) for unit, number in figures.items()]
    body = document(CHANCE, items, period=period, **{"calendar": "statistical", **fields})
    accepted_at = STARTED + timedelta(minutes=service.next_offset)
    await service.apply([{**body, "accepted_at": accepted_at, "payload_sha256": payload_sha256(body)}])
    await service.tick()
    assert await service.drift() == []


async def rows_of(dsn: str, indicator: str = FLOW) -> dict[tuple[str, str], Rollup]:
    _, rollups = await stored(dsn)
    return {(key[0], key[3]): row for key, row in rollups.items() if key[1] == indicator}


async def values_of(dsn: str, period: str, indicator: str = FLOW) -> dict[str, Decimal | None]:
    return {
        unit: row.value for (unit, code), row in (await rows_of(dsn, indicator)).items() if code == period
    }


async def versions(dsn: str) -> dict[tuple[str, str], int]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT unit, period, version FROM indicators.rollup")
        return {(row["unit"], row["period"]): row["version"] for row in rows}
    finally:
        await connection.close()


async def test_the_year_of_the_merger(database: str) -> None:
    """NSO 44 was Quảng Bình and is Quảng Trị; 45 ended; 01 stayed as it was; 62 only reported a half-year."""
    async with serving(database) as service:
        await send(service, "2025-05", {"44": 30, "45": 12, "01": 5})
        assert await values_of(database, "2025") == {"01": 5, "VN": 47}, "no row of a unit nobody reported"
        await send(service, "2025-H1", {"62": 100, "44": 999})
        await send(service, "2025-08", {"44": 50, "01": 6})
        for period in ("2025", "2025-9M"):
            assert await values_of(database, period) == {"44": 50, "01": 11, "VN": 203}
        rows = await rows_of(database)
        assert rows["VN", "2025"].n_unexpected == 6 and rows["44", "2025"].n_unexpected == 1
        halves = [await values_of(database, period) for period in ("2025-H1", "2025-H2")]
        assert halves == [{"44": 30, "45": 12, "01": 5, "62": 100, "VN": 147}, {"44": 50, "01": 6, "VN": 56}]

        before = await versions(database)
        await send(service, "2025-05", {"44": 31}, revision=1, reason="miscounted")
        after = await versions(database)
        moved = {key for key in after if after[key] != before.get(key)}
        alone = {(unit, period) for unit in ("44", "VN") for period in ("2025-05", "2025-Q2", "2025-H1")}
        assert moved == alone | {("VN", "2025"), ("VN", "2025-9M")}
        assert await values_of(database, "2025") == {"44": 50, "01": 11, "VN": 204}


async def test_a_store_of_before_looks_at_its_longer_periods_again(database: str) -> None:
    """What the migration appends: rows of before it held former units and did not say their parts."""
    dated = {"basis": "as_of", "indicator": STOCK}
    async with serving(database) as service:
        await send(service, "2025-08", {"44": 50}, as_of="2025-08-31", **dated)
        await send(service, "2025-11", {"01": 9}, as_of="2025-11-30", **dated)
        connection = await asyncpg.connect(database)
        await connection.execute("SET search_path = indicators")
        await connection.execute(
            "UPDATE rollup SET numerator = numerator + 1, oldest_part_on = NULL, newest_part_on = NULL,"
            " stale = false WHERE period = '2025'"
        )
        assert {row["key"].split("|")[0] for row in await service.drift()} == {"01", "44", "VN"}
        _, again = MIGRATION.read_text().split("-- A store that has rows already", 1)
        await connection.execute(f"--{again}")
        await connection.close()
        await service.tick()
        assert await service.drift() == []
        assert (await rows_of(database, STOCK))["VN", "2025"].stale is True


async def test_a_longer_cell_stands_whatever_the_former_unit_reported(database: str) -> None:
    async with serving(database) as service:
        await send(service, "2025-05", {"44": 30, "01": 5})
        await send(service, "2025", {"44": 70, "01": 700})
        assert await values_of(database, "2025") == {"44": 70, "01": 5, "VN": 105}


async def test_stocks_of_provinces_that_are_gone_are_counted_and_not_added(database: str) -> None:
    dated = {"basis": "as_of", "indicator": STOCK}
    async with serving(database) as service:
        await send(service, "2025-05", {"44": 1000, "45": 10, "01": 7}, as_of="2025-05-31", **dated)
        await send(service, "2025-08", {"44": 500}, as_of="2025-08-31", **dated)
        nation = (await rows_of(database, STOCK))["VN", "2025"]
        assert (nation.value, nation.stale, nation.n_unexpected) == (507, True, 4)
        assert (nation.oldest_part_on, nation.newest_part_on) == (date(2025, 5, 31), date(2025, 8, 31))
        await send(service, "2025-08", {"01": 9}, as_of="2025-08-31", **dated)
        rows = await rows_of(database, STOCK)
        assert (rows["VN", "2025"].value, rows["VN", "2025"].stale) == (509, False)
        assert (rows["VN", "2025-H1"].value, rows["VN", "2025-H1"].stale) == (1017, False)


async def test_the_nation_is_stale_when_a_whole_province_is_behind(database: str) -> None:
    dated = {"basis": "as_of", "indicator": "DVC.OVERDUE"}
    async with serving(database) as service:
        await send(service, "2026-07", {"21028": 10, "18859": 3}, as_of="2026-07-31", **dated)
        await send(service, "2026-08", {"21028": 11}, as_of="2026-08-31", **dated)
        rows = await rows_of(database, "DVC.OVERDUE")
        stale = {unit: rows[unit, "2026-Q3"].stale for unit in ("51", "44", "VN")}
        assert stale == {"51": False, "44": False, "VN": True}
        assert rows["VN", "2026-08"].stale is False, "a month is of one part"
        await send(service, "2026-08", {"18859": 4}, as_of="2026-08-31", **dated)
        nation = (await rows_of(database, "DVC.OVERDUE"))["VN", "2026-Q3"]
        assert (nation.value, nation.stale) == (15, False)


async def test_a_province_above_a_department_that_outlived_the_merger(database: str, tmp_path: Path) -> None:
    """Its months of before stood below Quảng Bình, those of after below Quảng Trị; both have the code 44."""
    department = {"code": DEPARTMENT, "parent": "44", "type": "so", "name_vi": "Sở", "name_en": "Department"}
    department |= {"valid_from": "2025-01-01", "valid_to": "", "kind": "example", "source": "a test"}
    seeds = edited_seeds(tmp_path / "seeds", "departments.csv", dict, department)
    async with serving(database, seeds) as service:
        received = {"indicator": "DVC.RECEIVED"}
        await send(service, "2025-05", {DEPARTMENT: 7}, **received)
        assert await values_of(database, "2025", "DVC.RECEIVED") == {"VN": 7}
        await send(service, "2025-08", {DEPARTMENT: 5}, **received)
        await send(service, "2025", {DEPARTMENT: 90}, **received)
        assert await values_of(database, "2025", "DVC.RECEIVED") == {"44": 5, "VN": 12}
        dated = {"basis": "as_of", "indicator": "DVC.OVERDUE", "as_of": "2025-05-31"}
        await send(service, "2025-05", {DEPARTMENT: 3}, **dated)
        nation = (await rows_of(database, "DVC.OVERDUE"))["VN", "2025"]
        assert (nation.value, nation.n_unexpected) == (None, 1)


async def test_a_stock_is_that_of_the_units_below_at_the_end(database: str, tmp_path: Path) -> None:
    """A commune that goes to another province is in the stock of the one where it stands then, and once."""
    dated = {"basis": "as_of", "indicator": "DVC.OVERDUE"}
    async with serving(database) as service:
        for period, figures in (("2026-08", {"21028": 10, "21034": 1}), ("2026-11", {"21028": 12})):
            await send(service, period, figures, as_of=f"{period}-20", **dated)
        assert await values_of(database, "2026", "DVC.OVERDUE") == {"51": 13, "VN": 13}
        done = service.next_offset
    async with serving(database, _moved(tmp_path, "21028"), done) as service:
        assert await service.drift() == []
        assert await values_of(database, "2026", "DVC.OVERDUE") == {"51": 1, "44": 12, "VN": 13}
        rows = await rows_of(database, "DVC.OVERDUE")
        assert (rows["51", "2026"].n_unexpected, rows["51", "2026-Q3"].value) == (2, 11)
        await send(service, "2026-08", {"21028": 11}, as_of="2026-08-21", **dated)
        assert await values_of(database, "2026", "DVC.OVERDUE") == {"51": 1, "44": 12, "VN": 13}


def _moved(folder: Path, code: str) -> Path:
    """Seeds in which a commune goes from Quảng Ngãi to Quảng Trị on 1 October 2026."""
    with (SEEDS / "units.csv").open(encoding="utf-8", newline="") as file:
        [unit] = [row for row in csv.DictReader(file) if row["code"] == code]

    def shorter(row: dict[str, str]) -> dict[str, str]:
        return {**row, "valid_to": "2026-09-30"} if row["code"] == code else row

    def counted(row: dict[str, str]) -> dict[str, str]:
        delta = {"51": -1, "44": 1}.get(row["nso_code"], 0)
        kind = "n_phuong" if unit["type"] == "phuong" else "n_xa"
        changed = {name: str(int(row[name]) + delta) for name in ("expected_communes", kind)}
        return {**row, **changed} if delta else row

    entry = {**unit, "parent": "44", "valid_from": "2026-10-01"}
    seeds = edited_seeds(folder / "seeds", "units.csv", shorter, entry)
    return edited_seeds(seeds, "provinces.csv", counted)
