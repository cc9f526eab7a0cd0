"""Every catalogue that was ever in force, kept by the contents of its files, and when each was."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from chiso_shared.catalogue import Catalogue, parse_catalogue
from chiso_shared.runtime.postgres import Pool

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.hierarchy import read_scope
from chiso_indicators.core.plan import Planner
from chiso_indicators.core.reigns import Reign, Reigns
from chiso_indicators.core.unit_rows import UnitRows
from chiso_indicators.store.sql import Session, Values, queries

# A catalogue takes a few megabytes and a tenth of a second to parse.
_REMEMBERED: Final = 8


async def keep_catalogue(session: Session, catalogue: Catalogue) -> None:
    """Keeps a catalogue that comes into force; the first one of a store was so from the beginning."""
    names, contents = list(catalogue.files), list(catalogue.files.values())
    hashes = [hashlib.sha256(content).hexdigest() for content in contents]
    await session.execute(queries().keep_catalogue, catalogue.version, names, hashes, contents)


async def kept_catalogue(session: Session | Pool, version: str) -> Catalogue:
    """A catalogue that is or was in force. Raises LookupError for one that never was, and CatalogueError."""
    records = await session.fetch(queries().catalogue_files, version)
    if not records:
        raise LookupError(f"the store does not hold the catalogue {version}")
    files: Mapping[str, bytes] = {record["name"]: record["content"] for record in records}
    return await asyncio.to_thread(parse_catalogue, files)


class Catalogues:
    """Reads only. What was parsed is remembered, so that the usual one or two cost nothing."""

    def __init__(self) -> None:
        self._remembered: dict[str, UnitRows] = {}

    async def reigns(self, session: Session, at: datetime, present: Assembler) -> Reigns:
        """Which catalogue was in force when, up to an instant; `present` is this process's own.

        Raises CatalogueError for one that this release cannot read any more.
        """
        records = await session.fetch(queries().reigns, at)
        found: dict[str, UnitRows] = {}
        for version in dict.fromkeys(record["catalogue_version"] for record in records):
            found[version] = await self._rows(session, version, present)
        reigns = [_reign(record, found) for record in records]
        return Reigns(reigns or [Reign(await self._rows(session, "", present))])

    async def _rows(self, session: Session, version: str, present: Assembler) -> UnitRows:
        known = self._remembered.pop(version, None)
        if known is None:
            known = UnitRows(await self._assembler(session, version, present))
        self._remembered[version] = known  # the newest use stands last
        if len(self._remembered) > _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        return known

    async def _assembler(self, session: Session, version: str, present: Assembler) -> Assembler:
        if version == present.planner.catalogue.version:
            return present
        return Assembler(Planner(await kept_catalogue(session, version)), present.first_started_at)


def _reign(record: Values, found: Mapping[str, UnitRows]) -> Reign:
    rows, scope = found[record["catalogue_version"]], record["scope"]
    if record["tick"] is None:
        return Reign(rows)
    return Reign(rows, record["tick"], record["stamp"], read_scope(scope) if scope is not None else None)
