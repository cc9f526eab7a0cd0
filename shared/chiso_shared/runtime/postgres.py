"""The connection pool, named statements and the sorting of database errors. Holds no SQL of a service."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from typing import Final, Literal, TypeAlias

import asyncpg

from chiso_shared.runtime.backoff import Backoff
from chiso_shared.runtime.lifecycle import Background, NotStarted, describe
from chiso_shared.runtime.logs import get_logger

log = get_logger(__name__)

POSTGRESQL_AWAY: Final = "PostgreSQL does not answer"

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH_DAY: Final = _EPOCH.toordinal()
_NAME: Final = re.compile(r"^-- name: ([a-z][a-z0-9_]*)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of every session, in seconds; `command` is the client's own, for a server gone silent."""

    statement: float = 30.0
    lock: float = 10.0
    idle_in_transaction: float = 30.0
    command: float = 45.0
    connect: float = 5.0


class Queries(Mapping[str, str]):
    """Named statements of a `queries.sql`: `queries["apply_offsets"]` or `queries.apply_offsets`."""

    def __init__(self, source: str, statements: Mapping[str, str]) -> None:
        self._source = source
        self._statements = dict(statements)

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def __getattr__(self, name: str) -> str:
        try:
            return self.__dict__["_statements"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(f"{self.__dict__.get('_source')} has no statement named {name}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


def parse_queries(source: str, text: str) -> Queries:
    """Splits a file at its `-- name: …` lines. Raises ValueError for a name given twice or an empty one."""
    parts = _NAME.split(text)
    statements: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        statement = body.strip().rstrip(";").rstrip()
        if name in statements or not statement:
            raise ValueError(
                f"{source}: statement {name} is {'given twice' if name in statements else 'empty'}"
            )
        statements[name] = statement
    return Queries(source, statements)


def load_queries(package: str) -> Queries:
    """The named statements of `<package>/queries.sql`, or of all `<package>/queries/*.sql` by file name."""
    root = resources.files(package)
    folder = root / "queries"
    if not folder.is_dir():
        return parse_queries(f"{package}/queries.sql", (root / "queries.sql").read_text(encoding="utf-8"))
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    return parse_queries(f"{package}/queries/*.sql", text)


def classify(error: BaseException) -> Literal["data", "transient", "unknown"]:
    """What to do about a database error (docs/delivery.md).

    `data`: the values are at fault and fail again: bisect the batch and quarantine the record.
    `transient`: connection, lock, resource or time: try again; a COMMIT may have happened all the same.
    `unknown`: a defect or a surprise: try again a little, then end the process.
    """
    match error:
        case (
            asyncpg.DataError()
            | asyncpg.IntegrityConstraintViolationError()
            | asyncpg.CardinalityViolationError()
        ):
            return "data"
        case asyncpg.ProgramLimitExceededError():
            return "data"
        case (
            asyncpg.PostgresConnectionError()
            | asyncpg.OperatorInterventionError()
            | asyncpg.InsufficientResourcesError()
            | asyncpg.TransactionRollbackError()
            | asyncpg.LockNotAvailableError()
            | asyncpg.IdleInTransactionSessionTimeoutError()
            | asyncpg.ReadOnlySQLTransactionError()
            | asyncpg.InternalClientError()
            | asyncpg.InterfaceError()
        ):
            return "transient"
        case OSError() | TimeoutError():
            return "transient"
    return "unknown"


async def connect_patiently(dsn: str, application_name: str, patience_seconds: float = 60.0) -> Connection:
    """A connection; waits for a server that is still starting. Raises the error after `patience_seconds`.

    A wrong password, role or database is not waited for.
    """
    deadline = asyncio.get_running_loop().time() + patience_seconds
    for delay in Backoff(0.1, 2.0).delays():
        try:
            connection: Connection = await asyncpg.connect(
                dsn, timeout=5, server_settings={"application_name": application_name, "timezone": "UTC"}
            )
            return connection
        except Exception as error:
            late = asyncio.get_running_loop().time() + delay > deadline
            if late or classify(error) != "transient":
                raise
            log.warning("waiting for PostgreSQL", error=describe(error))
        await asyncio.sleep(delay)
    raise AssertionError("unreachable: delays never end")


class Database(Background):
    """A pool of sessions with time limits; `start` waits `patience_seconds` for the server, then raises.

    `numeric` is `Decimal`; `timestamptz` is aware, in UTC, and a naive datetime is refused; `date` is exact,
    its first and last day too; `json` and `jsonb` are text (encode and decode them with
    `chiso_shared.contracts.codec`).
    """

    def __init__(
        self,
        dsn: str,
        application_name: str,
        min_size: int = 2,
        max_size: int = 10,
        timeouts: Timeouts | None = None,
        *,
        patience_seconds: float = 60.0,
        probe_seconds: float = 2.0,
        name: str = "database",
    ) -> None:
        super().__init__(name)
        self._dsn = dsn
        self._application_name = application_name
        self._sizes = (min_size, max_size)
        self._timeouts = timeouts or Timeouts()
        self._patience_seconds = patience_seconds
        self._probe_seconds = probe_seconds
        self._pool: Pool | None = None
        self._away: str | None = None

    @property
    def pool(self) -> Pool:
        """The pool; NotStarted before `start` has reached the server."""
        if self._pool is None:
            raise NotStarted("the database is not started")
        return self._pool

    async def start(self) -> None:
        """Opens the pool."""
        await (await connect_patiently(self._dsn, self._application_name, self._patience_seconds)).close()
        limits = self._timeouts
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=self._sizes[0],
            max_size=self._sizes[1],
            timeout=limits.connect,
            command_timeout=limits.command,
            init=_prepare_session,
            reset=_leave_as_it_is,
            server_settings={
                "application_name": self._application_name,
                "timezone": "UTC",
                "statement_timeout": _milliseconds(limits.statement),
                "lock_timeout": _milliseconds(limits.lock),
                "idle_in_transaction_session_timeout": _milliseconds(limits.idle_in_transaction),
            },
        )
        await super().start()

    async def stop(self) -> None:
        """Closes the pool; sessions still busy after a few seconds are cut."""
        await super().stop()
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(5):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    def unready(self) -> str | None:
        """Ready while the server answers."""
        return super().unready() or self._away

    async def run(self) -> None:
        """Asks the server for a sign of life again and again; its absence is a reason, not a failure."""
        while True:
            try:
                async with asyncio.timeout(self._timeouts.connect):
                    await self.pool.fetchval("SELECT 1")
                self._away = None
            except Exception as error:
                if self._away is None:
                    log.warning(POSTGRESQL_AWAY, error=describe(error))
                self._away = POSTGRESQL_AWAY
            await asyncio.sleep(self._probe_seconds)


async def _leave_as_it_is(_: Connection) -> None:
    """Between two users of a session there is nothing to undo: that spares the server one question each time.

    The driver has ended a transaction that was left open. Settings are changed for a transaction only (SET
    LOCAL); LISTEN and cursors beyond one belong to sessions outside the pool, and who takes a lock for a
    session lets go of it or ends the session.
    """


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))


async def _prepare_session(connection: Connection) -> None:
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", encoder=_encode_instant, decoder=_decode_instant, format="tuple"
    )
    # The driver's own codec takes 0001-01-01 and 9999-12-31 for infinite.
    await connection.set_type_codec(
        "date", schema="pg_catalog", encoder=_encode_day, decoder=_decode_day, format="tuple"
    )


# Rows of a batch share their instants.
@lru_cache(maxsize=4_096)
def _encode_instant(value: datetime) -> tuple[int]:
    if value.tzinfo is None:
        raise ValueError("a timestamptz needs an aware datetime")
    return ((value - _EPOCH) // _MICROSECOND,)


def _decode_instant(value: tuple[int]) -> datetime:
    return _EPOCH + timedelta(microseconds=value[0])


def _encode_day(value: date) -> tuple[int]:
    return (value.toordinal() - _EPOCH_DAY,)


def _decode_day(value: tuple[int]) -> date:
    return date.fromordinal(max(date.min.toordinal(), min(value[0] + _EPOCH_DAY, date.max.toordinal())))
