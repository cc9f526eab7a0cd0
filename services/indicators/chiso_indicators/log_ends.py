"""Reads how far the submissions' log goes. Asked only when a period closes, so it connects anew each time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from chiso_shared.contracts.topics import SUBMISSIONS
from chiso_shared.runtime.kafka import REQUEST_TIMEOUT_MS, START_TIMEOUT_SECONDS


class LogEnds:
    """Asks the brokers themselves; a cached answer could miss a report."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def __call__(self) -> Mapping[int, int]:
        """The end offset of each partition. Raises KafkaError or TimeoutError when no broker answers."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=None,
            enable_auto_commit=False,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        partitions = [TopicPartition(SUBMISSIONS.name, number) for number in range(SUBMISSIONS.partitions)]
        try:
            async with asyncio.timeout(START_TIMEOUT_SECONDS):
                await consumer.start()
                ends = await consumer.end_offsets(partitions)
        finally:
            await consumer.stop()
        return {partition.partition: end for partition, end in ends.items()}
