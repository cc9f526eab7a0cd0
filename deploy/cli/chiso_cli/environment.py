"""Where the services are and which key to use, from options and environment. Reads the key file only."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from chiso_cli.exits import USAGE, CommandFailed

Service = Literal["ingest", "indicators", "alerts"]

_DEFAULT_PORTS: Final[Mapping[Service, int]] = {"ingest": 8101, "indicators": 8102, "alerts": 8103}


def service_url(service: Service, given: str | None, environ: Mapping[str, str]) -> str:
    """Base URL without a slash at its end: the option, else `CHISO_<SERVICE>_URL`, else host and port."""
    url = given or environ.get(f"CHISO_{service.upper()}_URL")
    if url is None:
        host = environ.get("CHISO_HTTP_HOST") or "127.0.0.1"
        port = environ.get(f"CHISO_{service.upper()}_PORT") or _DEFAULT_PORTS[service]
        url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 (compared, not bound)
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise CommandFailed(f"{url!r} is no address of a service: it looks like http://127.0.0.1:8101", USAGE)
    return url.rstrip("/")


def bootstrap_servers(given: str | None, environ: Mapping[str, str]) -> str:
    """Kafka's bootstrap servers, `HOST:PORT` joined by commas."""
    return given or environ.get("CHISO_KAFKA") or f"127.0.0.1:{environ.get('CHISO_KAFKA_PORT') or 19092}"


def home(environ: Mapping[str, str]) -> Path:
    """The folder of the installation's state."""
    return Path(environ.get("CHISO_HOME") or ".chiso")


def seeds(given: Path | None, environ: Mapping[str, str]) -> Path:
    """The folder of the catalogue."""
    return given or Path(environ.get("CHISO_SEEDS") or "seeds")


def is_local(url: str) -> bool:
    """Whether the address is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def read_key(key_file: Path | None, environ: Mapping[str, str]) -> str:
    """The agency's key: `--key-file`, else `CHISO_KEY`, else the demo key of the local run.

    What was named beats what lies about: a demo key in the folder never replaces a key that was given.
    """
    if key_file is None and environ.get("CHISO_KEY"):
        return environ["CHISO_KEY"].strip()
    path = key_file or home(environ) / "demo.key"
    try:
        key = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise CommandFailed(
            f"No key: {path} does not exist. Name a file with --key-file, or set CHISO_KEY; "
            "`make run` writes a demo key, `chiso keys add` makes others.",
            USAGE,
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"The key file {path} cannot be read: {reason(error)}.", USAGE) from error
    if not key or "\n" in key:
        raise CommandFailed(f"The key file {path} must hold one line, the key.", USAGE)
    return key


def reason(error: Exception) -> str:
    """Why it failed, in the words of the operating system, without its error number."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
