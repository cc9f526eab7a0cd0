"""The project's own seed files, read once for the catalogue's unit tests."""

from functools import cache
from pathlib import Path

from chiso_shared.catalogue import Catalogue, load_catalogue, parse_catalogue
from chiso_shared.catalogue.loading import FILES

SEEDS = Path(__file__).resolve().parents[2] / "seeds"


@cache
def seeds() -> Catalogue:
    """The catalogue of `seeds/`."""
    return load_catalogue(SEEDS)


@cache
def seed_files() -> dict[str, bytes]:
    """The contents of the seed files by name; copy before changing."""
    return {name: (SEEDS / name).read_bytes() for name in FILES}


def edited(file: str, old: str, new: str, files: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """The seed files (or the given ones) with the first occurrence of `old` in one file replaced."""
    result = dict(files or seed_files())
    content = result[file].decode()
    assert old in content, f"{old!r} is not in {file}"
    result[file] = content.replace(old, new, 1).encode()
    return result


def catalogue_with(file: str, old: str, new: str) -> Catalogue:
    """The catalogue of the seed files with one replacement."""
    return parse_catalogue(edited(file, old, new))
