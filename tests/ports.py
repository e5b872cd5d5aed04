"""Ports for servers that a test starts and that open theirs themselves, some seconds later."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path

# Below what a system gives to whoever asks for any port: between asking and opening, somebody else could get the same one.
FIRST, MANY = 20_000, 10_000


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has, and that no other process of tests on this machine is given soon."""
    with (Path(tempfile.gettempdir()) / f"signaltable-test-ports-{os.getuid()}").open("a+") as last:
        fcntl.flock(last, fcntl.LOCK_EX)
        last.seek(0)
        begun = int(last.read() or "0")
        for number in range(begun + 1, begun + MANY):
            port = FIRST + number % MANY
            if _is_free(port):
                last.truncate(0)
                last.write(str(number % MANY))
                return port
    raise AssertionError(f"expected a free port from {FIRST} on")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # As servers do.
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
