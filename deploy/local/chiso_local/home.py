"""The state folder and its lock: one run at a time on one state. Must not start anything."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from chiso_local.failure import StartFailure


@dataclass(frozen=True)
class Home:
    """Where one run keeps everything (CHISO_HOME); `left_unclean`: the run before did not end by itself."""

    folder: Path
    left_unclean: bool = False

    @property
    def logs(self) -> Path:
        """`<name>.log` of every child."""
        return self.folder / "logs"

    @property
    def run(self) -> Path:
        """`<name>.pid` and `<name>.hold` of every child."""
        return self.folder / "run"

    @property
    def demo_key(self) -> Path:
        """One line: a key of agency DEMO."""
        return self.folder / "demo.key"

    @property
    def keys(self) -> Path:
        """The ingest door's registry of keys (hashes only)."""
        return self.folder / "keys.json"

    @property
    def published(self) -> Path:
        """Which published documents have been submitted."""
        return self.folder / "published.json"

    def log_of(self, name: str) -> Path:
        """The log of a child."""
        return self.logs / f"{name}.log"


@contextmanager
def locked(folder: Path) -> Iterator[Home]:
    """Create the state folder if needed and hold it for this run; the lock ends with the process."""
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+")
    except OSError as error:
        raise StartFailure(
            f"the state folder {folder} (CHISO_HOME) cannot be used: {error.strerror}."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartFailure(
                f"chiso is already running on {folder} (pid {_holder(lock) or 'unknown'}); "
                "stop it first, or choose another CHISO_HOME and other ports."
            ) from None
        home = Home(folder, left_unclean=bool(_holder(lock)))
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        shutil.rmtree(home.run, ignore_errors=True)
        try:
            yield home
        finally:
            with contextlib.suppress(OSError):
                lock.truncate(0)


def _holder(lock: TextIO) -> str:
    lock.seek(0)
    return lock.read().strip()
