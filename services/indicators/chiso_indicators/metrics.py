"""What operators see of indicators (contract §6). Values are told, never queried on a scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from chiso_shared.runtime.seeds import CatalogueGauges
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SERIES: Final = ("province", "indicator", "calendar", "basis")
_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_OUTCOMES: Final = ("applied", "unchanged", "superseded", "shadow", "held", "rejected", "quarantined")

Series = tuple[str, str, str, str]


class Metrics:
    """The instruments of one process, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry, catalogue_version: str) -> None:
        self.catalogue = CatalogueGauges(registry, "indicators")
        self.catalogue.in_force(catalogue_version)
        self._gauges: dict[str, Gauge] = {
            "value": Gauge(
                "chiso_indicator_value",
                "Value of the newest ended period with a report; absent for inexact values.",
                _SERIES,
                registry=registry,
            ),
            "target": Gauge("chiso_indicator_target", "Target of that period.", _SERIES, registry=registry),
            "completeness": Gauge(
                "chiso_indicator_completeness_ratio",
                "Reported of expected in that period.",
                _SERIES,
                registry=registry,
            ),
            "period_end": Gauge(
                "chiso_indicator_period_end_timestamp_seconds",
                "End of that period.",
                _SERIES,
                registry=registry,
            ),
        }
        self._shown: dict[Series, frozenset[str]] = {}
        self.observations = Counter(
            "chiso_observations", "Observations applied, by outcome.", ["outcome"], registry=registry
        )
        for outcome in _OUTCOMES:
            self.observations.labels(outcome=outcome)
        self.quarantined = Counter(
            "chiso_quarantined", "Records kept in quarantine, by reason.", ["reason"], registry=registry
        )
        self.oldest_unapplied = Gauge(
            "chiso_oldest_unapplied_seconds",
            "Age of the oldest accepted submission that is known and not applied; 0 when there is none.",
            registry=registry,
        )
        self.apply_seconds = Histogram(
            "chiso_apply_seconds",
            "From accepted to applied.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.drift_rows = Gauge(
            "chiso_rollup_drift_rows", "Rows that the last audit found to differ.", registry=registry
        )
        self.tick_seconds = Histogram(
            "chiso_tick_seconds", "Duration of a tick that wrote.", buckets=_SECONDS, registry=registry
        )

    def watch_oldest(self, age_seconds: Callable[[], float]) -> None:
        """Lets the age grow between events: the function is asked on a scrape and must not block."""
        self.oldest_unapplied.set_function(age_seconds)

    def show(self, series: Series, numbers: Mapping[str, float | None]) -> None:
        """Shows a series' numbers (`value`, `target`, `completeness`, `period_end`); None is absent."""
        present = frozenset(name for name, number in numbers.items() if number is not None)
        for name in self._shown.get(series, frozenset()) - present:
            self._gauges[name].remove(*series)
        for name in present:
            self._gauges[name].labels(*series).set(numbers[name] or 0.0)
        self._shown[series] = present

    def applied(self, accepted_at: Iterable[datetime], now: datetime) -> None:
        """Notes how long submissions took from the door to the store."""
        for instant in accepted_at:
            self.apply_seconds.observe(max(0.0, (now - instant).total_seconds()))
