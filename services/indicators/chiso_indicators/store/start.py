"""What a start writes: the installation's first instant, this year's partitions, the catalogue as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, Final

import asyncpg
from chiso_shared.catalogue import Catalogue, Period
from chiso_shared.catalogue.periods import FIRST_YEAR
from chiso_shared.contracts.events import content_id
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.plan import LAST_YEAR
from chiso_indicators.store.catalogues import keep_catalogue
from chiso_indicators.store.decisions import Author, note, operation
from chiso_indicators.store.hierarchy import follow_units, stored_spans
from chiso_indicators.store.reference import comes_into_force
from chiso_indicators.store.sql import Session, queries

log = get_logger(__name__)

_BEGINNING: Final = date(1, 1, 1)
_END: Final = date(9999, 12, 31)


async def first_start(pool: Pool, now: datetime) -> datetime:
    """When this installation first started; `now` if it never did. Also makes the tick row and partitions."""
    first: datetime = await pool.fetchval(queries().first_start, now)
    await pool.execute(queries().first_tick, first)
    for year in (now.year, now.year + 1):
        await ensure_year(pool, year)
    return first


async def ensure_year(pool: Pool, year: int) -> None:
    """The partitions of a year. Where the default partition already holds rows of it, those stay there."""
    try:
        await pool.execute(queries().ensure_year, year)
    except asyncpg.CheckViolationError:
        log.warning("rows of this year are in the default partition and stay there", year=year)


async def fill_reference(
    pool: Pool,
    catalogue: Catalogue,
    now: datetime,
    folder: str | None = None,
    why: str = "read at start",
    told: str | None = None,
) -> bool:
    """Brings a catalogue into force, if the history of its `folder` says so; whether it did.

    It keeps ticks, batches and decisions waiting meanwhile. Rollups that are not closed are then looked at
    again, with cause `reference`. Where only units changed, only what they touch is, with cause `hierarchy`;
    cells follow their units. `told` is the catalogue that an empty database was told of as the last in force:
    that it is so still is no news.
    """
    async with pool.acquire() as session, session.transaction():
        await session.execute(queries().announce_operation)
        await session.fetchrow(queries().lock_tick)
        await session.execute(queries().lock_reference)
        stored = await session.fetchval(queries().reference_version)
        comes = await comes_into_force(session, catalogue.version, stored, folder)
        if comes or catalogue.version == stored:
            await keep_catalogue(session, catalogue)
        if not comes:
            return False
        before = await stored_spans(session)
        digest = await session.fetchval(queries().reference_digest)
        await session.execute(queries().clear_reference)
        await _copy(session, "unit", _units(catalogue))
        await _copy(session, "indicator", _indicators(catalogue))
        periods = list(_periods(catalogue))
        await _copy(session, "period", (_period(period) for period in periods))
        await _copy(session, "period_part", _parts(periods))
        await _copy(session, "obligation", _obligations(catalogue))
        await _copy(session, "target", _targets(catalogue))
        await session.execute(queries().note_reference, catalogue.version, now)
        moved = stored is not None and await follow_units(session, before, catalogue)
        # A new store looks too: what fell due before its first start and is still open has rows of its own.
        if not moved or digest != await session.fetchval(queries().reference_digest):
            await session.execute(queries().append_reference, None)
        before_it = stored or told
        if catalogue.version != before_it:
            first = await session.fetchval(queries().first_started_at)
            details = {"before": before_it, "first_started_at": first}
            await note(session, [_in_force(catalogue.version, details, now, why)])
    log.info("catalogue in force", catalogue_version=catalogue.version, before=stored)
    return True


def _in_force(version: str, details: dict[str, Any], at: datetime, why: str) -> dict[str, Any]:
    author = Author("chiso", "indicators", why)
    operation_id = content_id("catalogue_applied", version, at)
    return operation("catalogue_applied", version, author, at, details, operation_id)


async def _copy(session: Session, table: str, rows: Iterator[tuple[Any, ...]]) -> None:
    await session.copy_records_to_table(table, schema_name="indicators", records=list(rows))


def _units(catalogue: Catalogue) -> Iterator[tuple[Any, ...]]:
    for unit in catalogue.units.all():
        yield (
            unit.code,
            unit.level,
            unit.parent,
            unit.type,
            unit.name_vi,
            unit.name_en,
            unit.h_code,
            unit.valid_from or _BEGINNING,
            unit.valid_to or _END,
        )


def _indicators(catalogue: Catalogue) -> Iterator[tuple[Any, ...]]:
    for indicator in catalogue.indicators.values():
        yield (
            indicator.code,
            indicator.family,
            indicator.kind,
            indicator.is_ratio,
            indicator.name_vi,
            indicator.name_en,
            indicator.factor,
            indicator.decimals,
            indicator.direction,
            indicator.time_aggregation,
            indicator.space_aggregation,
            indicator.source_level,
        )


def _periods(catalogue: Catalogue) -> Iterator[Period]:
    for calendar in sorted({calendar for calendar, _ in catalogue.calendars.rules}):
        for year in range(FIRST_YEAR, LAST_YEAR + 1):
            yield from catalogue.calendars.periods_of_year(calendar, year)


def _period(period: Period) -> tuple[Any, ...]:
    return (
        period.calendar,
        period.code,
        period.frequency,
        period.year,
        period.start,
        period.end,
        period.end_at,
        period.due_at("commune"),
        period.due_at("department"),
        period.due_at("province"),
        period.due_at("nation"),
        period.close_at,
    )


def _parts(periods: Iterable[Period]) -> Iterator[tuple[Any, ...]]:
    for period in periods:
        for whole in (period.code, *period.coarser):
            # Nine months and the last quarter would tile a year too; halves and quarters already do.
            if period.frequency == "nine_months" and whole != period.code:
                continue
            yield period.calendar, whole, period.code, period.frequency, period.end


def _obligations(catalogue: Catalogue) -> Iterator[tuple[Any, ...]]:
    seen: set[tuple[Any, ...]] = set()
    for obligation in catalogue.obligations:
        for indicator in sorted(obligation.indicators):
            key = (
                obligation.level,
                indicator,
                obligation.calendar,
                obligation.frequency,
                obligation.basis,
                obligation.valid_from,
            )
            if key not in seen:
                seen.add(key)
                yield (*key, obligation.valid_to or _END)


def _targets(catalogue: Catalogue) -> Iterator[tuple[Any, ...]]:
    for target in catalogue.targets.all():
        yield (
            target.indicator,
            target.unit,
            target.period,
            target.basis,
            target.comparator,
            target.value,
            target.exit_value,
            target.severity,
            target.version,
        )
