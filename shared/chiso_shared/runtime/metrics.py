"""The registry of a service and the metrics that the runtime itself feeds (docs/contract.md §6)."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge, GCCollector, PlatformCollector, ProcessCollector


def new_registry(service: str, version: str) -> CollectorRegistry:
    """A registry of one service with `chiso_build_info` and the process metrics; never the global one."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    build = Gauge(
        "chiso_build_info", "Which build runs; always 1.", ["service", "version"], registry=registry
    )
    build.labels(service=service, version=version).set(1)
    return registry


def consumer_lag_gauge(registry: CollectorRegistry) -> Gauge:
    """`chiso_consumer_lag_records`; consumers of one registry share it."""
    return _shared_gauge(
        registry,
        "chiso_consumer_lag_records",
        "Records of the partition that are in the log and not applied yet.",
        ["service", "partition"],
    )


def outbox_oldest_gauge(registry: CollectorRegistry) -> Gauge:
    """`chiso_outbox_oldest_seconds`; relays of one registry share it."""
    return _shared_gauge(
        registry,
        "chiso_outbox_oldest_seconds",
        "Age of the oldest stored change that is not published yet; 0 when all are.",
        ["service"],
    )


def _shared_gauge(registry: CollectorRegistry, name: str, text: str, labels: Sequence[str]) -> Gauge:
    present = registry._names_to_collectors.get(name)
    return present if isinstance(present, Gauge) else Gauge(name, text, labels, registry=registry)
