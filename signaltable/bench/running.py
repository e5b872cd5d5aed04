"""One run over the benchmarks, as it is shown and stored."""

import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from os import cpu_count
from pathlib import Path

from signaltable.bench.given import Given, Lines
from signaltable.bench.line import Line, Skipped
from signaltable.domain import SignaltableError
from signaltable.settings import CHECKOUT


@dataclass(frozen=True, slots=True)
class Failed:
    """A benchmark that did not come to its end, and what it said: never a value, because errors hold none."""

    why: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out of the benchmark of that name."""

    benchmark: str
    found: Line | Skipped | Failed

    @property
    def good(self) -> bool:
        """Whether nothing is wrong with it; what was skipped is not wrong."""
        return not isinstance(self.found, Failed) and (isinstance(self.found, Skipped) or self.found.reached)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a run took place, so that a number that is no ratio is compared on the same machine only."""

    processor: str
    cores: int
    system: str
    python: str


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run: when, of which program, where, over how many signals, and what was found."""

    taken_at: datetime
    version: str
    commit: str
    machine: Machine
    few: int
    many: int
    measured: tuple[Measured, ...]

    @property
    def good(self) -> bool:
        """Whether every goal is met and every benchmark came to its end."""
        return all(one.good for one in self.measured)

    @property
    def reached(self) -> bool | None:
        """The same, told of what was measured: None when everything was skipped, for nothing measured reaches no goal."""
        return None if all(isinstance(one.found, Skipped) for one in self.measured) else self.good


def measure(benchmarks: Mapping[str, Lines], given: Given) -> Iterator[Measured]:
    """Go through the benchmarks, line by line as each is measured. What fails does not stop the others."""
    for name, lines in benchmarks.items():
        given.say(f"{name} ...")
        yield from (Measured(name, one) for one in _lines(lines, given))


def _lines(lines: Lines, given: Given) -> Iterator[Line | Skipped | Failed]:
    try:
        yield from lines(given)
    except Exception as error:  # noqa: BLE001 -- whatever it is, the others are measured
        # Of others only the kind of error: what they say may hold what was bound.
        ours = isinstance(error, SignaltableError | OSError | subprocess.SubprocessError | AssertionError)
        yield Failed(f"{type(error).__name__}: {error}" if ours else type(error).__name__)


def run_of(measured: Sequence[Measured], given: Given, now: datetime) -> Run:
    """What was measured, with where and when."""
    return Run(now, version("signaltable"), _commit(), machine(), given.few, given.many, tuple(measured))


def machine() -> Machine:
    """Where the program runs, without the name of the machine."""
    return Machine(
        _processor(), cpu_count() or 1, f"{platform.system()} {platform.release()}", platform.python_version()
    )


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def in_checkout() -> bool:
    """Whether the program runs from its repository, and not from an installed wheel."""
    return (CHECKOUT / ".git").exists() and (CHECKOUT / "docs").is_dir()


def _commit() -> str:
    """The commit of the checkout, with + behind it when files differ from it; "" for an installed wheel."""
    if not in_checkout():
        return ""
    with suppress(OSError, subprocess.SubprocessError):
        asked = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    return ""
