"""The seeds folder while a service runs: what is right is taken in whole, what is not changes nothing."""

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from chiso_shared.catalogue import CatalogueError
from chiso_shared.catalogue.loading import read_files
from chiso_shared.runtime import seeds as module
from chiso_shared.runtime.seeds import CatalogueGauges, SeedsFolder
from prometheus_client import CollectorRegistry

from tests.unit.catalogue_seeds import SEEDS

TARGET = "DVC.ONLINE_SUBMIT,51,2026,ge,60,,warning,in_period,7,,a test,example,\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SEEDS, tmp_path / "seeds"))


class Logged:
    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def error(self, event: str, **fields: Any) -> None:
        self.lines.append({"event": event, **fields})

    info = error


def added(seeds: SeedsFolder) -> list[Decimal]:
    """The values of the target that the tests write."""
    return [target.value for target in seeds.current.targets.all() if target.source == "a test"]


async def test_a_change_is_taken_in_at_the_second_look_that_finds_it_still(folder: Path) -> None:
    problems: list[int] = []
    seeds = SeedsFolder(folder, problems.append)
    before = seeds.current.version
    assert not await seeds.look()
    targets = folder / "targets.csv"
    targets.write_text(targets.read_text() + TARGET)
    assert not await seeds.look()
    assert seeds.current.version == before
    assert await seeds.look()
    assert seeds.current.version != before and added(seeds) == [60]
    assert seeds.current.files["targets.csv"] == targets.read_bytes()
    assert not await seeds.look()
    assert problems == [0]


async def test_a_file_that_is_still_growing_is_left_alone(folder: Path) -> None:
    """Its first half would be a right catalogue: rows at the end of a table may be missing."""
    seeds = SeedsFolder(folder)
    before = seeds.current.version
    whole = (folder / "targets.csv").read_text() + TARGET
    rows = whole.splitlines(keepends=True)
    for end in range(len(rows) - 3, len(rows) + 1):
        (folder / "targets.csv").write_text("".join(rows[:end]))
        assert not await seeds.look()
        assert seeds.current.version == before
    assert await seeds.look()
    assert added(seeds) == [60]


async def test_a_file_that_is_written_while_it_is_read_is_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = SeedsFolder(folder)
    targets = folder / "targets.csv"
    whole = targets.read_text()
    targets.write_text(whole + TARGET)
    assert not await seeds.look()
    read = read_files

    def interrupted(where: Path) -> dict[str, bytes]:
        found = read(where)
        targets.write_text(whole + TARGET.replace("60", "61"))
        return found

    monkeypatch.setattr(module, "read_files", interrupted)
    assert not await seeds.look()
    monkeypatch.setattr(module, "read_files", read)
    assert added(seeds) == []
    assert not await seeds.look()
    assert await seeds.look()
    assert added(seeds) == [61]


async def test_a_wrong_folder_replaces_nothing_and_is_told_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged, problems = Logged(), list[int]()
    monkeypatch.setattr(module, "log", logged)
    seeds = SeedsFolder(folder, problems.append)
    before = seeds.current.version
    targets = folder / "targets.csv"
    right = targets.read_text()
    targets.write_text(right + TARGET.replace("ge", "about") + TARGET.replace("51", "00"))
    (folder / "datasets.csv").rename(folder / "datasets")
    for _ in range(4):
        assert not await seeds.look()
    assert seeds.current.version == before
    assert problems == [1]
    [line] = logged.lines
    assert line["catalogue_version"] == before and "datasets.csv" in line["problems"][0]
    (folder / "datasets").rename(folder / "datasets.csv")
    for _ in range(4):
        assert not await seeds.look()
    assert problems == [1, 2], "both mistakes at once"
    targets.write_text(right)
    for _ in range(4):
        assert not await seeds.look(), "the same content is the same catalogue"
    assert problems == [1, 2, 0]


def test_a_start_with_a_wrong_folder_is_refused(folder: Path) -> None:
    (folder / "targets.csv").write_text("")
    with pytest.raises(CatalogueError):
        SeedsFolder(folder)


def test_the_metric_names_one_version_at_a_time() -> None:
    registry = CollectorRegistry()
    gauges = CatalogueGauges(registry, "ingest")
    for version in ("a", "b"):
        gauges.in_force(version)
    [info, problems] = sorted(registry.collect(), key=lambda family: family.name)
    assert [sample.labels["catalogue_version"] for sample in info.samples] == ["b"]
    assert [sample.value for sample in problems.samples] == [0]
