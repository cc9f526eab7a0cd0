"""Where installed packages lie that are only used for the programs they carry. Must not import them."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def package_folder(name: str) -> Path | None:
    """The folder of an installed package, None if it is not installed. Its code is not run."""
    package = importlib.util.find_spec(name)
    return Path(package.origin).parent if package is not None and package.origin else None
