"""The rule book in force, and what replaces it when the seeds change. A wrong file replaces nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chiso_shared.catalogue.loading import FILES, load_catalogue
from chiso_shared.catalogue.problems import CatalogueError
from chiso_shared.runtime.logs import get_logger

from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.metrics import AlertMetrics

log = get_logger(__name__)

_SHOWN_PROBLEMS = 20
Signature = tuple[tuple[str, int, int], ...]


class Books:
    """Holds the book that rules now. Whoever works takes it once and keeps it for the whole batch."""

    def __init__(self, seeds: Path, metrics: AlertMetrics) -> None:
        """Raises CatalogueError when the folder is wrong at the start."""
        self._seeds = seeds
        self._metrics = metrics
        self._seen = _signature(seeds)
        self.current = RuleBook.of(load_catalogue(seeds))

    async def look(self) -> bool:
        """Reads the folder again if a file of it has changed; whether another book is in force now."""
        signature = await asyncio.to_thread(_signature, self._seeds)
        if signature == self._seen:
            return False
        self._seen = signature
        try:
            catalogue = await asyncio.to_thread(load_catalogue, self._seeds)
        except CatalogueError as error:
            self._metrics.rules_wrong(len(error.problems))
            log.error(
                "the seeds are wrong; the rules before stay in force",
                catalogue_version=self.current.catalogue.version,
                problems=[str(problem) for problem in error.problems[:_SHOWN_PROBLEMS]],
            )
            return False
        self._metrics.rules_wrong(0)
        if catalogue.version == self.current.catalogue.version:
            return False
        self.current = RuleBook.of(catalogue)
        log.info("the seeds have changed", catalogue_version=catalogue.version)
        return True


def _signature(seeds: Path) -> Signature:
    """Name, time and size of each file; a file that is not there has none."""
    found: list[tuple[str, int, int]] = []
    for name in FILES:
        try:
            status = (seeds / name).stat()
        except OSError:
            continue
        found.append((name, status.st_mtime_ns, status.st_size))
    return tuple(found)
