"""Free and busy TCP ports of this machine. Must not keep one open."""

from __future__ import annotations

import socket


def is_busy(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens there (a port in TIME_WAIT is free)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def free_ports(count: int) -> tuple[int, ...]:
    """That many different ports of 127.0.0.1 on which nobody listens now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return tuple(probe.getsockname()[1] for probe in probes)
    finally:
        for probe in probes:
            probe.close()
