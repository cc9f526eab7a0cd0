"""The keys in force in the running door: the registry file, read again when it changes. Writes nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from chiso_shared.runtime.lifecycle import Background
from chiso_shared.runtime.logs import get_logger

from chiso_ingest.keys import KeyRegistryError, load_registry
from chiso_ingest.metrics import IngestMetrics
from chiso_ingest.registry import Grant, Lock, Registry

log = get_logger(__name__)

_Signature = tuple[int, int, int] | None


class Keyring(Background):
    """Looks at the file every `poll_seconds`. A broken file leaves the keys before it in force."""

    def __init__(self, path: Path, metrics: IngestMetrics, poll_seconds: float = 1.0) -> None:
        super().__init__("keys")
        self._path = path
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._signature: _Signature = None
        self._lock: Lock | None = None
        self._broken: str | None = "the key registry was not read yet"

    def open(self, key: str, now: datetime) -> Grant | None:
        """What a key opens at that instant, or None."""
        return self._lock.open(key, now) if self._lock else None

    @property
    def knows_keys(self) -> bool:
        """Whether any registry was ever read: before that, no key can be called unknown."""
        return self._lock is not None

    def unready(self) -> str | None:
        """Ready while some registry is in force, even if the newest file is broken."""
        return super().unready() or (self._broken if self._lock is None else None)

    async def start(self) -> None:
        """Reads the registry, then watches it."""
        await self._look()
        await super().start()

    async def run(self) -> None:
        """Looks again and again until `stop`."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            await self._look()

    async def _look(self) -> None:
        signature = await asyncio.to_thread(_signature, self._path)
        if signature == self._signature and self._lock is not None:
            return
        try:
            registry = await asyncio.to_thread(load_registry, self._path)
        except KeyRegistryError as error:
            self._refuse(signature, str(error))
            return
        self._take(signature, registry)

    def _take(self, signature: _Signature, registry: Registry) -> None:
        self._signature, self._broken = signature, None
        self._lock = Lock(registry)
        self._metrics.key_registry_broken.set(0)
        self._metrics.keys.set(len(registry.keys))
        log.info("keys in force", keys=len(registry.keys), agencies=len(registry.agencies))

    def _refuse(self, signature: _Signature, reason: str) -> None:
        self._metrics.key_registry_broken.set(1)
        if reason != self._broken or signature != self._signature:
            log.error("the key registry is broken; the keys before it stay in force", reason=reason)
        self._signature, self._broken = signature, reason


def _signature(path: Path) -> _Signature:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
