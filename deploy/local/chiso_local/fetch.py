"""Fetches the jars of Apache Kafka, pinned by sha256, into the cache; makes it start quickly; a program."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from chiso_local import quick_start
from chiso_local.failure import StartFailure
from chiso_local.java import find_java
from chiso_local.progress import DownloadProgress
from chiso_local.settings import load_settings

PARALLEL_DOWNLOADS = 6
ATTEMPTS = 3


@dataclass(frozen=True)
class Jar:
    """One pinned file of a Maven repository."""

    group: str
    artifact: str
    version: str
    size_bytes: int
    sha256: str

    def path_in(self, repository: Path) -> Path:
        """Where it lies in a local Maven repository."""
        folder = repository.joinpath(*self.group.split("."), self.artifact, self.version)
        return folder / f"{self.artifact}-{self.version}.jar"


def pinned_jars() -> tuple[Jar, ...]:
    """The lines of `kafka_jars.txt`."""
    lines = resources.files("chiso_local").joinpath("kafka_jars.txt").read_text("utf-8").splitlines()
    return tuple(_jar(line) for line in lines if line and not line.startswith("#"))


def _jar(line: str) -> Jar:
    name, size, sha256 = line.split()
    group, artifact, version = name.split(":")
    return Jar(group, artifact, version, int(size), sha256)


def repository_in(cache: Path) -> Path:
    """The local Maven repository inside the cache folder."""
    return cache / "maven"


def missing_jars(cache: Path) -> tuple[Jar, ...]:
    """Jars that are not in the cache with their full length (their hash was checked when they came)."""
    repository = repository_in(cache)

    def is_missing(jar: Jar) -> bool:
        path = jar.path_in(repository)
        return not path.is_file() or path.stat().st_size != jar.size_bytes

    return tuple(jar for jar in pinned_jars() if is_missing(jar))


def classpath(cache: Path) -> str:
    """The Java class path of the broker."""
    repository = repository_in(cache)
    return ":".join(str(jar.path_in(repository)) for jar in pinned_jars())


def fetch(cache: Path, maven_url: str) -> None:
    """Download and verify what is missing.

    Raises `StartFailure` when the network or the disk does not allow it. A whole cache need not be writable.
    """
    if not missing_jars(cache):
        return
    with _alone(cache):
        missing = missing_jars(cache)
        if missing:
            _download(missing, cache, maven_url)


def archive_in(cache: Path, java: Path) -> Path | None:
    """Where the archive for quick starts with the jars of the cache is, or would be."""
    return quick_start.archive_of(cache, java, classpath(cache))


def make_quick(cache: Path, java: Path) -> None:
    """Make the archive for quick starts if it is not there. A disk that does not allow it is no failure."""
    with contextlib.suppress(StartFailure), _alone(cache):
        archive = archive_in(cache, java)
        if archive is not None and not archive.is_file():
            quick_start.make(archive, java, classpath(cache))


def is_complete(cache: Path, java: Path) -> bool:
    """Whether there is nothing to fetch and nothing to make."""
    if missing_jars(cache):
        return False
    archive = archive_in(cache, java)
    return archive is None or archive.is_file()


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Two runs at once wait for each other."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise StartFailure(
            f"Apache Kafka cannot be kept in {cache} (CHISO_CACHE): {error.strerror or error}."
        ) from error


def _download(jars: Sequence[Jar], cache: Path, maven_url: str) -> None:
    progress = DownloadProgress("downloading Apache Kafka", sum(jar.size_bytes for jar in jars))
    staging = cache / "incoming"
    with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
        try:
            for _ in pool.map(lambda jar: _download_one(jar, cache, staging, maven_url, progress.add), jars):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    progress.finish()


def _download_one(
    jar: Jar, cache: Path, staging: Path, maven_url: str, report: Callable[[int], None]
) -> None:
    # jgo writes straight to the final name: it gets a staging repository, and only verified files leave it.
    from jgo.maven import MavenContext, PythonResolver

    @contextmanager
    def reporting(_filename: str, _size_bytes: int) -> Iterator[Callable[[int], None]]:
        yield report

    context = MavenContext(
        resolver=PythonResolver(progress_callback=reporting),
        repo_cache=staging,
        remote_repos={"maven": maven_url},
    )
    reason = ""
    for _ in range(ATTEMPTS):
        arrived = jar.path_in(staging)
        arrived.unlink(missing_ok=True)
        try:
            context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        except (OSError, RuntimeError) as error:  # of the network: no errno; of the disk: one
            if isinstance(error, OSError) and error.errno is not None:
                raise
            reason = type(error).__name__
            continue
        if hashlib.sha256(arrived.read_bytes()).hexdigest() == jar.sha256:
            final = jar.path_in(repository_in(cache))
            final.parent.mkdir(parents=True, exist_ok=True)
            arrived.replace(final)
            return
        reason = "its content is not what is pinned"
    raise StartFailure(
        f"Apache Kafka could not be downloaded from {maven_url} ({jar.artifact}: {reason}); "
        "check the network, or name a mirror in CHISO_MAVEN."
    )


def main() -> int:
    """`python -m chiso_local.fetch`: 0 when everything is in the cache, else 1 and one sentence on stdout."""
    try:
        settings = load_settings()
        fetch(settings.cache_folder, settings.maven.rstrip("/"))
        make_quick(settings.cache_folder, find_java(settings.java))
    except StartFailure as failure:
        print(failure)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
