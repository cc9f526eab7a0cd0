"""Version floors as rows: raised once after a start, asked by ticks and by the relay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from chiso_shared.contracts.topics import ROLLUPS, Topic
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.floors import Surplus
from chiso_indicators.core.keys import Key
from chiso_indicators.store.sql import Session, as_json, key_of, numbered, queries

_CHUNK: Final = 20_000


async def noted_ends(pool: Pool, topic: Topic) -> dict[int, int]:
    """Up to where a topic is known to hold nothing newer than this database."""
    records = await pool.fetch(queries().noted_ends, topic.name)
    return {record["partition"]: record["next_offset"] for record in records}


async def raise_floors(pool: Pool, surplus: Surplus, ends: Mapping[int, int]) -> int:
    """Raises floors where the topic is ahead and notes its ends, before any tick; how many were raised."""
    rows = [{**key._asdict(), "version": surplus.versions[key]} for key in sorted(surplus.versions)]
    raised = 0
    async with pool.acquire() as session, session.transaction():
        await session.fetchrow(queries().lock_tick)
        for start in range(0, len(rows), _CHUNK):
            chunk = as_json(rows[start : start + _CHUNK])
            raised += len(await session.fetch(queries().raise_floors, chunk))
        if surplus.stamp is not None:
            await session.execute(queries().raise_tick, surplus.tick, surplus.stamp)
        await note_ends_of(session, ROLLUPS, ends)
    return raised


async def note_ends_of(session: Session, topic: Topic, ends: Mapping[int, int]) -> None:
    """Notes how far a topic has come: what lies below is known to this database."""
    partitions = sorted(ends)
    offsets = [ends[partition] for partition in partitions]
    await session.execute(queries().note_ends, topic.name, partitions, offsets)


async def note_ends(pool: Pool, topic: Topic, ends: Mapping[int, int]) -> None:
    """Notes a topic's ends while this database leads: all below them came out of it."""
    async with pool.acquire() as session, session.transaction():
        await note_ends_of(session, topic, ends)


async def pass_over_versions(pool: Pool) -> None:
    """Leaves only the newest version of every key with a floor to be told."""
    await pool.execute(queries().pass_over_versions)


async def floors_of(session: Session | Pool, keys: Iterable[Key]) -> dict[Key, int]:
    """The floors of keys; hardly ever any."""
    if not await session.fetchval(queries().has_floors):
        return {}
    records = await session.fetch(queries().floors_of, numbered(keys))
    return {key_of(record): record["version"] for record in records}
