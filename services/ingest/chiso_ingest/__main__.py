"""`python -m chiso_ingest`: the door as a process. Reads the environment, runs until told to stop."""

from __future__ import annotations

import sys

from chiso_shared.catalogue.problems import CatalogueError
from chiso_shared.runtime.lifecycle import run_service
from chiso_shared.runtime.logs import configure_logging

from chiso_ingest.app import SERVICE, build
from chiso_ingest.settings import IngestSettings


def main() -> int:
    """Exit code: 0 stopped in order, 1 a part failed, 2 the catalogue is wrong."""
    settings = IngestSettings()
    configure_logging(SERVICE, settings.log_level)
    try:
        return run_service(lambda: build(settings))
    except CatalogueError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
