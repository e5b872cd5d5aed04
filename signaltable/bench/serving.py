"""Servers that a benchmark starts on this machine, and stops when it is done."""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from signaltable.bench.submitting import environment
from signaltable.domain import SignaltableError

STARTS_WITHIN: Final = 60.0
_PROGRAM: Final = (sys.executable, "-c", "from signaltable.cli import main; main()")


class NoAnswer(SignaltableError):
    """A server that was started did not answer."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers: where, the process that was started, and how many seconds it took to its first answer."""

    port: int
    pid: int
    took: float


@contextmanager
def served(home: Path) -> Iterator[Server]:
    """`signaltable run` on this home, once it answers; without jobs and reader, which work apart from requests."""
    port = _free_port()
    command = [*_PROGRAM, "run", "--port", str(port), "--no-reader", "--no-jobs"]
    with _running(command, port, environment(home), "/gezond") as server:
        yield server


@contextmanager
def hello() -> Iterator[Server]:
    """An empty Flask behind the same gunicorn."""
    port = _free_port()
    with _running([sys.executable, "-m", "signaltable.bench.hello", str(port)], port, None, "/") as server:
        yield server


@contextmanager
def _running(command: Sequence[str], port: int, surroundings: dict[str, str] | None, path: str) -> Iterator[Server]:
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    start = time.perf_counter()
    process = subprocess.Popen(command, env=surroundings, **quiet)
    try:
        while not _answers(port, path):
            if process.poll() is not None or time.perf_counter() > start + STARTS_WITHIN:
                raise NoAnswer("expected a server that answers, found none")
            time.sleep(0.01)
        yield Server(port, process.pid, time.perf_counter() - start)
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=STARTS_WITHIN)
    try:
        connection.request("GET", path)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()
