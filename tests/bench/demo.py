"""How long it takes to make a home with the demo in it and to serve it: what somebody waits for who tries the program."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench.rate import Line

ROUNDS = 3
# Of the clock, start of Python included: that is what somebody waits for.
MOST_TO_MAKE, MOST_TO_START = 15, 6
_COMMAND = [sys.executable, "-c", "from signaltable.cli import main; main()"]


def lines() -> Iterator[Line]:
    """Both lines of the table, in times per minute: neither can be done once in a second."""
    with tempfile.TemporaryDirectory(prefix="bench-demo-") as folder:
        homes = [Path(folder) / str(number) for number in range(ROUNDS)]
        yield _line(f"init --demo, per minute (goal: {MOST_TO_MAKE} s)", [_made(home) for home in homes], MOST_TO_MAKE)
        name = f"run, up to the first answer, per minute (goal: {MOST_TO_START} s)"
        yield _line(name, [_started(home) for home in homes], MOST_TO_START)


def _line(name: str, took: list[float], most: float) -> Line:
    return Line(name, 60 / median(took), 60 / most, 1.0)


def _environment(home: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "SIGNALTABLE_MODE"}}
    # The text reader takes a gigabyte and a minute, and nobody waits for it.
    return {**kept, "SIGNALTABLE_HOME": str(home), "SIGNALTABLE_TEXT_READER": "off"}


def _made(home: Path) -> float:
    start = time.perf_counter()
    subprocess.run([*_COMMAND, "init", "--demo"], check=True, capture_output=True, env=_environment(home))
    return time.perf_counter() - start


def _started(home: Path) -> float:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = time.perf_counter()
    run = subprocess.Popen(
        [*_COMMAND, "run", "--port", str(port), "--no-reader"],
        env=_environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not _answers(port):
            if run.poll() is not None:
                raise RuntimeError(f"`signaltable run` ended with {run.returncode} before it answered")
            time.sleep(0.02)
        return time.perf_counter() - start
    finally:
        run.terminate()
        run.wait(timeout=20)


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/gezond", timeout=5)
    except OSError:
        return False
    return True
