"""Real parts for tests (tests/harness/README.md). Must not import a service."""

from chiso_local.ports import free_ports

from tests.harness.polling import eventually
from tests.harness.reading import Collected, collect, end_offsets
from tests.harness.servers import Servers, free_port
from tests.harness.system import System, SystemFailed

__all__ = [
    "Collected",
    "Servers",
    "System",
    "SystemFailed",
    "collect",
    "end_offsets",
    "eventually",
    "free_port",
    "free_ports",
]
