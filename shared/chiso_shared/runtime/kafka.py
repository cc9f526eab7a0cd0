"""Small things that producer, relay, consumer and provisioning share about Kafka connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner, murmur2

from chiso_shared.contracts.topics import MAX_MESSAGE_BYTES

REQUEST_TIMEOUT_MS: Final = 10_000
START_TIMEOUT_SECONDS: Final = 15.0
PROBE_TIMEOUT_SECONDS: Final = 3.0
_CLOSE_TIMEOUT_SECONDS: Final = 3.0
_LARGEST_INTEGER: Final = 0x7FFFFFFF
_default_partition: Final = DefaultPartitioner()


@lru_cache(maxsize=65_536)
def _place(key: bytes) -> int:
    return int(murmur2(key)) & _LARGEST_INTEGER


def partition_of(key: bytes | None, partitions: Sequence[int], available: Sequence[int]) -> int:
    """The partition that Kafka's clients give a key. Remembered: the library's hash is slower than a send."""
    if key is None:
        return int(_default_partition(key, partitions, available))
    return partitions[_place(key) % len(partitions)]


async def open_producer(bootstrap: str, client_id: str, linger_ms: int, **settings: Any) -> AIOKafkaProducer:
    """A started producer with every setting that a promise depends on made explicit.

    Raises KafkaError or TimeoutError when the brokers do not answer within START_TIMEOUT_SECONDS.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        linger_ms=linger_ms,
        max_batch_size=512 * 1024,
        max_request_size=MAX_MESSAGE_BYTES,
        partitioner=partition_of,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        metadata_max_age_ms=60_000,
        **settings,
    )
    try:
        async with asyncio.timeout(START_TIMEOUT_SECONDS):
            await producer.start()
    except BaseException:
        await discard_producer(producer)
        raise
    return producer


async def close_producer(producer: AIOKafkaProducer) -> None:
    """Sends what is pending if that is quick, then closes; gives up on brokers that do not answer."""
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
            await producer.flush()
    await discard_producer(producer)


async def discard_producer(producer: AIOKafkaProducer) -> None:
    """Closes at once. Whatever is still pending may or may not arrive: its outcome is unknown."""
    # The library's own stop() waits for pending batches, which an idempotent producer never gives up.
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
    await _quietly(producer.client.close())
    if sender is not None:
        await _end(sender)
    _settle(producer, KafkaError("the producer was discarded"))
    producer._closed = True


def _settle(producer: AIOKafkaProducer, error: KafkaError) -> None:
    """Tells everybody who still waits, and looks at each future so that none complains nobody did."""
    accumulator = producer._message_accumulator
    accumulator._exception = error
    queued = [batch for queue in accumulator._batches.values() for batch in queue]
    futures = [
        future for batch in (*queued, *accumulator._pending_batches) for future, _ in batch._msg_futures
    ]
    futures += [batch._drain_waiter for batch in queued]
    if producer._txn_manager._transaction_waiter is not None:
        futures.append(producer._txn_manager._transaction_waiter)
    for future in futures:
        if not future.done():
            future.set_exception(error)
        if not future.cancelled():
            future.exception()


async def _end(task: asyncio.Task[Any]) -> None:
    # Each cancellation ends only what the sender waits for at that moment, then it waits for the next.
    for _ in range(10):
        await asyncio.wait([task], timeout=0.2)
        if task.done():
            return
        task.cancel()


async def _quietly(closing: Any) -> None:
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
            await closing


def is_alive(producer: AIOKafkaProducer) -> bool:
    """Whether the producer's sender still runs: after a fatal error it is dead until replaced."""
    sender = producer._sender.sender_task
    return sender is not None and not sender.done()


async def probe(client: Any) -> None:
    """Asks any broker for fresh metadata; raises KafkaError or TimeoutError if none answers."""
    async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
        if not await client.force_metadata_update():
            raise KafkaError("no broker answers")
