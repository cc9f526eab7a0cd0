"""The registry of a service and the metrics that the runtime itself feeds (docs/contract.md §6)."""

from __future__ import annotations

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
    """`chiso_consumer_lag_records`; one per registry."""
    return Gauge(
        "chiso_consumer_lag_records",
        "Records of the partition that are in the log and not applied yet.",
        ["service", "partition"],
        registry=registry,
    )


def outbox_oldest_gauge(registry: CollectorRegistry) -> Gauge:
    """`chiso_outbox_oldest_seconds`; one per registry."""
    return Gauge(
        "chiso_outbox_oldest_seconds",
        "Age of the oldest stored change that is not published yet; 0 when all are.",
        ["service"],
        registry=registry,
    )
