"""How long it takes to make a home with the demo in it: what somebody waits for who tries the program for the first time."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from statistics import median

from tests.bench.rate import Line

ROUNDS = 3
MOST_SECONDS = 15


def lines() -> Iterator[Line]:
    """The one line of the table, in times per minute: the goal is less than one in a second."""
    took = median(_seconds() for _ in range(ROUNDS))
    yield Line(f"init --demo, per minute (goal: {MOST_SECONDS} s)", 60 / took, 60 / MOST_SECONDS, 1.0)


def _seconds() -> float:
    """The clock of the whole command, start of Python included: that is what somebody waits for."""
    with tempfile.TemporaryDirectory(prefix="bench-demo-") as home:
        environment = {
            key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "SIGNALTABLE_MODE"}
        }
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", "from signaltable.cli import main; main()", "init", "--demo"],
            check=True, capture_output=True, env={**environment, "SIGNALTABLE_HOME": f"{home}/home"},
        )  # fmt: skip
        return time.perf_counter() - start
