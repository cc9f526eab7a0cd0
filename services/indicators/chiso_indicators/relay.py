"""Publishes what is stored. One relay of a name at a time: the others wait for its session to end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger
from chiso_shared.runtime.postgres import Connection, connect_patiently
from chiso_shared.runtime.relay import OutboxSource, Relay
from prometheus_client import CollectorRegistry

log = get_logger(__name__)

_LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"
_ASK_SECONDS: Final = 1.0


class SessionLost(Exception):
    """The database session that made this process the leader has ended; so must the process."""


class LeadingRelay(Background):
    """A relay that runs while this process holds the leader's lock.

    The lock only keeps several instances from shutting each other out again and again; what shuts out a
    paused former leader is the relay's transactional id.
    """

    grace_seconds = 6.0

    def __init__(
        self,
        dsn: str,
        outbox: Callable[[], OutboxSource],
        bootstrap: str,
        transactional_id: str,
        *,
        poll_ms: int = 100,
        registry: CollectorRegistry | None = None,
        name: str = "relay",
    ) -> None:
        super().__init__(name)
        self._poll_ms = poll_ms
        self._dsn = dsn
        self._outbox = outbox
        self._bootstrap = bootstrap
        self._registry = registry
        self._transactional_id = transactional_id
        self._relay: Relay | None = None

    def wake(self) -> None:
        """History has grown."""
        if self._relay is not None:
            self._relay.wake()

    def unready(self) -> str | None:
        """Ready while it follows, and while it leads if the relay is."""
        return super().unready() or (self._relay.unready() if self._relay is not None else None)

    async def run(self) -> None:
        """Waits for the lock, then publishes until stopped or the session is lost."""
        session = await connect_patiently(self._dsn, "chiso-indicators-relay")
        try:
            while not await session.fetchval(_LOCK, self._transactional_id):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), _ASK_SECONDS)
                if self.stopping.is_set():
                    return
            log.info("leads the relay", relay=self.name)
            await self._lead(session)
        finally:
            with contextlib.suppress(Exception):
                await session.close(timeout=1)

    async def _lead(self, session: Connection) -> None:
        relay = Relay(
            self._transactional_id,
            self._outbox(),
            self._bootstrap,
            self._poll_ms,
            registry=self._registry,
            service="indicators",
        )
        await relay.start()
        self._relay = relay
        failure = asyncio.create_task(relay.wait_failed())
        try:
            while not self.stopping.is_set():
                if failure.done():
                    raise failure.result()
                await self._still_leading(session)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), _ASK_SECONDS)
        finally:
            failure.cancel()
            await relay.stop()

    async def _still_leading(self, session: Connection) -> None:
        try:
            await session.fetchval("SELECT 1", timeout=10)
        except Exception as error:
            raise SessionLost(describe(error)) from error
