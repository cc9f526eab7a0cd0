"""The key registry as a file, `$CHISO_HOME/keys.json`: read whole, written atomically under a lock.

The command line and the local run use the same functions. A key is returned once and never stored.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final

from chiso_shared.catalogue.agencies import canonical_agency
from chiso_shared.catalogue.catalogue import Catalogue
from chiso_shared.catalogue.periods import HO_CHI_MINH
from pydantic import ValidationError

from chiso_ingest.core.scope import BELOW, EVERYTHING
from chiso_ingest.registry import (
    ACTIONS,
    REPORTING,
    Action,
    AgencyEntry,
    KeyEntry,
    Registry,
    digest,
    new_key,
)

FILE_NAME: Final = "keys.json"


class KeyRegistryError(Exception):
    """The registry cannot be read or the change is not allowed; the text is one sentence for people."""


def load_registry(path: Path) -> Registry:
    """The registry of a file; an absent file is an empty registry. Raises KeyRegistryError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Registry()
    except OSError as error:
        raise KeyRegistryError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return Registry.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise KeyRegistryError(f"{path} is not a key registry: {place}: {first['msg']}") from error


def add_key(
    path: Path,
    catalogue: Catalogue,
    *,
    agency: str,
    home: str,
    units: Sequence[str],
    indicators: Sequence[str],
    actions: Sequence[Action] = REPORTING,
    expires: date | None = None,
    now: datetime,
) -> str:
    """Adds a key for an agency, registers the agency at its first one, and returns the key.

    `home` is a province's NSO code or `VN`; by the catalogue it fixes the agency's partition for ever.
    Units are codes, `51/*` or `*`; indicators are codes, `DVC.*` or `*`; `expires` is the last day it works.
    Raises KeyRegistryError for an agency, home, unit, indicator or last day that cannot be.
    """
    canonical = canonical_agency(agency)
    if canonical is None:
        raise KeyRegistryError(f"{agency!r} is no agency code; for example H48.12")
    if not actions or not set(actions) <= set(ACTIONS):
        raise KeyRegistryError(f"actions are {', '.join(ACTIONS)}")
    if expires is not None and expires < now.astimezone(HO_CHI_MINH).date():
        raise KeyRegistryError(f"a key that expired on {expires} would never work")
    units = _known_units(units, catalogue, now)
    indicators = _known_indicators(indicators, catalogue)
    key, key_id = new_key()
    with _changing(path) as change:
        entry = _registered(change.registry, canonical, home, catalogue, now)
        change.registry = Registry(
            agencies={**change.registry.agencies, canonical: entry},
            keys=(
                *change.registry.keys,
                KeyEntry(
                    key_id=key_id,
                    sha256=digest(key),
                    agency=canonical,
                    units=tuple(units),
                    indicators=tuple(indicators),
                    actions=tuple(action for action in ACTIONS if action in actions),
                    expires=expires,
                    created_at=now,
                ),
            ),
        )
    return key


def revoke_key(path: Path, key_id: str, now: datetime) -> KeyEntry:
    """Revokes a key by its id; revoking again changes nothing. Raises KeyRegistryError."""
    with _changing(path) as change:
        found = next((entry for entry in change.registry.keys if entry.key_id == key_id), None)
        if found is None:
            raise KeyRegistryError(f"there is no key {key_id!r}")
        revoked = found.model_copy(update={"revoked_at": found.revoked_at or now})
        keys = tuple(revoked if entry is found else entry for entry in change.registry.keys)
        change.registry = change.registry.model_copy(update={"keys": keys})
    return revoked


def list_keys(path: Path) -> tuple[tuple[KeyEntry, AgencyEntry], ...]:
    """Every key with its agency, in the order they were added. Raises KeyRegistryError."""
    registry = load_registry(path)
    return tuple((entry, registry.agencies[entry.agency]) for entry in registry.keys)


def _registered(
    registry: Registry, agency: str, home: str, catalogue: Catalogue, now: datetime
) -> AgencyEntry:
    known = registry.agencies.get(agency)
    if known is not None:
        if known.home != home:
            raise KeyRegistryError(f"{agency} is registered with the home {known.home}, which never changes")
        return known
    if home not in catalogue.routes:
        raise KeyRegistryError(f"{home!r} is no home: give a province's NSO code or VN")
    return AgencyEntry(home=home, route=catalogue.routes[home], registered_at=now)


def _known_units(patterns: Sequence[str], catalogue: Catalogue, now: datetime) -> list[str]:
    if not patterns:
        raise KeyRegistryError("a key needs at least one unit, or *")
    canonical: list[str] = []
    for pattern in patterns:
        code, below = pattern.removesuffix(BELOW), pattern.endswith(BELOW)
        if pattern == EVERYTHING:
            canonical.append(pattern)
            continue
        if not catalogue.units.known(code):
            raise KeyRegistryError(f"no unit has the code {code!r}")
        unit = catalogue.units.get(code, now.date())
        canonical.append((unit.code if unit else code) + (BELOW if below else ""))
    return canonical


def _known_indicators(patterns: Sequence[str], catalogue: Catalogue) -> list[str]:
    if not patterns:
        raise KeyRegistryError("a key needs at least one indicator, or *")
    for pattern in patterns:
        prefix = pattern.removesuffix(EVERYTHING)
        wild = pattern == EVERYTHING or (
            pattern.endswith(".*") and any(code.startswith(prefix) for code in catalogue.indicators)
        )
        if not wild and pattern not in catalogue.indicators:
            raise KeyRegistryError(f"no indicator has the code {pattern!r}")
    return list(patterns)


class _Change:
    def __init__(self, registry: Registry) -> None:
        self.registry = registry


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[_Change]:
    """Holds the lock, hands out the registry as it is and writes what became of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        change = _Change(load_registry(path))
        yield change
        _write(path, change.registry)


def _write(path: Path, registry: Registry) -> None:
    content = registry.model_dump_json(indent=2) + "\n"
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
