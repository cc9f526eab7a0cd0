"""The explicit step that creates missing topics and verifies all. Never changes or deletes a topic."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from chiso_shared.contracts.topics import Topic
from chiso_shared.runtime.backoff import Backoff
from chiso_shared.runtime.kafka import REQUEST_TIMEOUT_MS
from chiso_shared.runtime.lifecycle import describe
from chiso_shared.runtime.logs import get_logger

log = get_logger(__name__)

_ALREADY_EXISTS: Final = 36


class TopicsDiffer(Exception):
    """Topics exist that do not keep what the contract promises; `differences` has one sentence for each."""

    def __init__(self, differences: Iterable[str]) -> None:
        self.differences = tuple(differences)
        super().__init__("\n".join(self.differences))


async def provision_topics(
    bootstrap: str, topics: Iterable[Topic], replication: int, *, patience_seconds: float = 60.0
) -> tuple[str, ...]:
    """Creates the topics that are missing and verifies all; returns the names created.

    `replication` is the number of copies (1 for the embedded broker, 3 in a cluster); with 3 or more a record
    is acknowledged by at least 2. Waits `patience_seconds` for brokers that are still starting.
    Raises TopicsDiffer naming every difference, KafkaError or TimeoutError when the brokers stay away.
    """
    wanted = {topic.name: topic for topic in topics}
    deadline = asyncio.get_running_loop().time() + patience_seconds
    for delay in Backoff(0.2, 2.0).delays():
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS)
        try:
            await admin.start()
            return await _provision(admin, wanted, replication)
        except (KafkaError, OSError, TimeoutError) as error:
            if asyncio.get_running_loop().time() + delay > deadline:
                raise
            log.warning("waiting for Kafka", error=describe(error))
        finally:
            await admin.close()
        await asyncio.sleep(delay)
    raise AssertionError("unreachable: delays never end")


def topic_configs(topic: Topic, replication: int) -> dict[str, str]:
    """The broker settings of a topic: the contract's, and how many copies must acknowledge."""
    return topic.configs() | {"min.insync.replicas": "2" if replication >= 3 else "1"}


async def _provision(
    admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic], replication: int
) -> tuple[str, ...]:
    present = set(await admin.list_topics())
    missing = [topic for name, topic in wanted.items() if name not in present]
    created = await _create(admin, missing, replication) if missing else ()
    differences: list[str] = []
    for _ in range(20):
        differences = await _partition_differences(admin, wanted)
        differences += await _config_differences(admin, wanted, replication)
        if not differences:
            return created
        if not missing:
            break
        # A topic just created is not known to every broker at once.
        await asyncio.sleep(0.25)
    raise TopicsDiffer(differences)


async def _create(admin: AIOKafkaAdminClient, missing: Iterable[Topic], replication: int) -> tuple[str, ...]:
    response = await admin.create_topics(
        [
            NewTopic(
                name=topic.name,
                num_partitions=topic.partitions,
                replication_factor=replication,
                topic_configs=topic_configs(topic, replication),
            )
            for topic in missing
        ]
    )
    created = []
    for name, code, *message in response.topic_errors:
        if code == 0:
            created.append(name)
        elif code != _ALREADY_EXISTS:  # another process may have been quicker
            reason = (message[0] if message else None) or for_code(code).__name__
            raise TopicsDiffer([f"Topic {name} cannot be created: {reason}"])
    return tuple(created)


async def _partition_differences(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic]) -> list[str]:
    found = {entry["topic"]: entry for entry in await admin.describe_topics(list(wanted))}
    differences = []
    for name, topic in wanted.items():
        count = len(found[name]["partitions"]) if name in found else 0
        if count != topic.partitions:
            differences.append(f"Topic {name} has {count} partitions, it must have {topic.partitions}.")
    return differences


async def _config_differences(
    admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic], replication: int
) -> list[str]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
    found: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for _code, _message, _type, name, entries in response.resources:
            found[name] = {entry[0]: entry[1] for entry in entries}
    return [
        f"Topic {name} has {key}={found.get(name, {}).get(key)}, it must have {key}={value}."
        for name, topic in wanted.items()
        for key, value in topic_configs(topic, replication).items()
        if found.get(name, {}).get(key) != value
    ]
