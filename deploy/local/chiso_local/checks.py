"""Everything that can be known to go wrong before anything is started. Must not change anything."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from chiso_local.failure import StartFailure
from chiso_local.ports import is_busy
from chiso_local.settings import SERVICES, LocalSettings

PORT_PATIENCE_SECONDS = 5.0
POLL_SECONDS = 0.1


def check_ports(settings: LocalSettings, with_services: bool, left_unclean: bool) -> None:
    """Every port we are going to listen on is free, and no two are the same.

    A run that was killed needs a moment to be gone: after one a busy port gets `PORT_PATIENCE_SECONDS`.
    """
    wanted = wanted_ports(settings, with_services)
    for name, port in wanted.items():
        twin = next((other for other, value in wanted.items() if value == port and other != name), None)
        if twin is not None:
            raise StartFailure(f"{name} and {twin} are both {port}; choose two different ports.")
    deadline = time.monotonic() + (PORT_PATIENCE_SECONDS if left_unclean else 0)
    for name, port in wanted.items():
        is_service = name.removeprefix("CHISO_").removesuffix("_PORT").lower() in SERVICES
        host = settings.http_host if is_service else "127.0.0.1"
        while is_busy(port, host):
            if time.monotonic() > deadline:
                raise StartFailure(f"port {port} is already in use; free it or set {name} to another one.")
            time.sleep(POLL_SECONDS)


def wanted_ports(settings: LocalSettings, with_services: bool) -> Mapping[str, int]:
    """The ports of this run by the variable that moves them."""
    ports: dict[str, int] = {}
    if settings.postgres is None:
        ports["CHISO_POSTGRES_PORT"] = settings.postgres_port
    if settings.kafka is None:
        ports["CHISO_KAFKA_PORT"] = settings.kafka_port
        if settings.kafka_controller_port is not None:
            ports["CHISO_KAFKA_CONTROLLER_PORT"] = settings.kafka_controller_port
    if with_services:
        ports.update({f"CHISO_{service.upper()}_PORT": settings.port_of(service) for service in SERVICES})
    return ports


def check_disk(folder: Path, needed_mib: int) -> None:
    """There is room for logs, data and downloads."""
    free_mib = shutil.disk_usage(folder).free // (1024 * 1024)
    if free_mib < needed_mib:
        raise StartFailure(
            f"the disk of {folder} is nearly full: {free_mib} MiB free, {needed_mib} MiB needed; "
            "make room or choose another CHISO_HOME."
        )
