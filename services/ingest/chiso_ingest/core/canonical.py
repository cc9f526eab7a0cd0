"""The canonical document and its hash (docs/semantics.md §3): one form for everything that says the same."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

# Sorted names and exact plain numbers are RFC 8785, given what the door lets in: names in ASCII, integers
# below 10^15, decimals of at most 15 digits. A test holds this against the library that does it in general.
_CANONICAL: Final = msgspec.json.Encoder(order="sorted", decimal_format="number")


def payload_hash(document: dict[str, Any]) -> str:
    """SHA-256, lower-case hexadecimal, of the canonical JSON of a checked document."""
    return hashlib.sha256(_CANONICAL.encode(document)).hexdigest()
