"""Who may decide: reads the key registry `$CHISO_HOME/keys.json` that the door keeps. Writes nothing."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from chiso_shared.catalogue.periods import HO_CHI_MINH
from chiso_shared.runtime.logs import get_logger

log = get_logger(__name__)

OPERATE: Final = "operate"
_KEY: Final = re.compile(r"chiso_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NO_HASH: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Operator:
    """A valid key, and what its patterns allow: units (`51`, `51/*`, `*`), indicators and actions."""

    key_id: str
    agency: str
    units: tuple[str, ...]
    indicators: tuple[str, ...]
    actions: frozenset[str]

    @property
    def may_operate(self) -> bool:
        """Whether the key may decide about what others sent."""
        return OPERATE in self.actions

    def speaks_for(self, lineage: tuple[str, ...]) -> bool:
        """Whether a unit is within the key's units; `lineage` is the unit and what stands above it."""
        patterns = {"*", *lineage[:1], *(f"{code}/*" for code in lineage)}
        return not patterns.isdisjoint(self.units)

    def knows(self, indicator: str) -> bool:
        """Whether an indicator is within the key's indicators."""
        prefixes = tuple(pattern[:-1] for pattern in self.indicators if pattern.endswith(".*"))
        return "*" in self.indicators or indicator in self.indicators or indicator.startswith(prefixes)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    key_id: str
    sha256: str
    agency: str
    units: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    actions: frozenset[str] = frozenset()
    expires: date | None = None
    revoked_at: datetime | None = None

    def works_at(self, now: datetime) -> bool:
        expired = self.expires is not None and now.astimezone(HO_CHI_MINH).date() > self.expires
        return self.revoked_at is None and not expired


class _Registry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    keys: tuple[_Entry, ...] = ()


class Operators:
    """The registry, read again when its file has changed. Without a file nobody may decide anything."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._signature: tuple[int, int, int] | None = None
        self._entries: Mapping[str, _Entry] = {}

    def open(self, authorization: str | None, now: datetime) -> Operator | None:
        """Whose key an `Authorization: Bearer …` header is; None for none, an unknown, old or revoked one."""
        scheme, _, key = (authorization or "").partition(" ")
        match = _KEY.fullmatch(key.strip()) if scheme.lower() == "bearer" else None
        entry = self._current().get(match[1]) if match else None
        # Compared even when there is no such key: the time taken tells nothing.
        digest = hashlib.sha256(key.strip().encode("utf-8", "replace")).hexdigest()
        same = hmac.compare_digest(digest, entry.sha256 if entry else _NO_HASH)
        if not same or entry is None or not entry.works_at(now):
            return None
        return Operator(entry.key_id, entry.agency, entry.units, entry.indicators, entry.actions)

    def _current(self) -> Mapping[str, _Entry]:
        try:
            found = self._path.stat()
            signature = (found.st_mtime_ns, found.st_size, found.st_ino)
            if signature != self._signature:
                registry = _Registry.model_validate_json(self._path.read_bytes())
                self._entries = {entry.key_id: entry for entry in registry.keys}
                self._signature = signature
        except FileNotFoundError:
            self._entries, self._signature = {}, None
        except (OSError, ValidationError) as error:
            log.error("the key registry cannot be read; the keys before it stay in force", reason=str(error))
        return self._entries
