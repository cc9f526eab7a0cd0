"""Reads the key registry `$CHISO_HOME/keys.json`, which the door writes: who decides. Changes nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from chiso_shared.catalogue.periods import HO_CHI_MINH
from chiso_shared.runtime.logs import get_logger

from chiso_alerts.core.permission import Operator

log = get_logger(__name__)

KEY_FILE: Final = "keys.json"
_KEY: Final = re.compile(r"chiso_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NO_HASH: Final = "0" * 64


class KeyFile:
    """The registry, read again whenever the file has changed. Without a file nobody may decide anything."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[int, int] | None = None
        self._entries: Mapping[str, Mapping[str, Any]] = {}

    def open(self, authorization: str | None, now: datetime) -> Operator | None:
        """Whose key an `Authorization: Bearer …` header is; None for none, an unknown, old or revoked one."""
        match = _KEY.fullmatch((authorization or "").removeprefix("Bearer ").strip())
        entry = self._current().get(match[1]) if match else None
        digest = hashlib.sha256(match[0].encode()).hexdigest() if match else _NO_HASH
        # Compared even when there is no such key: the time taken tells nothing.
        same = hmac.compare_digest(digest, str(entry["sha256"]) if entry else "f" * 64)
        if not same or entry is None or not _works(entry, now):
            return None
        return Operator(entry["key_id"], entry["agency"], tuple(entry["units"]), tuple(entry["indicators"]))

    def _current(self) -> Mapping[str, Mapping[str, Any]]:
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size)
            if seen != self._read:
                document = json.loads(self._path.read_bytes())
                self._entries = {entry["key_id"]: entry for entry in document["keys"]}
                self._read = seen
        except FileNotFoundError:
            self._entries, self._read = {}, None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.error("the key registry cannot be read; the keys known before stay", error=str(error))
        return self._entries


def _works(entry: Mapping[str, Any], now: datetime) -> bool:
    expires = entry.get("expires")
    expired = expires is not None and now.astimezone(HO_CHI_MINH).date() > date.fromisoformat(expires)
    return entry.get("revoked_at") is None and not expired
