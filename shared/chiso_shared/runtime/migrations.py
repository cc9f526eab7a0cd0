"""Brings the schema of a service to the numbered SQL files of its package; never reverts one."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import asyncpg

from chiso_shared.runtime.backoff import Backoff
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.postgres import connect_patiently

log = get_logger(__name__)

_FILE: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_SCHEMA: Final = re.compile(r"[a-z][a-z0-9_]*")
_LOCK_WAIT_SECONDS: Final = 120.0


class MigrationError(Exception):
    """The files and the schema do not fit together; nothing was changed by the offending file."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text: an applied file must never change."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def load_migrations(package: str) -> tuple[Migration, ...]:
    """The files `<package>/migrations/NNNN_name.sql` by number, which must run 1, 2, 3 … without holes."""
    found: list[Migration] = []
    for entry in (resources.files(package) / "migrations").iterdir():
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE.fullmatch(entry.name)
        if match is None:
            raise MigrationError(f"{package}: {entry.name} is not named NNNN_lower_case.sql")
        found.append(Migration(int(match[1]), entry.name, entry.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"{package}: migrations are not numbered 1..{len(found)} without holes")
    return tuple(found)


async def migrate(
    dsn: str,
    schema: str,
    package: str,
    *,
    patience_seconds: float = 60.0,
    lock_timeout_seconds: float = 10.0,
    statement_timeout_seconds: float = 600.0,
) -> int:
    """Applies what is missing, each file in a transaction of its own; returns how many were applied.

    Any number of processes may call it at once: an advisory lock lets one work while the others wait.
    Raises MigrationError if an applied file changed, vanished, or the schema is newer than the package.
    """
    if not _SCHEMA.fullmatch(schema):
        raise MigrationError(f"{schema!r} is not a plain schema name")
    migrations = load_migrations(package)
    connection = await connect_patiently(dsn, f"migrate-{schema}", patience_seconds)
    try:
        await connection.execute(f"SET lock_timeout = '{lock_timeout_seconds:.0f}s'")
        await connection.execute(f"SET statement_timeout = '{statement_timeout_seconds:.0f}s'")
        await _lock(connection, schema)
        return await _apply_missing(connection, schema, migrations)
    finally:
        await connection.close()


async def _lock(connection: asyncpg.Connection[asyncpg.Record], schema: str) -> None:
    # Tried, not waited for: a waiting session would hold a snapshot and run into its own time-outs.
    async with asyncio.timeout(_LOCK_WAIT_SECONDS):
        for delay in Backoff(0.05, 0.5).delays():
            if await connection.fetchval(
                "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", f"chiso.{schema}"
            ):
                return
            await asyncio.sleep(delay)


async def _apply_missing(
    connection: asyncpg.Connection[asyncpg.Record], schema: str, migrations: Sequence[Migration]
) -> int:
    await connection.execute(
        f"CREATE SCHEMA IF NOT EXISTS {schema};"
        f"CREATE TABLE IF NOT EXISTS {schema}.schema_migration ("
        " number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )
    query = f"SELECT number, name, checksum FROM {schema}.schema_migration ORDER BY number"
    applied = {row["number"]: row for row in await connection.fetch(query)}
    _verify(schema, applied, migrations)
    missing = [migration for migration in migrations if migration.number not in applied]
    for migration in missing:
        await _apply(connection, schema, migration)
    return len(missing)


def _verify(schema: str, applied: dict[int, asyncpg.Record], migrations: Sequence[Migration]) -> None:
    known = {migration.number: migration for migration in migrations}
    for number, row in applied.items():
        if number not in known:
            raise MigrationError(
                f"schema {schema} has migration {row['name']}, which this package does not know"
            )
        if known[number].checksum != row["checksum"]:
            raise MigrationError(
                f"migration {known[number].name} of schema {schema} changed after it was applied"
            )


async def _apply(connection: asyncpg.Connection[asyncpg.Record], schema: str, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL search_path = {schema}, pg_catalog")
            await connection.execute(migration.sql)
            await connection.execute(
                f"INSERT INTO {schema}.schema_migration (number, name, checksum) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.checksum,
            )
    except asyncpg.PostgresError as error:
        raise MigrationError(f"migration {migration.name} of schema {schema} failed: {error}") from error
    log.info("migration applied", schema=schema, migration=migration.name)
