"""Topics of their own for tests, and the contract's topics made empty. Must not change any other topic."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from chiso_shared.contracts.topics import TOPICS
from chiso_shared.runtime.topics import provision_topics

from tests.harness.polling import eventually


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client for a moment."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def create_topic(bootstrap: str, partitions: int, configs: dict[str, str]) -> str:
    """A topic with a new name, ready to be written to."""
    name = f"test.{uuid.uuid4().hex[:12]}"
    async with admin(bootstrap) as client:
        response = await client.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        codes = [error[1] for error in response.topic_errors]
        assert codes == [0], f"{name} was not created: {response.topic_errors}"
        await _wait_present(client, {name})
    return name


async def delete_topics(bootstrap: str, names: Iterable[str]) -> None:
    """Delete those of the names that exist, and wait until they are gone."""
    async with admin(bootstrap) as client:
        present = set(names) & set(await client.list_topics())
        if not present:
            return
        await client.delete_topics(sorted(present))

        async def gone() -> bool:
            return not present & set(await client.list_topics())

        await eventually(gone)


async def empty_contract_topics(bootstrap: str) -> None:
    """Every topic of the contract exists and holds nothing."""
    await delete_topics(bootstrap, [topic.name for topic in TOPICS])
    await provision_topics(bootstrap, TOPICS, replication=1)


async def _wait_present(client: AIOKafkaAdminClient, names: set[str]) -> None:
    async def led() -> bool:
        described = await client.describe_topics(sorted(names))
        return all(
            topic["error_code"] == 0 and all(part["leader"] >= 0 for part in topic["partitions"])
            for topic in described
        )

    await eventually(led)
