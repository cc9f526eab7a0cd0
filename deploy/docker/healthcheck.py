"""The container's health: asks the service in it for /livez. Exit 0 or 1; standard library only."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

PORTS = {"ingest": "8101", "indicators": "8102", "alerts": "8103"}
TIMEOUT_SECONDS = 3


def main() -> int:
    """0 if the service named by `CHISO_SERVICE` answers 200 on the port that it was given."""
    service = os.environ.get("CHISO_SERVICE", "")
    if service not in PORTS:
        sys.stderr.write(f"CHISO_SERVICE={service!r} is none of {', '.join(PORTS)}\n")
        return 1
    port = os.environ.get(f"CHISO_{service.upper()}_PORT", PORTS[service])
    url = f"http://127.0.0.1:{port}/livez"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, OSError) as error:
        sys.stderr.write(f"{url}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
