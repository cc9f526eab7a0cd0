"""Settings that every service shares, read from the environment only. No defaults may hide elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class ServiceSettings(BaseSettings):
    """The environment of a service (docs/contract.md §1). Services subclass it and add their own fields.

    Every field is read from `CHISO_<FIELD>`; times are in seconds unless the name says otherwise.
    """

    model_config = SettingsConfigDict(env_prefix="CHISO_", extra="ignore", frozen=True)

    kafka: str | None = None
    kafka_port: int = Field(19092, ge=1, le=65535)
    postgres: str | None = None
    postgres_port: int = Field(15432, ge=1, le=65535)
    ingest_port: int = Field(8101, ge=0, le=65535)
    indicators_port: int = Field(8102, ge=0, le=65535)
    alerts_port: int = Field(8103, ge=0, le=65535)
    http_host: str = "127.0.0.1"
    home: Path = Path(".chiso")
    seeds: Path = Path("seeds")
    clock_offset: float = 0.0
    log_level: LogLevel = "INFO"
    instance: str | None = None  # a lasting name of this process, so that after a crash it returns at once

    @property
    def bootstrap_servers(self) -> str:
        """Kafka bootstrap servers: `CHISO_KAFKA`, else the embedded broker's port on this host."""
        return self.kafka or f"127.0.0.1:{self.kafka_port}"

    @property
    def dsn(self) -> str:
        """PostgreSQL DSN: `CHISO_POSTGRES`, else the embedded server's port on this host."""
        return self.postgres or f"postgresql://chiso@127.0.0.1:{self.postgres_port}/chiso"
