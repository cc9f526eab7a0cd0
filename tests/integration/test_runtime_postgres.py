"""Pool, value types, sorting of real errors and migrations, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest
from chiso_shared.runtime.migrations import MigrationError, migrate
from chiso_shared.runtime.postgres import Database, Timeouts, classify

from tests.harness import eventually, free_port

MakePackage = Callable[..., str]


@pytest.fixture
def make_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePackage]:
    """Packages with a `migrations` folder of the given files."""
    made: list[str] = []

    def make(**files: str) -> str:
        name = f"runtime_migrations_{len(made)}"
        folder = tmp_path / name / "migrations"
        folder.mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        for file, sql in files.items():
            (folder / f"{file.removeprefix('m')}.sql").write_text(sql)
        made.append(name)
        return name

    monkeypatch.syspath_prepend(str(tmp_path))
    yield make
    for name in made:
        sys.modules.pop(name, types.ModuleType(name))


async def fetch(dsn: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


async def test_values_are_exact_and_aware(database: str) -> None:
    part = Database(database, "test", 1, 2)
    await part.start()
    try:
        instant = datetime(2025, 10, 20, 3, 10, 2, 123456, tzinfo=UTC)
        row = await part.pool.fetchrow(
            "SELECT $1::numeric AS n, $2::timestamptz AS t", Decimal("73.79380"), instant
        )
        assert row is not None
        assert str(row["n"]) == "73.79380"
        assert (row["t"], row["t"].tzinfo) == (instant, UTC)
        many = await part.pool.fetchval(
            "SELECT array_agg(t) FROM unnest($1::timestamptz[]) t", [instant, instant]
        )
        assert many == [instant, instant]
        with pytest.raises(asyncpg.DataError):
            await part.pool.fetchval("SELECT $1::timestamptz", instant.replace(tzinfo=None))
        for day in (date.min, date(1999, 12, 31), date(2026, 2, 28), date.max):
            row = await part.pool.fetchrow("SELECT $1::date AS d, $1::date::text AS t", day)
            assert row is not None and (row["d"], row["t"]) == (day, day.isoformat()), "no day is infinite"
        assert part.unready() is None
    finally:
        await part.stop()
    assert part.unready() == "not running"


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("SELECT $1::int", 2**40),
        ("SELECT $1::text", "a\x00b"),
        ("SELECT $1::text", "\ud800"),
        ("SELECT $1::text", 5),
        ("SELECT ('x' || $1::text)::int", "y"),
        ("SELECT $1::numeric(4,2)", Decimal("12345")),
        ("SELECT $1::date", "2025-10-01"),
    ],
)
async def test_bad_values_are_data_errors(database: str, statement: str, value: object) -> None:
    connection = await asyncpg.connect(database)
    try:
        with pytest.raises(Exception) as caught:
            await connection.fetchval(statement, value)
        assert classify(caught.value) == "data"
    finally:
        await connection.close()


async def test_limits_of_time_are_transient_errors(database: str) -> None:
    part = Database(database, "test", 1, 3, Timeouts(statement=0.2, lock=0.1, idle_in_transaction=0.2))
    await part.start()
    try:
        with pytest.raises(asyncpg.QueryCanceledError) as slow:
            await part.pool.fetchval("SELECT pg_sleep(5)")
        assert classify(slow.value) == "transient"
        await part.pool.execute("CREATE TABLE t (k int)")
        async with part.pool.acquire() as holder, holder.transaction():
            await holder.execute("LOCK TABLE t")
            with pytest.raises(asyncpg.LockNotAvailableError) as locked:
                await part.pool.fetch("SELECT * FROM t")
            assert classify(locked.value) == "transient"
    finally:
        await part.stop()


async def test_a_cut_session_is_transient_and_the_pool_recovers(database: str) -> None:
    part = Database(database, "cut", 1, 1, probe_seconds=0.05)
    await part.start()
    try:
        async with part.pool.acquire() as session:
            pid = await session.fetchval("SELECT pg_backend_pid()")
            await fetch(database, f"SELECT pg_terminate_backend({pid})")
            with pytest.raises(Exception) as caught:
                await session.fetchval("SELECT 1")
        assert classify(caught.value) == "transient"
        await eventually(lambda: part.unready() is None)
        assert await part.pool.fetchval("SELECT 1") == 1
    finally:
        await part.stop()


async def test_a_server_that_is_away_is_waited_for_then_given_up(database: str) -> None:
    part = Database(f"postgresql://chiso@127.0.0.1:{free_port()}/chiso", "test", patience_seconds=0.5)
    with pytest.raises(OSError, match=r"Connect call failed|refused"):
        await part.start()
    await part.stop()
    wrong = Database(database + "_nowhere", "test", patience_seconds=60)
    async with asyncio.timeout(10):
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await wrong.start()


async def test_migrations_run_once_however_many_start_at_once(
    database: str, make_package: MakePackage
) -> None:
    package = make_package(
        m0001_first="CREATE TABLE svc.t (k int); INSERT INTO svc.t SELECT 1 FROM pg_sleep(0.2);",
        m0002_second="INSERT INTO svc.t VALUES (2);",
    )
    counts = await asyncio.gather(*(migrate(database, "svc", package) for _ in range(4)))
    assert sorted(counts) == [0, 0, 0, 2]
    assert [row["k"] for row in await fetch(database, "SELECT k FROM svc.t ORDER BY k")] == [1, 2]
    rows = await fetch(database, "SELECT number, name FROM svc.schema_migration ORDER BY number")
    assert [tuple(row) for row in rows] == [(1, "0001_first.sql"), (2, "0002_second.sql")]
    assert await migrate(database, "svc", package) == 0


@pytest.mark.parametrize(
    "bad",
    [
        "CREATE TABLE svc.half (k int); SELECT no_such_function();",
        # It runs, but cannot be written down.
        "CREATE TABLE svc.half (k int); ALTER TABLE svc.schema_migration ADD CHECK (number < 2);",
    ],
)
async def test_a_failing_migration_leaves_nothing_behind(
    database: str, make_package: MakePackage, bad: str
) -> None:
    package = make_package(
        m0001_good="CREATE TABLE svc.good (k int);",
        m0002_bad=bad,
    )
    with pytest.raises(MigrationError, match=r"0002_bad\.sql of schema svc failed"):
        await migrate(database, "svc", package)
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'svc' ORDER BY tablename"
    names = [row["tablename"] for row in await fetch(database, tables)]
    assert names == ["good", "schema_migration"]


async def test_applied_files_may_not_change_or_vanish(database: str, make_package: MakePackage) -> None:
    await migrate(database, "svc", make_package(m0001_a="SELECT 1;", m0002_b="SELECT 2;"))
    with pytest.raises(MigrationError, match=r"0001_a\.sql of schema svc changed"):
        await migrate(database, "svc", make_package(m0001_a="SELECT 9;", m0002_b="SELECT 2;"))
    with pytest.raises(MigrationError, match=r"0002_b\.sql, which this package does not know"):
        await migrate(database, "svc", make_package(m0001_a="SELECT 1;"))
    with pytest.raises(MigrationError, match="without holes"):
        await migrate(database, "svc", make_package(m0001_a="SELECT 1;", m0003_c="SELECT 3;"))
    with pytest.raises(MigrationError, match="not a plain schema name"):
        await migrate(database, "svc; DROP", "x")
