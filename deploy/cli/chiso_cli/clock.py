"""The clock of this installation: the wall clock, shifted as the services are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from chiso_cli.exits import USAGE, CommandFailed


def now(environ: Mapping[str, str]) -> datetime:
    """The present instant in UTC, moved by `CHISO_CLOCK_OFFSET` seconds."""
    text = environ.get("CHISO_CLOCK_OFFSET") or "0"
    try:
        return datetime.now(UTC) + timedelta(seconds=float(text))
    except (ValueError, OverflowError):
        raise CommandFailed(f"CHISO_CLOCK_OFFSET is {text!r}, not a number of seconds.", USAGE) from None
