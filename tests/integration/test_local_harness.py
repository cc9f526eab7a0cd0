"""The shared servers and the fixtures on top of them are what tests/harness/README.md promises."""

from __future__ import annotations

import asyncpg
from aiokafka import AIOKafkaProducer

from tests.conftest import NewTopic, TemplateDatabase
from tests.harness import collect, end_offsets


async def test_postgres_is_eighteen_with_checksums_and_an_ordinary_owner(postgres: str) -> None:
    connection = await asyncpg.connect(postgres)
    try:
        version = await connection.fetchval("SHOW server_version_num")
        assert int(version) // 10000 == 18
        assert await connection.fetchval("SHOW data_checksums") == "on"
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        row = await connection.fetchrow(
            "SELECT rolsuper, pg_get_userbyid(datdba) = current_user AS owns "
            "FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()"
        )
        assert row is not None and dict(row) == {"rolsuper": False, "owns": True}
    finally:
        await connection.close()


async def test_a_database_is_empty_and_a_clone_has_what_was_prepared(
    database: str, template_database: TemplateDatabase
) -> None:
    async def prepare(dsn: str) -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE TABLE prepared (x int); INSERT INTO prepared VALUES (7)")
        await connection.close()

    clone = await template_database("harness", prepare)
    again = await template_database("harness", prepare)
    first, second = await clone(), await again()
    assert len({database, first, second}) == 3
    for dsn, expected in ((first, 7), (second, 7)):
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("SELECT x FROM prepared") == expected
        await connection.close()
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("SELECT to_regclass('prepared')") is None
    await connection.close()


async def test_what_is_produced_is_collected_with_keys_and_headers(kafka: str, kafka_topic: NewTopic) -> None:
    topic = await kafka_topic(partitions=3)
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(topic, b'{"a":1}', key=b"k", partition=2, headers=[("h", b"v")])
    finally:
        await producer.stop()
    (record,) = await collect(kafka, topic, until=lambda records: len(records) == 1)
    assert (record.partition, record.key, record.headers, record.json) == (2, b"k", {"h": "v"}, {"a": 1})
    assert await end_offsets(kafka, topic) == {0: 0, 1: 0, 2: 1}


async def test_contract_topics_are_empty_each_time(chiso_topics: str) -> None:
    ends = await end_offsets(chiso_topics, "chiso.submissions.v1")
    assert ends == dict.fromkeys(range(12), 0)
    producer = AIOKafkaProducer(bootstrap_servers=chiso_topics, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait("chiso.submissions.v1", b"{}", partition=5)
    finally:
        await producer.stop()
    assert (await end_offsets(chiso_topics, "chiso.submissions.v1"))[5] == 1


async def test_contract_topics_forget_the_test_before(chiso_topics: str) -> None:
    assert set((await end_offsets(chiso_topics, "chiso.submissions.v1")).values()) == {0}
