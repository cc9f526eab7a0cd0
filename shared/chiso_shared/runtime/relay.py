"""Publishes what a service has committed to its database, in its order, at least once. Decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, ProducerFenced
from prometheus_client import CollectorRegistry

from chiso_shared.contracts.events import Event
from chiso_shared.contracts.topics import Topic
from chiso_shared.runtime.backoff import Backoff
from chiso_shared.runtime.kafka import discard_producer, is_alive, open_producer, probe
from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.metrics import outbox_oldest_gauge

log = get_logger(__name__)

Position = Any
"""Where a source stands; only the source reads it."""

_TRANSACTION_TIMEOUT_SECONDS: Final = 30.0
_SOURCE_ATTEMPTS: Final = 5
_GAUGE_SECONDS: Final = 5.0
_PROBE_SECONDS: Final = 2.0
