"""The seeds folder while services run: a wrong or half-written catalogue replaces nothing.

Three services look through it. It reads only, and decides nothing about what a new catalogue means.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from chiso_shared.catalogue.catalogue import Catalogue
from chiso_shared.catalogue.loading import FILES, load_catalogue, parse_catalogue, read_files
from chiso_shared.catalogue.problems import CatalogueError
from chiso_shared.runtime.lifecycle import Background, describe
from chiso_shared.runtime.logs import get_logger

log = get_logger(__name__)

# Between two looks. A change is read at the second look that finds it: it stood still for so long.
LOOK_SECONDS: Final = 0.5
_SHOWN_PROBLEMS: Final = 20
_Signature = tuple[tuple[str, int, int, int], ...]


class CatalogueGauges:
    """What operators see of the catalogue of one service."""

    def __init__(self, registry: CollectorRegistry, service: str) -> None:
        self._service = service
        self._info = Gauge(
            "chiso_catalogue_info",
            "Which catalogue is in force; always 1.",
            ["service", "catalogue_version"],
            registry=registry,
        )
        self._problems = Gauge(
            "chiso_catalogue_problems",
            "Problems of the seeds on disk; while it is not 0, the catalogue before stays in force.",
            ["service"],
            registry=registry,
        )
        self.problems(0)

    def in_force(self, version: str) -> None:
        """This catalogue is in force now."""
        self._info.clear()
        self._info.labels(self._service, version).set(1)

    def problems(self, count: int) -> None:
        """How many problems the seeds on disk have."""
        self._problems.labels(self._service).set(count)


class SeedsFolder:
    """The newest right catalogue of a folder.

    `on_problems` hears how many problems the folder has whenever it was read again.
    """

    def __init__(self, folder: Path, on_problems: Callable[[int], None] = lambda _: None) -> None:
        """Raises CatalogueError when the folder is wrong at the start."""
        self._folder = folder
        self._on_problems = on_problems
        self._seen = _signature(folder)
        self._waiting: _Signature | None = None
        self.current: Catalogue = load_catalogue(folder)

    async def look(self) -> bool:
        """Reads the folder again if a file of it has changed; whether `current` is another catalogue now.

        What is being written is left alone: the folder must stand still between two looks and while read.
        """
        signature = await asyncio.to_thread(_signature, self._folder)
        if signature == self._seen or signature != self._waiting:
            self._waiting = signature
            return False
        try:
            files = await asyncio.to_thread(read_files, self._folder)
            if await asyncio.to_thread(_signature, self._folder) != signature:
                return False
            catalogue = await asyncio.to_thread(parse_catalogue, files)
        except Exception as error:  # nothing that stands in a file may stop what runs
            self._seen = signature
            self._refuse(error)
            return False
        self._seen = signature
        self._on_problems(0)
        if catalogue.version == self.current.version:
            return False
        self.current = catalogue
        log.info("the seeds have changed", catalogue_version=catalogue.version)
        return True

    def _refuse(self, error: Exception) -> None:
        problems = error.problems if isinstance(error, CatalogueError) else (describe(error),)
        self._on_problems(len(problems))
        log.error(
            "the seeds are wrong; the catalogue before stays in force",
            catalogue_version=self.current.version,
            problems=[str(problem) for problem in problems[:_SHOWN_PROBLEMS]],
        )


class SeedsWatch(Background):
    """Looks at a folder again and again; `on_changed` hears of every catalogue that it takes in."""

    def __init__(self, seeds: SeedsFolder, on_changed: Callable[[], None]) -> None:
        super().__init__("seeds")
        self._seeds = seeds
        self._on_changed = on_changed

    async def run(self) -> None:
        """Until stopped."""
        while not self.stopping.is_set():
            if await self._seeds.look():
                self._on_changed()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), LOOK_SECONDS)


def _signature(folder: Path) -> _Signature:
    """Name, time, size and number of each file; a file that is not there has none."""
    found: list[tuple[str, int, int, int]] = []
    for name in FILES:
        try:
            status = (folder / name).stat()
        except OSError:
            continue
        found.append((name, status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)
