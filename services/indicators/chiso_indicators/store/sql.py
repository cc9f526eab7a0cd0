"""The named statements, read once; and the small conversions between rows and values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy
from chiso_shared.runtime.postgres import Connection, Queries, load_queries

from chiso_indicators.core.figure import Figure
from chiso_indicators.core.fold import Revision, order_of
from chiso_indicators.core.keys import Key

if TYPE_CHECKING:
    Session = Connection | PoolConnectionProxy[asyncpg.Record]
else:  # the proxy is generic for the type checker only
    Session = PoolConnectionProxy
Values = asyncpg.Record | Mapping[str, Any]

# Decimals as JSON numbers keep their exact text; PostgreSQL reads them into NUMERIC unchanged.
_ENCODER = msgspec.json.Encoder(decimal_format="number")


LIVE: Final = "indicators"
_SCHEMA: Final = ContextVar("schema", default=LIVE)


def queries() -> Queries:
    """The statements of `queries/`, for the schema that the caller works in."""
    return _queries_of(_SCHEMA.get())


def schema() -> str:
    """The schema that the caller works in: the live one, but for a rebuild."""
    return _SCHEMA.get()


@contextmanager
def working_in(name: str) -> Iterator[None]:
    """Lets the current task and those it starts work in another schema of the same shape."""
    token = _SCHEMA.set(name)
    try:
        yield
    finally:
        _SCHEMA.reset(token)


@cache
def _queries_of(name: str) -> Queries:
    live = load_queries("chiso_indicators")
    if name == LIVE:
        return live
    moved = {key: text.replace(f"{LIVE}.", f"{name}.") for key, text in live.items()}
    return Queries(f"chiso_indicators in {name}", moved)


def as_json(rows: Any) -> str:
    """Rows as one JSON parameter for `json_populate_recordset` and `json_to_recordset`."""
    return _ENCODER.encode(rows).decode()


def key_of(row: Values) -> Key:
    """The key in a row."""
    return Key(row["unit"], row["indicator"], row["calendar"], row["period"], row["basis"])


def figure_of(row: Values) -> Figure:
    """The figure in a row."""
    return Figure(
        row["op"],
        row["status"],
        row["numerator"],
        row["denominator"],
        row["value"],
        row["value_high"],
        row["qualifier"],
        row["as_of"],
    )


def revision_of(record: Values) -> Revision:
    """The revision in a row of the table `revision`."""
    key = key_of(record)
    order = order_of(
        key.basis,
        record["as_of"],
        record["revision"],
        record["accepted_at"],
        record["submission_id"],
        record["agency"],
    )
    return Revision(key, record["ordinal"], order, figure_of(record), record["stage"], record["reason"])


def numbered(keys: Iterable[Key]) -> str:
    """Keys as a JSON parameter; `n` is the place in the order given."""
    return as_json([{"n": n, **key._asdict()} for n, key in enumerate(keys)])
