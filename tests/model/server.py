"""A real PostgreSQL for the time of a run; or the one that CHISO_TEST_POSTGRES names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.harness.servers import running_servers


@contextmanager
def running_postgres() -> Iterator[str]:
    """The DSN of a database from which others can be created."""
    given = os.environ.get("CHISO_TEST_POSTGRES")
    if given:
        yield given
        return
    with running_servers() as servers:
        yield servers.postgres
