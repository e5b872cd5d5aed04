"""The log as rows: how long a proof takes in a long log, beside a short one.

`python -m tests.bench.log_store 10000000` measures with that many entries; the tables then take some gigabytes, in a folder
that is removed after.
"""

import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from statistics import median

from sqlalchemy.orm import Session

from audit import merkle
from signaltable import audit_trail
from signaltable.audit_trail.tree import node_rows
from signaltable.db import make_engine, make_sessions
from signaltable.migrating import migrate
from signaltable.settings import Settings
from tests.bench.rate import Line

SMALL, LARGE = 10_000, 1_000_000
PROOFS = 400
# An inclusion proof takes at most this many seconds, however long the log is, and at most so many times that of a short log.
MOST_SECONDS = 0.0005
MOST_GROWTH = 2.0
AT_ONCE = 20_000
# As long as an entry mostly is.
ENTRY = b"e" * 420


def lines(size: int = LARGE) -> Iterator[Line]:
    """The lines of the table."""
    folder = Path(tempfile.mkdtemp(prefix="signaltable-bench-"))
    try:
        short, long = (_log(folder / str(one), one) for one in (SMALL, size))
        few, many = _proofs(short, SMALL), _proofs(long, size)
        yield Line(f"inclusion proofs, {size:,} entries (goal: 2,000/s)", 1 / many, 1 / MOST_SECONDS, 1.0)
        yield Line(f"the same beside {SMALL:,} entries (goal: half)", 1 / many, 1 / few, 1 / MOST_GROWTH)
        yield Line(f"consistency proofs, {size:,} entries", 1 / _consistency(long, size))
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
        leaf_of = lambda seq: sha256(seq.to_bytes(8, "big")).digest()  # noqa: E731 - used once
        for seq in (0, size - 1, chance.randrange(size)):
            proof = audit_trail.inclusion(session, seq, size)
            merkle.verify_inclusion(index=seq, size=size, leaf=leaf_of(seq), proof=proof, root=root)
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


if __name__ == "__main__":
    os.nice(5)
    for line in lines(int(sys.argv[1]) if sys.argv[1:] else LARGE):
        sys.stdout.write(
            f"{line.name:<64}{line.ours:>12,.0f}{line.theirs or 0:>12,.0f}  {'ok' if line.reached else 'MISSED'}\n"
        )
