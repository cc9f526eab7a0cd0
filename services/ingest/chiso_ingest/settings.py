"""Settings of the door, from the environment: `CHISO_INGEST_…` beside those that every service shares."""

from __future__ import annotations

from pathlib import Path

from chiso_shared.runtime.settings import ServiceSettings
from pydantic import Field

from chiso_ingest.core.limits import Limits
from chiso_ingest.keys import FILE_NAME

_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, never bound to


class IngestSettings(ServiceSettings):
    """Limits of contract §2 and the door's own bounds. Times in seconds unless the name says otherwise.

    `ingest_acknowledge_ms` must stay well below the 10 s that the close waits after its instant (delivery).
    """

    ingest_body_bytes: int = Field(1024 * 1024, ge=1024, le=3 * 1024 * 1024)
    ingest_observations: int = Field(5_000, ge=1, le=20_000)
    ingest_nesting: int = Field(8, ge=3, le=100)
    ingest_body_seconds: float = Field(30.0, gt=0)
    ingest_acknowledge_ms: int = Field(5_000, ge=100, le=8_000)
    ingest_held_bytes: int = Field(64 * 1024 * 1024, ge=1024 * 1024)
    ingest_requests_per_second: float = Field(5_000.0, gt=0)
    ingest_recent_submissions: int = Field(100_000, ge=1)
    ingest_status_url: str | None = None

    @property
    def limits(self) -> Limits:
        """What the core is told."""
        return Limits(
            body_bytes=self.ingest_body_bytes,
            observations=self.ingest_observations,
            nesting=self.ingest_nesting,
        )

    @property
    def key_registry(self) -> Path:
        """The file of the keys."""
        return self.home / FILE_NAME

    @property
    def status_base_url(self) -> str:
        """Where the status of a submission is asked for: the indicators service as this host sees it."""
        if self.ingest_status_url is not None:
            return self.ingest_status_url.rstrip("/")
        host = "127.0.0.1" if self.http_host in _EVERYWHERE else self.http_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.indicators_port}"
