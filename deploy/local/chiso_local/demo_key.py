"""The key of agency DEMO in the state folder. Must not know how the ingest door stores keys."""

from __future__ import annotations

import os
from datetime import datetime

from chiso_ingest.keys import KeyRegistryError, add_key, load_registry
from chiso_ingest.registry import ACTIONS, digest
from chiso_shared.catalogue import Catalogue

from chiso_local.failure import StartFailure
from chiso_local.home import Home

AGENCY = "DEMO"
HOME_UNIT = "VN"


def ensure_demo_key(home: Home, catalogue: Catalogue, now: datetime) -> str:
    """The key in `demo.key` if the door still knows it, else a new one: every unit, indicator and action."""
    try:
        registry = load_registry(home.keys)
        kept = home.demo_key.read_text().strip() if home.demo_key.exists() else ""
        known = {entry.sha256 for entry in registry.keys if entry.works_at(now)}
        if kept and digest(kept) in known:
            return kept
        key = add_key(
            home.keys,
            catalogue,
            agency=AGENCY,
            home=HOME_UNIT,
            units=["*"],
            indicators=["*"],
            actions=ACTIONS,
            now=now,
        )
    except KeyRegistryError as error:
        raise StartFailure(f"the demo key cannot be made: {error}.") from None
    descriptor = os.open(home.demo_key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")
    return key
