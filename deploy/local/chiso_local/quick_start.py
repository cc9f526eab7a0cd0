"""Kafka's classes, loaded and linked once and kept for the JVM: a start takes a third of the time.

Only ever a help: a JVM whose archive is missing, old or spoiled starts without it.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from chiso_local.child import end, spawn
from chiso_local.failure import StartFailure
from chiso_local.java import major_version
from chiso_local.kafka import JVM_OPTIONS, KafkaServer, problem
from chiso_local.ports import free_ports
from chiso_local.progress import say
from chiso_local.waiting import wait_until_up

_OLDEST_JAVA: Final = 25  # it makes an archive in one go (JEP 514)
_KEPT: Final = 2
_MAKING: Final = "making-"
_PATIENCE_SECONDS: Final = 60.0


def archive_of(cache: Path, java: Path, classpath: str) -> Path | None:
    """Where the archive of exactly this Java and these jars is, or would be; None: this Java makes none.

    Raises OSError when a jar is not there.
    """
    if (major_version(java) or 0) < _OLDEST_JAVA:
        return None
    files = (java, *map(Path, classpath.split(":")))
    looks = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    digest = hashlib.sha256(repr((looks, JVM_OPTIONS)).encode()).hexdigest()
    return cache / "quick-start" / f"{digest[:16]}.aot"


def options(archive: Path | None) -> tuple[str, ...]:
    """The JVM's options for an archive. It is silent where it cannot use one."""
    return () if archive is None else (f"-XX:AOTCache={archive}", "-Xlog:aot*=off")


def make(archive: Path, java: Path, classpath: str) -> None:
    """Makes the archive from the start of a broker in a temporary folder, ten seconds' work.

    What cannot be made is left empty, so that it is not tried again.
    """
    say("preparing Apache Kafka for quick starts, once")
    archive.parent.mkdir(parents=True, exist_ok=True)
    for left in archive.parent.glob(f"{_MAKING}*"):
        shutil.rmtree(left, ignore_errors=True)
    older = sorted(archive.parent.glob("*.aot"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in older[_KEPT - 1 :]:
        path.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=_MAKING) as folder:
        made = Path(folder) / archive.name
        try:
            asyncio.run(_record(made, Path(folder), java, classpath))
        except StartFailure as failure:
            say(f"quick starts are not possible: {failure}")
        if made.is_file():
            made.replace(archive)
        else:
            archive.touch()


async def _record(made: Path, folder: Path, java: Path, classpath: str) -> None:
    port, controller_port = free_ports(2)

    def server(*options: str) -> KafkaServer:
        log = folder / "kafka.log"
        return KafkaServer(folder / "kafka", port, controller_port, java, classpath, log, options)

    await server().prepare()
    recording = server(f"-XX:AOTCacheOutput={made}")
    spec = replace(recording.spec(), stop_timeout_seconds=_PATIENCE_SECONDS)
    process = await spawn(spec)
    try:
        await wait_until_up("Kafka", partial(problem, recording.bootstrap_servers), _PATIENCE_SECONDS)
    finally:
        await end(process, spec, asyncio.Event())
