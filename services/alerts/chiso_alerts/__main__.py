"""`python -m chiso_alerts`: alerts as a process. Reads the environment, runs until told to stop."""

from __future__ import annotations

import sys

from chiso_shared.catalogue.problems import CatalogueError
from chiso_shared.runtime.lifecycle import run_service
from chiso_shared.runtime.logs import configure_logging

from chiso_alerts.app import SERVICE, build
from chiso_alerts.settings import AlertsSettings


def main() -> int:
    """Exit code: 0 stopped in order, 1 a part failed, 2 the catalogue is wrong."""
    settings = AlertsSettings()
    configure_logging(SERVICE, settings.log_level)
    try:
        return run_service(lambda: build(settings))
    except CatalogueError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
