"""What the endpoints read about reports: submissions and outcomes, cells and revisions, who is missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from chiso_shared.contracts.codec import decode_json
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.keys import Key
from chiso_indicators.core.plan import Planner
from chiso_indicators.store.read import Filters
from chiso_indicators.store.sql import Values, key_of, numbered, queries

HEAD: Final = (
    *("submission_id", "agency", "accepted_at", "applied_at", "payload_sha256", "calendar", "period"),
    *("basis", "as_of", "stage", "revision", "reason"),
)
_FIGURE: Final = (
    *("revision", "submission_id", "agency", "accepted_at", "op", "numerator", "denominator", "value"),
    *("value_high", "qualifier", "status", "as_of", "stage", "reason"),
)
WINNER: Final = (*_FIGURE, "outcome", "late")
REVISION: Final = (*_FIGURE, "outcome", "outcome_reason", "late", "applied_at")


async def submission(pool: Pool, planner: Planner, agency: str, submission_id: UUID) -> dict[str, Any] | None:
    """A submission with its outcomes and the rollup versions it made; None before it is applied."""
    record = await pool.fetchrow(queries().submission, agency, submission_id)
    if record is None:
        return None
    document = decode_json(record["document"].encode())
    keys = [
        Key(item["unit"], item["indicator"], record["calendar"], record["period"], record["basis"])
        for item in document["observations"]
    ]
    revisions = await pool.fetch(queries().submission_revisions, numbered(keys), agency, submission_id)
    made = await _versions(pool, planner, keys, record)
    conflicts = await pool.fetch(queries().submission_conflicts, agency, submission_id)
    return {
        **submission_head(record),
        "partition": record["partition"],
        "offset": record["log_offset"],
        "key_id": record["key_id"],
        "catalogue_version": record["catalogue_version"],
        "observations": [
            {
                "unit": revision["unit"],
                "indicator": revision["indicator"],
                "outcome": revision["outcome"],
                "reason": revision["outcome_reason"],
                "rollups": None if made is None else made.get(key_of(revision), []),
            }
            for revision in revisions
        ],
        "conflicts": [
            {
                "partition": conflict["partition"],
                "offset": conflict["log_offset"],
                "payload_sha256": conflict["payload_sha256"],
                "accepted_at": conflict["accepted_at"],
            }
            for conflict in conflicts
        ],
    }


def submission_head(record: Values) -> dict[str, Any]:
    """A submission as lists show it."""
    return {
        "status": "received",
        **{name: record[name] for name in HEAD},
        "source": decode_json(record["source"].encode()),
        "observations": record["observations"],
        "outcomes": record["outcomes"],
        "duplicates": record["duplicates"],
    }


async def _versions(
    pool: Pool, planner: Planner, keys: Sequence[Key], record: Values
) -> dict[Key, list[dict[str, Any]]] | None:
    """By cell: the rollups it feeds, with versions of the tick that took it in; None before that tick."""
    if record["dirty_id"] is not None and record["rolled_tick"] is None:
        return None
    tick = record["rolled_tick"]
    if tick is None:  # nothing changed, so nothing had to be rolled
        tick = await pool.fetchval(queries().tick_row, column=1)
    fed: dict[Key, list[Key]] = {}
    for key in keys:
        place = planner.place(key.unit, key.calendar, key.period)
        fed[key] = list(planner.keys_moved(key, place)) if place is not None else []
    asked = list(dict.fromkeys(rollup for rollups in fed.values() for rollup in rollups))
    records = await pool.fetch(queries().versions_at_tick, numbered(asked), tick)
    versions = {asked[found["n"]]: found["version"] for found in records}
    return {
        key: [
            {"unit": rollup.unit, "period": rollup.period, "version": versions[rollup]}
            for rollup in rollups
            if rollup in versions
        ]
        for key, rollups in fed.items()
    }


async def submissions(
    pool: Pool,
    agency: str | None,
    since: datetime | None,
    until: datetime | None,
    outcome: str | None,
    after: tuple[datetime, UUID, str] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Submissions newest first; `after` continues behind one of them."""
    place = after or (None, None, None)
    records = await pool.fetch(queries().list_submissions, agency, since, until, outcome, *place, limit)
    return [submission_head(record) for record in records]


async def cells(pool: Pool, filters: Filters, limit: int) -> list[dict[str, Any]]:
    """Cells with their winners, by key."""
    async with pool.acquire() as session, session.transaction(readonly=True):
        await session.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        records = await session.fetch(queries().list_cells, *filters.parameters(), limit)
    return [cell_object(record) for record in records]


async def cells_of(pool: Pool, keys: Sequence[Key]) -> dict[Key, dict[str, Any]]:
    """The cells of keys that have one."""
    records = await pool.fetch(queries().cells_of_keys, numbered(keys))
    return {key_of(record): cell_object(record) for record in records}


async def revisions(pool: Pool, key: Key) -> list[dict[str, Any]]:
    """Every revision of a cell, the newest first."""
    return [revision_object(record) for record in await pool.fetch(queries().cell_revisions, *key)]


def cell_object(record: Values) -> dict[str, Any]:
    """A cell with its winner; `late` is the one that its revision was stored with."""
    winner = _revision(record) | {"outcome": "applied", "late": record["late"]}
    place = {"level": record["level"], "parent": record["parent"]}
    return {**key_of(record)._asdict(), **place, "winner": winner}


def revision_object(record: Values) -> dict[str, Any]:
    """A revision with what became of it."""
    known = {"outcome": record["outcome"], "outcome_reason": record["outcome_reason"], "late": record["late"]}
    return _revision(record) | known | {"applied_at": record["applied_at"]}


def _revision(record: Values) -> dict[str, Any]:
    return {name: record[name] for name in _FIGURE}


async def missing(
    pool: Pool,
    periods: Sequence[tuple[str, str]],
    units: list[str] | None,
    indicators: list[str] | None,
    after: tuple[str, str, str, str] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Units that owe a report of these (calendar, period) and have none, by period, indicator and unit."""
    records = await pool.fetch(
        queries().list_missing,
        [calendar for calendar, _ in periods],
        [period for _, period in periods],
        units,
        indicators,
        *(after or (None, None, None, None)),
        limit,
    )
    return [dict(record) for record in records]
