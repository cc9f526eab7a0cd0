"""The door's key registry as this installation's files hold it: whose a key is, and what it may do."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from chiso_ingest.core.scope import Scope
from chiso_ingest.keys import FILE_NAME, KeyRegistryError, list_keys, load_registry
from chiso_ingest.registry import Lock

from chiso_cli.exits import USAGE, CommandFailed


def registry_file(home: Path) -> Path:
    """Where the registry is."""
    return home / FILE_NAME


def agency_of_key(home: Path, key: str, now: datetime) -> str | None:
    """The agency that a key belongs to; `None` where the registry does not know it or cannot be read."""
    try:
        grant = Lock(load_registry(registry_file(home))).open(key, now)
    except KeyRegistryError:
        return None
    return grant.agency if grant else None


def scope_of(home: Path, key_id: str) -> Scope:
    """What the key of that id may do. Raises CommandFailed (usage) for an id that is not registered."""
    try:
        entries = list_keys(registry_file(home))
    except KeyRegistryError as error:
        raise CommandFailed(f"{error}.", USAGE) from error
    for entry, _ in entries:
        if entry.key_id == key_id:
            return Scope.of(entry.agency, entry.units, entry.indicators, entry.actions)
    raise CommandFailed(f"{registry_file(home)} knows no key {key_id}: `chiso keys list` shows them.", USAGE)
