"""The log as rows: how long a proof takes in a long log, beside a short one.

`python -m signaltable.bench.proofs 10000000` measures with that many entries; the tables then take some gigabytes, in a folder
that is removed after.
"""

import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from statistics import median

from sqlalchemy.orm import Session

from audit import merkle
from signaltable import audit_trail
from signaltable.audit_trail.tree import node_rows
from signaltable.bench.given import Given
from signaltable.bench.line import Line, at_most
from signaltable.bench.table import plain_row
from signaltable.db import make_engine, make_sessions
from signaltable.migrating import migrate
from signaltable.settings import Settings

SMALL, LARGE = 10_000, 1_000_000
PROOFS = 400
# An inclusion proof takes at most this many seconds, however long the log is, and at most so many times that of a short log.
MOST_SECONDS = 0.0005
MOST_GROWTH = 2.0
AT_ONCE = 20_000
# As long as an entry mostly is.
ENTRY = b"e" * 420


def lines(_given: Given, size: int = LARGE) -> Iterator[Line]:
    """The lines of the table."""
    folder = Path(tempfile.mkdtemp(prefix="signaltable-bench-"))
    try:
        short, long = (_log(folder / str(one), one) for one in (SMALL, size))
        few, many = _proofs(short, SMALL), _proofs(long, size)
        one, other, what = 1000 * many, 1000 * few, f"an inclusion proof in a log of {size:,} entries"
        yield Line("inclusion", what, one, "ms", goal=at_most(MOST_SECONDS * 1000))
        yield Line("inclusion, growth", f"{what}, beside {SMALL:,}", one, "ms", other, goal=at_most(MOST_GROWTH))
        yield Line(
            "consistency", f"a consistency proof in a log of {size:,} entries", 1000 * _consistency(long, size), "ms"
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _log(home: Path, size: int) -> Callable[[], Session]:
    """A database of the program with a log of `size` entries, written past it."""
    home.mkdir(parents=True)
    settings = Settings.from_env({"SIGNALTABLE_HOME": str(home)})
    migrate(settings)
    with closing(sqlite3.connect(home / "signaltable.db", isolation_level=None)) as connection:
        _fill(connection, size)
    return make_sessions(make_engine(settings.database_url), writes=False)


def _fill(connection: sqlite3.Connection, size: int) -> None:
    # No proof reads the indexes beside the keys, and filling them takes longer than all the rest.
    away = "SELECT type, name FROM sqlite_master WHERE type = 'trigger' OR name LIKE 'ix_log_entries_%'"
    for kind, name in connection.execute(away).fetchall():
        connection.execute(f"DROP {kind} {name}")
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "foreign_keys = OFF"):
        connection.execute(f"PRAGMA {pragma}")
    tree = merkle.CompactRange()
    for start in range(0, size, AT_ONCE):
        entries, nodes = [], []
        for seq in range(start, min(size, start + AT_ONCE)):
            leaf = sha256(seq.to_bytes(8, "big")).digest()
            entries.append((seq, ENTRY, leaf, f"2026-01-01 {seq % 24:02d}:00:00.000000"))
            nodes += [tuple(row.values()) for row in node_rows(tree.append(leaf))]
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO log_entries VALUES (?, ?, ?, ?, 'signal:consult', 'ok', 'a', 'b', 'signal', 'c')", entries
        )
        connection.executemany("INSERT INTO log_nodes VALUES (?, ?, ?)", nodes)
        connection.execute("COMMIT")
    connection.execute("UPDATE log_head SET size = ?, frontier = ?", (size, tree.to_bytes()))


def _proofs(sessions: Callable[[], Session], size: int) -> float:
    chance = random.Random(size)  # the same entries in every run
    with sessions() as session:
        root = audit_trail.root(session, size)
        for seq in (0, size - 1, chance.randrange(size)):
            proof = audit_trail.inclusion(session, seq, size)
            merkle.verify_inclusion(
                index=seq, size=size, leaf=sha256(seq.to_bytes(8, "big")).digest(), proof=proof, root=root
            )
        return _seconds(lambda: audit_trail.inclusion(session, chance.randrange(size), size))


def _consistency(sessions: Callable[[], Session], size: int) -> float:
    chance = random.Random(size)
    with sessions() as session:
        return _seconds(lambda: audit_trail.consistency(session, chance.randrange(1, size), size))


def _seconds(do: Callable[[], object]) -> float:
    """How long one mostly takes."""
    took = []
    for _ in range(PROOFS):
        start = time.perf_counter()
        do()
        took.append(time.perf_counter() - start)
    return median(took)


def main(arguments: Sequence[str]) -> int:
    """Only this part, with so many entries."""
    for found in lines(Given(Path()), int(arguments[0]) if arguments else LARGE):
        sys.stdout.write(f"{plain_row(found)}\n")
    return 0


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main(sys.argv[1:]))
