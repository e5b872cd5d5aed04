"""Whether the port of the web is free, asked before anything is said of it."""

import os
import socket

from signaltable.domain import SignaltableError


class PortTaken(SignaltableError):
    """Another program listens there."""


def check_port(port: int) -> None:
    """Raise `PortTaken` when another program listens on this port of 127.0.0.1; a socket that was handed over is ours."""
    if os.environ.get("LISTEN_FDS"):
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise PortTaken(f"port {port} is in use; choose another with --port") from None
