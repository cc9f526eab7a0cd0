"""The small parts: settings, clock, logs, back-off, named statements, sorting of errors."""

from __future__ import annotations

import itertools
import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from aiokafka.partitioner import DefaultPartitioner
from chiso_shared.contracts.topics import ROLLUPS
from chiso_shared.runtime.backoff import Backoff
from chiso_shared.runtime.clock import Clock
from chiso_shared.runtime.kafka import partition_of
from chiso_shared.runtime.logs import configure_logging, get_logger
from chiso_shared.runtime.metrics import consumer_lag_gauge, outbox_oldest_gauge
from chiso_shared.runtime.postgres import classify, parse_queries
from chiso_shared.runtime.settings import ServiceSettings
from chiso_shared.runtime.topics import topic_configs
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHISO_KAFKA", "CHISO_POSTGRES", "CHISO_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHISO_KAFKA_PORT", "29092")
    monkeypatch.setenv("CHISO_POSTGRES_PORT", "25432")
    monkeypatch.setenv("CHISO_CLOCK_OFFSET", "-3600")
    settings = ServiceSettings()
    assert settings.bootstrap_servers == "127.0.0.1:29092"
    assert settings.dsn == "postgresql://chiso@127.0.0.1:25432/chiso"
    assert settings.clock_offset == -3600
    assert settings.home == Path(".chiso")
    monkeypatch.setenv("CHISO_KAFKA", "a:1,b:2")
    monkeypatch.setenv("CHISO_POSTGRES", "postgresql://other/db")
    assert ServiceSettings().bootstrap_servers == "a:1,b:2"
    assert ServiceSettings().dsn == "postgresql://other/db"


def test_the_clock_is_aware_and_shifted() -> None:
    shifted = Clock(-3600).now()
    assert shifted.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - timedelta(hours=1) - shifted) < timedelta(seconds=5)


def test_delays_grow_to_a_bound() -> None:
    delays = list(itertools.islice(Backoff(0.1, 1.0).delays(), 12))
    assert 0.05 <= delays[0] <= 0.1
    assert all(0.5 <= delay <= 1.0 for delay in delays[4:])
    assert len(set(delays)) > 1


def test_logs_are_json_lines_with_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers, logging.getLogger().level
    try:
        configure_logging("ingest", "INFO")
        get_logger("chiso").info("batch applied", records=12)
        logging.getLogger("library").warning("từ thư viện %s", "x")
        try:
            raise ValueError("bad")
        except ValueError as error:
            get_logger("chiso").error("component failed", exc_info=error)
        get_logger("chiso").debug("not shown")
    finally:
        logging.getLogger().handlers, level = before[0], before[1]
        logging.getLogger().setLevel(level)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["batch applied", "từ thư viện x", "component failed"]
    assert lines[0]["records"] == 12
    assert {line["service"] for line in lines} == {"ingest"}
    assert lines[2]["exception"][0]["exc_type"] == "ValueError"


def test_statements_are_named() -> None:
    queries = parse_queries("q", "-- head\n-- name: one\nSELECT 1;\n\n-- name: two\n-- why\nSELECT 2\n;\n")
    assert dict(queries) == {"one": "SELECT 1", "two": "-- why\nSELECT 2"}
    assert queries.one == queries["one"]
    with pytest.raises(AttributeError, match="q has no statement named three"):
        _ = queries.three
    with pytest.raises(ValueError, match="given twice"):
        parse_queries("q", "-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;")
    with pytest.raises(ValueError, match="empty"):
        parse_queries("q", "-- name: one\n-- name: two\nSELECT 2;")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (asyncpg.NumericValueOutOfRangeError("x"), "data"),
        (asyncpg.UniqueViolationError("x"), "data"),
        (asyncpg.UntranslatableCharacterError("x"), "data"),
        (asyncpg.DeadlockDetectedError("x"), "transient"),
        (asyncpg.QueryCanceledError("x"), "transient"),
        (asyncpg.AdminShutdownError("x"), "transient"),
        (asyncpg.ConnectionDoesNotExistError("x"), "transient"),
        (asyncpg.TooManyConnectionsError("x"), "transient"),
        (ConnectionRefusedError(), "transient"),
        (TimeoutError(), "transient"),
        (asyncpg.UndefinedTableError("x"), "unknown"),
        (asyncpg.InsufficientPrivilegeError("x"), "unknown"),
        (KeyError("x"), "unknown"),
    ],
)
def test_errors_are_sorted(error: Exception, expected: str) -> None:
    assert classify(error) == expected


def test_consumers_and_relays_of_a_service_share_their_gauges() -> None:
    registry = CollectorRegistry()
    consumer_lag_gauge(registry).labels("svc", "0").set(3)
    consumer_lag_gauge(registry).labels("svc", "operations/0").set(4)
    outbox_oldest_gauge(registry).labels("svc").set(5)
    text = generate_latest(registry).decode()
    assert 'chiso_consumer_lag_records{partition="0",service="svc"} 3.0' in text
    assert 'chiso_consumer_lag_records{partition="operations/0",service="svc"} 4.0' in text
    assert 'chiso_outbox_oldest_seconds{service="svc"} 5.0' in text


def test_three_copies_ask_for_two_acknowledgements() -> None:
    assert topic_configs(ROLLUPS, 1)["min.insync.replicas"] == "1"
    assert topic_configs(ROLLUPS, 3)["min.insync.replicas"] == "2"
    assert topic_configs(ROLLUPS, 3)["cleanup.policy"] == "compact"


@given(st.binary(min_size=1, max_size=80), st.integers(1, 24))
def test_a_key_goes_to_the_partition_that_every_client_of_kafka_gives_it(key: bytes, count: int) -> None:
    partitions = list(range(count))
    assert partition_of(key, partitions, partitions) == DefaultPartitioner()(key, partitions, partitions)


def test_a_key_of_the_java_client_is_found_again() -> None:
    assert partition_of(b"foobar", range(2**31 - 1), ()) == -790332482 & 0x7FFFFFFF
    assert partition_of(None, [3], [3]) == 3
