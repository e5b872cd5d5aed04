"""What was done and what came of it, a line on disk for each part: it survives a run that is stopped, and a run goes on with it."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.crash.running import ROOT

KILLS = "kill -9"


@dataclass(frozen=True, slots=True)
class Part:
    """One home with its kills, or one fault. `number` tells the homes of one run apart; `kept` is where it was kept."""

    what: str
    database: str
    number: int
    times: int
    acts: int
    found: list[str] = field(default_factory=list)
    killed: dict[str, int] = field(default_factory=dict)
    seconds: int = 0
    commit: str = ""
    kept: str = ""


class Record:
    """The parts of one run, in a file that begins with the seed."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        if not path.exists():
            self._write({"seed": seed})
        told, *rest = path.read_text().splitlines()
        self.seed = int(json.loads(told)["seed"])
        self.parts = [Part(**json.loads(line)) for line in rest]

    def add(self, part: Part) -> None:
        """One more part was done; it is on disk when this returns."""
        self._write(asdict(part))
        self.parts.append(part)

    def has(self, what: str, database: str, number: int = 0) -> bool:
        """Whether this part was done before."""
        return any((one.what, one.database, one.number) == (what, database, number) for one in self.parts)

    def _write(self, line: dict[str, object]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def table(self) -> Iterator[str]:
        """A line for each fault and for all kills on a database, each finding once more, and how many there are."""
        yield f"{'what':<18} {'database':<11} {'times':>6} {'acknowledged':>13} {'findings':>9} {'seconds':>8}  commit"
        for what, database in dict.fromkeys((one.what, one.database) for one in self.parts):
            parts = [one for one in self.parts if (one.what, one.database) == (what, database)]
            times, acts, found, seconds = (
                sum(numbers)
                for numbers in zip(*((one.times, one.acts, len(one.found), one.seconds) for one in parts), strict=True)
            )
            commits = " ".join(dict.fromkeys(one.commit for one in parts))
            yield f"{what:<18} {database:<11} {times:>6} {acts:>13} {found:>9} {seconds:>8}  {commits}"
            killed = sum((Counter(one.killed) for one in parts), Counter[str]())
            if killed:
                yield "  " + ", ".join(f"{kind} {count}" for kind, count in killed.most_common())
        for one in self.parts:
            yield from (f"FOUND {one.what} on {one.database}, {one.number}: {said}; {one.kept}" for said in one.found)
        found = sum(len(one.found) for one in self.parts)
        yield f"{found} FINDINGS" if found else "nothing was found"


def commit() -> str:
    """What is tried: the commit, with a + when files were changed since; "" outside a checkout."""
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=7"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
