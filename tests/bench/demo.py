"""How long it takes to make a home with the demo in it: what somebody waits for who tries the program."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench.rate import Line, line

ROUNDS = 3
# Of the clock, start of Python included: that is what somebody waits for.
MOST_TO_MAKE = 15
_COMMAND = [sys.executable, "-c", "from signaltable.cli import main; main()"]


def lines() -> Iterator[Line]:
    """The line of the table, in times per minute: it cannot be done once in a second."""
    with tempfile.TemporaryDirectory(prefix="bench-demo-") as folder:
        homes = [Path(folder) / str(number) for number in range(ROUNDS)]
        yield _line(f"init --demo, per minute (goal: {MOST_TO_MAKE} s)", [_made(home) for home in homes], MOST_TO_MAKE)


def _line(name: str, took: list[float], most: float) -> Line:
    return line(name, 60 / median(took), 60 / most, 1.0)


def _environment(home: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "SIGNALTABLE_MODE"}}
    # The text reader takes a gigabyte and a minute, and nobody waits for it.
    return {**kept, "SIGNALTABLE_HOME": str(home), "SIGNALTABLE_TEXT_READER": "off"}


def _made(home: Path) -> float:
    start = time.perf_counter()
    subprocess.run([*_COMMAND, "init", "--demo"], check=True, capture_output=True, env=_environment(home))
    return time.perf_counter() - start
