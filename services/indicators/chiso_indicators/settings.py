"""Settings of the service, from the environment only."""

from __future__ import annotations

from chiso_shared.runtime.settings import ServiceSettings
from pydantic import Field


class IndicatorsSettings(ServiceSettings):
    """The shared settings and those of Apply and Roll; times in seconds unless the name says otherwise."""

    apply_max_records: int = Field(1_000, ge=1, le=20_000)
    apply_gather_ms: int = Field(60, ge=0, le=1_000)
    tick_poll_ms: int = Field(100, ge=10, le=10_000)
    close_grace_seconds: float = Field(10.0, ge=0)
    relay_batch: int = Field(1_000, ge=1, le=10_000)
    catalogue_patience_seconds: float = Field(10.0, ge=0, le=25)
    audit_every_seconds: float = Field(5.0, gt=0, le=3_600)
    audit_keys: int = Field(100, ge=1, le=2_000)
    rebuild_max_records: int = Field(1_000, ge=1, le=20_000)
