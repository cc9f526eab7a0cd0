"""Loads the catalogue for the commands that work without a service."""

from __future__ import annotations

from pathlib import Path

from chiso_shared.catalogue import Catalogue, CatalogueError, load_catalogue

from chiso_cli.exits import USAGE, CommandFailed

_SHOWN: int = 3


def read_catalogue(folder: Path) -> Catalogue:
    """The catalogue. Raises CommandFailed (usage) with the first errors if the folder holds none."""
    if not folder.is_dir():
        raise CommandFailed(
            f"There is no catalogue at {folder}: run in the project's folder, or name it with --seeds.", USAGE
        )
    try:
        return load_catalogue(folder)
    except CatalogueError as error:
        first = "; ".join(str(problem) for problem in error.problems[:_SHOWN])
        raise CommandFailed(
            f"The catalogue at {folder} has {len(error.problems)} errors: {first}", USAGE
        ) from error
