"""`python -m chiso_indicators`: reads the environment, then runs the service until it is told to stop."""

from __future__ import annotations

import sys

from chiso_shared.catalogue import CatalogueError
from chiso_shared.runtime.lifecycle import run_service
from chiso_shared.runtime.logs import configure_logging

from chiso_indicators.app import build_service
from chiso_indicators.settings import IndicatorsSettings


def main() -> int:
    """The exit code; 2 for a catalogue that must not be used."""
    settings = IndicatorsSettings()
    configure_logging("indicators", settings.log_level)
    try:
        return run_service(lambda: build_service(settings))
    except CatalogueError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
