"""What operators see of alerts (docs/contract.md §6). Numbers only; they decide nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from time import monotonic
from typing import Final

from chiso_shared.contracts.rollup import Rollup
from chiso_shared.runtime.seeds import CatalogueGauges
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from chiso_alerts.core.evaluate import Evaluated

_LAG_IS_OLD_SECONDS: Final = 60.0

Counts = tuple[tuple[str, str, str, str, int], ...]


class AlertCounts(Collector):
    """`chiso_alerts`: a snapshot of the table, replaced as a whole, so a scrape never sees half of it."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str, str], int] = {}

    def replace(self, counts: Counts) -> None:
        """The counts as they are now. Combinations seen before and gone now stay, with 0."""
        gone = dict.fromkeys(self._counts, 0)
        self._counts = gone | {
            (rule, severity, where, state): n for rule, severity, where, state, n in counts
        }

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family for the scrape."""
        family = GaugeMetricFamily(
            "chiso_alerts",
            "Alerts by rule, severity, province and state.",
            labels=("rule", "severity", "province", "state"),
        )
        for labels, count in sorted(self._counts.items()):
            family.add_metric(labels, count)
        yield family


class AlertMetrics:
    """The metrics of one process. Counters start at zero with it, gauges come from the table."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.alerts = AlertCounts()
        registry.register(self.alerts)
        self._transitions = Counter(
            "chiso_alert_transitions_total",
            "Events of alerts by rule, transition and reason.",
            ("rule", "transition", "reason"),
            registry=registry,
        )
        self._lag = Gauge(
            "chiso_alert_eval_lag_seconds",
            "From a rollup's stamp to its evaluation; the longest of the last batch, 0 when a minute old.",
            registry=registry,
        )
        self._last_lag = (0.0, 0.0)
        self._lag.set_function(self._recent_lag)
        self._quarantined = Counter(
            "chiso_quarantined_total", "Records that could not be applied.", ("reason",), registry=registry
        )

        self._rules_error = Gauge(
            "chiso_rules_error",
            "Problems of the seeds on disk; while it is not 0, the rules read before stay in force.",
            registry=registry,
        )
        self.catalogue = CatalogueGauges(registry, "alerts")

    def rules_wrong(self, problems: int) -> None:
        """How many problems the seeds on disk have."""
        self._rules_error.set(problems)
        self.catalogue.problems(problems)

    def evaluated(self, results: Iterable[Evaluated]) -> None:
        """Counts the events of a committed tick."""
        for result in results:
            for fact in result.facts:
                event = fact.event
                self._transitions.labels(result.key.rule, event.transition, event.reason).inc()

    def lag(self, rollups: Iterable[Rollup], now: datetime) -> None:
        """How late the rollups of a batch were evaluated. Negative clock differences count as none."""
        seconds = [(now - rollup.updated_at).total_seconds() for rollup in rollups]
        if seconds:
            self._last_lag = (max(0.0, *seconds), monotonic())

    def _recent_lag(self) -> float:
        seconds, measured_at = self._last_lag
        return seconds if monotonic() - measured_at < _LAG_IS_OLD_SECONDS else 0.0

    def quarantined(self, reason: str) -> None:
        """Counts one record."""
        self._quarantined.labels(reason).inc()
