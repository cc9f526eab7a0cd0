"""Settings of the embedded run, from the environment only (docs/contract.md §1). Must not read files."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from chiso_local.failure import StartFailure

SERVICES = ("ingest", "indicators", "alerts")
MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"


class LocalSettings(BaseSettings):
    """Every value can be moved by `CHISO_<NAME>`; an empty value counts as not set."""

    model_config = SettingsConfigDict(env_prefix="CHISO_", env_ignore_empty=True, extra="ignore")

    home: Path = Path(".chiso")
    seeds: Path = Path("seeds")
    cache: Path | None = None
    kafka: str | None = None
    kafka_port: int = Field(default=19092, ge=1, le=65535)
    kafka_controller_port: int | None = Field(default=None, ge=1, le=65535)
    postgres: str | None = None
    postgres_port: int = Field(default=15432, ge=1, le=65535)
    postgres_account: str | None = None
    http_host: str = "127.0.0.1"
    ingest_port: int = Field(default=8101, ge=1, le=65535)
    indicators_port: int = Field(default=8102, ge=1, le=65535)
    alerts_port: int = Field(default=8103, ge=1, le=65535)
    java: Path | None = None
    maven: str = MAVEN_CENTRAL
    clock_offset: float = 0.0
    log_limit_bytes: int = Field(default=10 * 1024 * 1024, ge=4096)
    free_space_mib: int = Field(default=512, ge=0)
    start_timeout_seconds: float = Field(default=90, gt=0)

    @property
    def bootstrap_servers(self) -> str:
        """Where clients find Kafka, embedded or outside."""
        return self.kafka or f"127.0.0.1:{self.kafka_port}"

    @property
    def dsn(self) -> str:
        """Where clients find PostgreSQL, embedded or outside."""
        return self.postgres or f"postgresql://chiso@127.0.0.1:{self.postgres_port}/chiso"

    @property
    def shown_dsn(self) -> str:
        """The DSN without a password, fit to be printed."""
        parts = urlsplit(self.dsn)
        if parts.password is None:
            return self.dsn
        return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@", 1)))

    @property
    def cache_folder(self) -> Path:
        """Where downloads are kept: one for all runs of a user, in the state folder where that cannot be."""
        if self.cache is not None:
            return self.cache.expanduser().absolute()
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
        existing = next(folder for folder in (base, *base.absolute().parents) if folder.exists())
        usable = existing.is_dir() and os.access(existing, os.W_OK)
        return (base if usable else self.home).absolute() / ("chiso" if usable else "cache")

    def port_of(self, service: str) -> int:
        """HTTP port of one of `SERVICES`."""
        return {"ingest": self.ingest_port, "indicators": self.indicators_port, "alerts": self.alerts_port}[
            service
        ]

    def url_of(self, service: str) -> str:
        """Base URL of one of `SERVICES` as a client on this machine calls it."""
        host = "127.0.0.1" if self.http_host in {"0.0.0.0", "::"} else self.http_host  # noqa: S104
        return f"http://{host}:{self.port_of(service)}"

    def service_environment(self) -> dict[str, str]:
        """What the services get: the caller's environment with every address made explicit."""
        return {
            **({} if self.kafka else {"CHISO_INSTANCE": "embedded"}),  # nobody else joins our broker
            **os.environ,
            "CHISO_HOME": str(self.home.absolute()),
            "CHISO_SEEDS": str(self.seeds.absolute()),
            "CHISO_KAFKA": self.bootstrap_servers,
            "CHISO_POSTGRES": self.dsn,
            "CHISO_HTTP_HOST": self.http_host,
            **{f"CHISO_{service.upper()}_PORT": str(self.port_of(service)) for service in SERVICES},
        }


def load_settings() -> LocalSettings:
    """Read the environment; a value that cannot be used is a `StartFailure` that names its variable."""
    try:
        return LocalSettings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "CHISO_" + str(first["loc"][0]).upper()
        raise StartFailure(f"{name}={first['input']!s} cannot be used: {first['msg'].lower()}.") from None
