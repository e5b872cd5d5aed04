"""How fast `python -m audit verify` is beside pymerkle, which appends the same entries to a tree in memory (no reading).

pymerkle is GPL, so never among our requirements: it gets an environment of its own, outside the checkout. Beside bare hashing
the verifier is measured by `signaltable bench` (signaltable/bench/verify.py).
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import click

from audit import bundle
from audit.merkle import CompactRange
from signaltable.bench.verify import ENTRIES, ROUNDS, SAMPLE, Rate, inputs_of, make_log, turn
from tests.bench.rate import Line, line, shown

PYMERKLE = "pymerkle==7.0.0"


def lines() -> Iterator[Line]:
    """The tree and the whole command, each beside pymerkle; nothing, said loudly, without one."""
    python = pymerkle_python()
    if python is None:
        return
    with tempfile.TemporaryDirectory(prefix="bench-verify-") as folder:
        directory = make_log(Path(folder) / "log", ENTRIES)
        inputs = inputs_of(directory)
        turns = [(turn(directory, inputs), _appended(python, directory)) for _ in range(ROUNDS)]
        for name, at in (("the tree: read, hash, fold", 0), ("every check, 1 process", 2)):
            rounds = [(ours[at].cpu, theirs.cpu) for ours, theirs in turns]
            mine, other = zip(*rounds, strict=True)
            ratios = [one / two for one, two in rounds]
            whole = f"log {ENTRIES // 1000:,d} k, {name} (pymerkle 7: appending, in memory)"
            yield line(whole, median(mine), median(other), 5, ratios)


_APPEND = """
import json, sys
from itertools import islice
from time import perf_counter, process_time
from pymerkle import InmemoryTree
with open(sys.argv[1], "rb") as file:
    entries = [line[:-1] for line in islice(file, int(sys.argv[2]))]
tree = InmemoryTree(algorithm="sha256")
cpu, wall = process_time(), perf_counter()
for entry in entries:
    tree.append_entry(entry)
root = tree.get_state()
print(json.dumps([len(entries) / (process_time() - cpu), len(entries) / (perf_counter() - wall), root.hex()]))
"""


def pymerkle_python() -> Path | None:
    """The interpreter of an environment with pymerkle, made when it is not there; None, said loudly, without one."""
    folder = Path(tempfile.gettempdir()) / f"signaltable-bench-{PYMERKLE.replace('==', '-')}-{os.getuid()}"
    python = folder / "bin" / "python"
    if _has_pymerkle(python):
        return python
    try:
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", PYMERKLE], check=True, capture_output=True, timeout=180)
    except (OSError, subprocess.SubprocessError):
        click.echo(
            f"NOT MEASURED: pymerkle, so the goal of 5 times its speed is not checked. To measure it:\n"
            f"  {sys.executable} -m venv {folder} && {python} -m pip install {PYMERKLE}",
            err=True,
        )
        return None
    return python if _has_pymerkle(python) else None


def _has_pymerkle(python: Path) -> bool:
    return python.exists() and not subprocess.run([python, "-c", "import pymerkle"], check=False).returncode


def _appended(python: Path, directory: Path) -> Rate:
    command = [python, "-c", _APPEND, str(directory / bundle.ENTRIES), str(SAMPLE)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    cpu, wall, root = json.loads(ran.stdout)
    tree = CompactRange()
    with (directory / bundle.LEAVES).open("rb") as leaves:
        for _ in range(SAMPLE):
            tree.append(leaves.read(32))
    assert tree.root().hex() == root, "the two trees differ"
    return Rate(cpu, wall)


def main() -> int:
    """Only this part; BENCH_ENTRIES=10000000 for ten million."""
    for found in lines():
        click.echo(shown(found).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
