"""Provisioning of topics on a real broker."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from chiso_shared.contracts.topics import ROLLUPS, SUBMISSIONS, Topic
from chiso_shared.runtime.topics import TopicsDiffer, provision_topics

from tests.harness import free_port


@pytest.fixture
async def topics(kafka: str) -> AsyncIterator[tuple[Topic, Topic]]:
    mark = uuid4().hex[:8]
    made = (
        dataclasses.replace(SUBMISSIONS, name=f"runtime.submissions.{mark}", partitions=3),
        dataclasses.replace(ROLLUPS, name=f"runtime.rollups.{mark}", partitions=2),
    )
    yield made
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.delete_topics([topic.name for topic in made])
    await admin.close()


async def test_missing_topics_are_created_and_present_ones_verified(
    kafka: str, topics: tuple[Topic, Topic]
) -> None:
    assert await provision_topics(kafka, topics[:1], 1) == (topics[0].name,)
    assert await provision_topics(kafka, topics, 1) == (topics[1].name,)
    assert await provision_topics(kafka, topics, 1) == ()


async def test_every_difference_is_one_sentence(kafka: str, topics: tuple[Topic, Topic]) -> None:
    await provision_topics(kafka, topics, 1)
    wanted = (
        dataclasses.replace(topics[0], partitions=12, retention_ms=1000),
        dataclasses.replace(topics[1], cleanup="delete"),
    )
    with pytest.raises(TopicsDiffer) as caught:
        await provision_topics(kafka, wanted, 1)
    assert set(caught.value.differences) == {
        f"Topic {topics[0].name} has 3 partitions, it must have 12.",
        f"Topic {topics[0].name} has retention.ms=-1, it must have retention.ms=1000.",
        f"Topic {topics[1].name} has cleanup.policy=compact, it must have cleanup.policy=delete.",
        f"Topic {topics[1].name} has retention.ms=604800000, it must have retention.ms=-1.",
    }


async def test_more_copies_than_brokers_is_refused(kafka: str, topics: tuple[Topic, Topic]) -> None:
    with pytest.raises(TopicsDiffer, match=f"Topic {topics[0].name} cannot be created"):
        await provision_topics(kafka, topics[:1], 3)


async def test_brokers_that_are_away_are_given_up_in_time(topics: tuple[Topic, Topic]) -> None:
    with pytest.raises((KafkaError, OSError)):
        await provision_topics(f"127.0.0.1:{free_port()}", topics, 1, patience_seconds=0.5)
