"""Settings of alerts, read from the environment beside those that every service shares."""

from __future__ import annotations

from chiso_shared.runtime.settings import ServiceSettings
from pydantic import Field


class AlertsSettings(ServiceSettings):
    """Batch sizes in records, times in milliseconds unless the name says otherwise."""

    alerts_batch_records: int = Field(500, ge=1, le=10_000)
    alerts_ticker_ms: int = Field(250, ge=10, le=60_000)
    alerts_relay_ms: int = Field(100, ge=10, le=60_000)
    alerts_retention_days: float = Field(400, gt=0, le=36_500)  # then a resolved state leaves its topic
