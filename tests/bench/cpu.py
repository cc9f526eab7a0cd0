"""CPU seconds and memory of the processes of a running system, children included."""

from __future__ import annotations

import psutil

from tests.harness import System

PROCESSES = ("ingest", "indicators", "alerts", "kafka", "postgres")


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    own = times.user + times.system
    return float(own + getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0))


def cpu_seconds(system: System) -> dict[str, float]:
    """CPU seconds so far, per process of the system."""
    totals = {}
    for name in PROCESSES:
        pid = system.pid(name)
        if pid is None:
            continue
        root = psutil.Process(pid)
        total = _seconds(root)
        for child in root.children(recursive=True):
            try:
                total += _seconds(child)
            except psutil.NoSuchProcess:
                continue
        totals[name] = total
    return totals


def difference(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    """CPU seconds spent between two readings."""
    return {name: after[name] - before[name] for name in after}


def resident_mebibytes(system: System) -> dict[str, float]:
    """Proportional memory (PSS) per process of the system, in MiB."""
    sizes = {}
    for name in PROCESSES:
        pid = system.pid(name)
        if pid is None:
            continue
        root = psutil.Process(pid)
        sizes[name] = sum(p.memory_full_info().pss for p in [root, *root.children(recursive=True)]) / 2**20
    return sizes
