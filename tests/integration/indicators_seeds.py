"""Copies of the project's seeds with a few cells changed, for tests of catalogues that differ."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

from chiso_shared.catalogue import Catalogue, load_catalogue

from tests.integration.indicators_chain import SEEDS

Row = dict[str, str]


def edited_seeds(folder: Path, table: str, edit: Callable[[Row], Row], *more: Row) -> Path:
    """The seeds in a folder of their own (made at the first edit), with each row of a table edited."""
    if not folder.exists():
        shutil.copytree(SEEDS, folder)
    with (folder / table).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        names, rows = list(reader.fieldnames or ()), [edit(row) for row in reader]
    with (folder / table).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, *more])
    return folder


def catalogue_in(folder: Path) -> Catalogue:
    """The catalogue of a folder."""
    return load_catalogue(folder)
