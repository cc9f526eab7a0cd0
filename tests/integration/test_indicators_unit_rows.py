"""Rows of communes and departments are made in memory: equal to the SQL's at every tick, for ever."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import pytest
from chiso_indicators.core.keys import Key
from chiso_indicators.core.moments import in_phase
from chiso_indicators.core.row import Row
from chiso_indicators.core.version import TELLING
from chiso_indicators.store.catalogues import Catalogues
from chiso_indicators.store.compute import drafts, own_figures, sums_of
from chiso_indicators.store.read import Reader
from chiso_indicators.store.sql import key_of
from chiso_indicators.store.versions import made_versions

from tests.model.histories import ENDS_AT, FIRST_STARTED_AT, History, history, rearranged
from tests.model.run import shuffled_together
from tests.model.service import Service, new_service

_REPORTING = (
    "SELECT DISTINCT unit, indicator, calendar, period, basis FROM indicators.cell "
    "WHERE level IN ('commune', 'department')"
)


@dataclass
class Witness:
    """What the SQL definition said of every row after each tick."""

    service: Service
    seen: dict[datetime, dict[Key, Row]] = field(default_factory=dict)

    async def look(self) -> None:
        """All rows of communes and departments out of the present cells, once ticks have taken them in."""
        service, assembler = self.service, self.service.assembler
        clockwork = await Reader(service.database.pool, assembler, service.clock).clockwork()
        async with service.database.pool.acquire() as session:
            if await session.fetchval("SELECT count(*) FROM indicators.dirty"):
                return
            cells = [key_of(record) for record in await session.fetch(_REPORTING)]
            planner = assembler.planner
            around = {
                cell.at(period=code)
                for cell in cells
                for code in planner.periods_around(cell)
                # Nine months are no part of a year: halves and quarters are.
                if code == cell.period or not cell.period.endswith("9M")
            }
            keys = [key for key in sorted(around) if assembler.known(key)]
            before = (planner.previous(key) for key in keys if key.basis == "ytd")
            asked = list({*keys, *(key for key in before if key is not None and assembler.known(key))})
            marks, stamp = clockwork.marks, clockwork.stamp
            sums = await sums_of(session, "cells", asked, assembler, marks)
            own = await own_figures(session, asked)
        made = drafts(asked, sums, own, {}, assembler, marks, stamp)
        self.seen[stamp] = {key: made[key] for key in keys}


def histories_from(start: int) -> list[History]:
    """Some of every kind, and some that are due while they are sent: what is on time shows in those only."""
    found = [history(seed) for seed in range(start, start + 60)]
    due = [one for one in found if one.year == 2030 and one.slot.basis == "in_period"]
    return [*found[:8], *(one for one in due if one.slot.indicator.startswith("DVC."))]


async def play(witness: Witness, histories: list[History], chance: random.Random) -> None:
    """Random histories in an order of arrival of their own, in random batches; a look after each tick."""
    service = witness.service
    log = rearranged(shuffled_together(histories, chance), chance)
    step, place = (ENDS_AT - service.clock.now()) / len(log), 0
    while place < len(log):
        size = chance.randint(1, 12)
        await service.apply(log[place : place + size])
        place += size
        service.clock.instants.append(min(ENDS_AT, service.clock.now() + step * size * 2 * chance.random()))
        while await service.ticker.step():
            await witness.look()


def says(row: Row) -> dict[str, object]:
    return {name: getattr(row, name) for name in TELLING}


def numbered(seen: Mapping[datetime, Mapping[Key, Row]], key: Key) -> dict[datetime, int]:
    """The version of a row after each tick: one more whenever it said something else, but for the phase."""
    found: dict[datetime, int] = {}
    last, version = None, 0
    for stamp in sorted(seen):
        if key in seen[stamp]:
            now = says(msgspec.structs.replace(seen[stamp][key], phase=""))
            version += now != last
            found[stamp], last = version, now
    return found


@pytest.mark.parametrize("start", [31, 400])
async def test_the_rows_in_memory_are_those_of_the_sql_at_every_tick(database: str, start: int) -> None:
    async with new_service(database, FIRST_STARTED_AT) as service:
        witness = Witness(service)
        await play(witness, histories_from(start), random.Random(f"rows {start}"))
        keys = sorted({key for rows in witness.seen.values() for key in rows})
        versions = {key: numbered(witness.seen, key) for key in keys}
        restated = 0
        for stamp, rows in witness.seen.items():
            async with service.database.pool.acquire() as session:
                reigns = await Catalogues().reigns(session, stamp, service.assembler)
                made = (await made_versions(session, keys, reigns, stamp)).versions
            assert set(made) == set(rows), stamp
            for key, row in rows.items():
                now = in_phase(made[key], row.phase)
                assert says(now) == says(row), f"{key} at {stamp}"
                assert now.version == len(made[key]) == versions[key][stamp], f"{key} at {stamp}"
                assert [one.version for one in made[key]] == list(range(1, now.version + 1))
                restated += now.version > 1
        assert len(witness.seen) > 20 and len(keys) > 150 and restated > 500
