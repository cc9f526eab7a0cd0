"""Versions from content, so that an edit in place is a new version too. Pure."""

import hashlib
from collections.abc import Mapping


def content_version(files: Mapping[str, bytes]) -> str:
    """The version of a whole catalogue: 16 hex digits over the names and contents of its files."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{hashlib.sha256(files[name]).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def entry_version(number: int, *meaning: object) -> str:
    """The version of one entry: the number people give it and a hash of what it means, like `1-3f2a9c1b`."""
    text = "\x1f".join(str(part) for part in meaning)
    return f"{number}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
