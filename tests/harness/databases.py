"""Databases of their own for tests, cloned from templates. Must not know any schema."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit, urlunsplit

import asyncpg

Prepare = Callable[[str], Awaitable[None]]


def dsn_of(admin_dsn: str, database: str) -> str:
    """The same server and role, another database."""
    return urlunsplit(urlsplit(admin_dsn)._replace(path=f"/{database}"))


class Databases:
    """Creates databases on one server and drops all of them at the end."""

    def __init__(self, admin_dsn: str) -> None:
        self._admin_dsn = admin_dsn
        self._session = uuid.uuid4().hex[:8]
        self._count = 0
        self._templates: dict[str, str] = {}
        self._living: list[str] = []

    async def create(self, template: str | None = None) -> str:
        """A new database, empty or cloned; its DSN."""
        self._count += 1
        name = f"test_{self._session}_{self._count}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template1"}"')
        self._living.append(name)
        return dsn_of(self._admin_dsn, name)

    async def template(self, name: str, prepare: Prepare) -> str:
        """The database in which `prepare` has been run once; nobody may stay connected to it."""
        if name not in self._templates:
            dsn = await self.create()
            await prepare(dsn)
            self._templates[name] = urlsplit(dsn).path.removeprefix("/")
        return self._templates[name]

    async def drop(self, dsn: str) -> None:
        """Drop it, whoever is still connected."""
        name = urlsplit(dsn).path.removeprefix("/")
        assert re.fullmatch(r"test_[0-9a-f]{8}_\d+", name), f"{name} is not ours to drop"
        # Not WITH (FORCE): it may not end an autovacuum worker, which a plain DROP sends away by itself.
        await self._execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{name}' AND usename = current_user"
        )
        await self._execute(f'DROP DATABASE IF EXISTS "{name}"')
        self._living.remove(name)

    async def drop_all(self) -> None:
        """Drop whatever is left."""
        for name in tuple(self._living):
            await self.drop(dsn_of(self._admin_dsn, name))

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._admin_dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
