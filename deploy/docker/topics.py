"""The one-shot step of docker-compose.yml: creates and verifies the topics. Exit 1 names each difference.

`CHISO_KAFKA` are the brokers; `CHISO_REPLICATION` (1) is how many copies of every record they keep.
"""

from __future__ import annotations

import asyncio
import os
import sys

from aiokafka.errors import KafkaError
from chiso_shared.contracts.topics import TOPICS
from chiso_shared.runtime.settings import ServiceSettings
from chiso_shared.runtime.topics import TopicsDiffer, provision_topics


async def provision() -> None:
    """Creates what is missing and prints what it made."""
    brokers = ServiceSettings().bootstrap_servers
    replication = int(os.environ.get("CHISO_REPLICATION", "1"))
    created = await provision_topics(brokers, TOPICS, replication)
    sys.stdout.write(f"{len(TOPICS)} topics verified on {brokers}, {len(created)} of them new\n")


def main() -> int:
    """0 if every topic is as the contract says."""
    try:
        asyncio.run(provision())
    except (TopicsDiffer, KafkaError, TimeoutError, OSError) as error:
        sys.stderr.write(f"{error or type(error).__name__}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
