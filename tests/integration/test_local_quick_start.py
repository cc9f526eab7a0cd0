"""Kafka's quick starts: an archive is made once, used, made anew for other jars, and never needed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from chiso_local import quick_start
from chiso_local.fetch import archive_in, classpath, fetch, is_complete, main, make_quick, repository_in
from chiso_local.java import find_java
from chiso_local.kafka import JVM_OPTIONS
from chiso_local.settings import load_settings


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache of its own with the jars of everybody's."""
    everybodys = load_settings().cache_folder
    fetch(everybodys, load_settings().maven)
    repository_in(tmp_path).symlink_to(repository_in(everybodys), target_is_directory=True)
    return tmp_path


def classes_from_archive(cache: Path, archive: Path) -> int:
    """How many classes a JVM takes from an archive to print a new id, which it must do anyway."""
    log = cache / "classes.log"
    command = (str(find_java()), *JVM_OPTIONS, *quick_start.options(archive))
    tool = ("-cp", classpath(cache), "kafka.tools.StorageTool", "random-uuid")
    done = subprocess.run((*command, f"-Xlog:class+load:file={log}", *tool), capture_output=True, text=True)
    assert (done.returncode, len(done.stdout.strip()), done.stderr) == (0, 22, "")
    return log.read_text().count("shared objects file")


def test_an_archive_is_made_once_and_used_and_a_spoiled_one_does_no_harm(cache: Path) -> None:
    java = find_java()
    archive = archive_in(cache, java)
    if archive is None:
        pytest.skip("this Java makes no archives")
    left = archive.parent / "making-interrupted"
    left.mkdir(parents=True)
    assert not is_complete(cache, java)
    make_quick(cache, java)
    assert is_complete(cache, java)
    assert list(archive.parent.iterdir()) == [archive]
    assert classes_from_archive(cache, archive) > 1_000
    made_at = archive.stat().st_mtime_ns
    make_quick(cache, java)
    assert archive.stat().st_mtime_ns == made_at

    for spoiled in (b"", archive.read_bytes()[:1_000_000]):
        archive.write_bytes(spoiled)
        assert classes_from_archive(cache, archive) == 0


def test_what_cannot_be_made_is_not_tried_again_and_stops_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = find_java()
    if (archive := archive_in(cache, java)) is None:
        pytest.skip("this Java makes no archives")
    monkeypatch.setattr(quick_start, "_PATIENCE_SECONDS", 0.0)
    make_quick(cache, java)
    assert is_complete(cache, java) and archive.stat().st_size == 0


def test_a_whole_cache_that_cannot_be_written_is_enough(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "lock").mkdir()  # as little can be opened for writing as on a disk that is read only
    monkeypatch.setenv("CHISO_CACHE", str(cache))
    assert main() == 0
    assert not (cache / "quick-start").exists()


def test_other_jars_have_an_archive_of_their_own(tmp_path: Path) -> None:
    jar = tmp_path / "kafka.jar"
    jar.write_bytes(b"1")
    first = quick_start.archive_of(tmp_path, find_java(), str(jar))
    os.utime(jar, ns=(1, 1))
    assert first is None or quick_start.archive_of(tmp_path, find_java(), str(jar)) != first
