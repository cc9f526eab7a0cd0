"""What the door measures (contract §6). No label ever names a unit, a submission or a key."""

from __future__ import annotations

from chiso_shared.runtime.seeds import CatalogueGauges
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
RESULTS = (
    "accepted",
    "valid",
    "unreadable",
    "refused",
    "forbidden",
    "unauthenticated",
    "conflict",
    "too_large",
    "too_slow",
    "disconnected",
    "unsupported",
    "throttled",
    "unavailable",
    "defect",
)


class IngestMetrics:
    """The metrics of one door, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.submissions = Counter(
            "chiso_submissions_total", "Submissions by what became of them.", ["result"], registry=registry
        )
        self.observations = Counter(
            "chiso_observations_total", "Observations at the door.", ["outcome"], registry=registry
        )
        self.request_seconds = Histogram(
            "chiso_ingest_request_seconds",
            "From the first byte to the answer of POST /v1/submissions.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self.keys = Gauge("chiso_ingest_keys", "Keys in the registry in force.", registry=registry)
        self.key_registry_broken = Gauge(
            "chiso_ingest_key_registry_broken",
            "1 while the registry file cannot be read and older keys stay in force.",
            registry=registry,
        )
        self.body_bytes = Gauge(
            "chiso_ingest_body_bytes", "Bytes of bodies held in memory.", registry=registry
        )
        self.catalogue = CatalogueGauges(registry, "ingest")
        for result in RESULTS:
            self.submissions.labels(result=result)
        for outcome in ("accepted", "refused"):
            self.observations.labels(outcome=outcome)
