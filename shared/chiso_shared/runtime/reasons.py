"""What `/readyz` and 503 say about an error: one phrase a dependency, no addresses. Details go to the log."""

from __future__ import annotations

from typing import Final

from aiokafka.errors import KafkaError

from chiso_shared.runtime.postgres import POSTGRESQL_AWAY, classify

KAFKA_AWAY: Final = "Kafka does not answer"


def reason(error: BaseException, away: str = POSTGRESQL_AWAY) -> str:
    """`away` for a lost connection that says not to what; the type of an error that is none."""
    if isinstance(error, KafkaError):
        return KAFKA_AWAY
    return away if classify(error) == "transient" else type(error).__name__
