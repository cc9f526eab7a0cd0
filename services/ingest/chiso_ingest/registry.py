"""The key registry as data: agencies with their fixed route, keys as hashes, what a key opens. No I/O."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from chiso_shared.catalogue.periods import HO_CHI_MINH
from chiso_shared.contracts.fields import Instant
from pydantic import BaseModel, ConfigDict, Field, model_validator

from chiso_ingest.core.scope import Scope

Action = Literal["report", "withdraw", "operate"]
# `operate` is the right to decide: approve and refuse what is held, open a closed period again.
ACTIONS: Final[tuple[Action, ...]] = ("report", "withdraw", "operate")
REPORTING: Final[tuple[Action, ...]] = ("report", "withdraw")
_KEY: Final = re.compile(r"chiso_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AgencyEntry(_Entry):
    """An agency as registered. `home` and `route` (its partition) never change (delivery, Ids and clocks)."""

    home: str
    route: int = Field(ge=0)
    registered_at: Instant


class KeyEntry(_Entry):
    """A key: its hash and its rights. `expires` is the last day on which it works, in Asia/Ho_Chi_Minh."""

    key_id: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    agency: str
    units: tuple[str, ...]
    indicators: tuple[str, ...]
    actions: tuple[Action, ...] = REPORTING
    expires: date | None = None
    created_at: Instant
    revoked_at: Instant | None = None

    def works_at(self, now: datetime) -> bool:
        """Whether the key is neither revoked nor expired."""
        expired = self.expires is not None and now.astimezone(HO_CHI_MINH).date() > self.expires
        return self.revoked_at is None and not expired


class Registry(_Entry):
    """The whole file."""

    version: Literal[1] = 1
    agencies: Mapping[str, AgencyEntry] = {}
    keys: tuple[KeyEntry, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Registry:
        ids = [entry.key_id for entry in self.keys]
        if len(set(ids)) < len(ids):
            raise ValueError("two keys have the same key_id")
        for entry in self.keys:
            if entry.agency not in self.agencies:
                raise ValueError(f"the agency {entry.agency} of key {entry.key_id} is not registered")
        return self


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid key opens."""

    key_id: str
    agency: str
    home: str
    route: int
    scope: Scope


class Lock:
    """A registry made ready for many look-ups."""

    def __init__(self, registry: Registry) -> None:
        self._entries = {entry.key_id: entry for entry in registry.keys}
        self._grants = {
            entry.key_id: _grant(entry, registry.agencies[entry.agency]) for entry in registry.keys
        }

    def open(self, key: str, now: datetime) -> Grant | None:
        """What the key opens at that instant; None for an unknown, expired or revoked one."""
        match = _KEY.fullmatch(key)
        entry = self._entries.get(match[1]) if match else None
        # Compared even when there is no such key: the time taken tells nothing.
        same = hmac.compare_digest(digest(key), entry.sha256 if entry else "0" * 64)
        if not same or entry is None or not entry.works_at(now):
            return None
        return self._grants[entry.key_id]


def _grant(entry: KeyEntry, agency: AgencyEntry) -> Grant:
    scope = Scope.of(entry.agency, entry.units, entry.indicators, entry.actions)
    return Grant(entry.key_id, entry.agency, agency.home, agency.route, scope)


def new_key() -> tuple[str, str]:
    """A new key of 256 random bits and its public id."""
    key_id = secrets.token_hex(6)
    return f"chiso_{key_id}_{secrets.token_urlsafe(32)}", key_id


def digest(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
