"""The tree as rows: its leaves stand with the entries, the roots of its complete subtrees on every fourth level apart.

A proof reads some hundred hashes in a handful of statements, however long the log is (audit/nodes.py).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit import merkle, nodes
from audit.errors import BadProof
from signaltable.models import LogCheckpoint, LogEntry, LogHead

Place = tuple[int, int]

# SQLite takes at most 500 parts in one statement; a proof has far fewer runs.
MOST_RUNS = 200
# On the way of a proof the runs of a level lie around one subtree, which is not part of it.
CLOSE = 4


def size(session: Session) -> int:
    """How many entries the log holds."""
    return session.scalar(select(LogHead.size).where(LogHead.id == 1)) or 0


def lock_head(session: Session) -> int:
    """The size of the log, which nobody else can change until the commit."""
    return session.execute(select(LogHead.size).where(LogHead.id == 1).with_for_update()).scalar_one()


def leaf_hashes(session: Session) -> list[bytes]:
    """All leaf hashes in order."""
    return list(session.scalars(select(LogEntry.leaf).order_by(LogEntry.seq)))


def root(session: Session, size: int) -> bytes:
    """The root over the first `size` entries (at least one). Raises BadProof when the log is shorter."""
    return nodes.tree_root(_reader(session, nodes.tree_runs(size)), size)


def frontier(session: Session, size: int) -> merkle.CompactRange:
    """The tree over the first `size` entries by the roots of its complete subtrees, as it was when the log had that size.

    Raises BadProof when the log is shorter. What is stored is not checked: compare the root with a signed one.
    """
    parts, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            parts.append((start, start + (1 << level)))
            start += 1 << level
    read = _reader(session, nodes.stored_runs(parts))
    return merkle.CompactRange(size, [nodes.range_root(read, *part) for part in parts])


def inclusion(session: Session, seq: int, size: int) -> list[bytes]:
    """The proof that entry `seq` stands in the tree of the first `size` entries, leaf first (RFC 6962, 2.1.1).

    Raises BadProof when there is no such entry or tree. What is stored is not checked: whoever changed a row gets a
    proof that does not verify.
    """
    return nodes.inclusion_proof(_reader(session, nodes.inclusion_runs(seq, size)), seq, size)


def consistency(session: Session, size1: int, size2: int) -> list[bytes]:
    """The proof that the first `size1` entries are the beginning of the first `size2` (RFC 6962, 2.1.2).

    Raises BadProof unless 0 < size1 <= size2 <= the size of the log.
    """
    return nodes.consistency_proof(_reader(session, nodes.consistency_runs(size1, size2)), size1, size2)


def _reader(session: Session, runs: Sequence[nodes.Run]) -> nodes.NodeReader:
    """A reader of the hashes in these runs, all fetched at once."""
    read: dict[Place, bytes] = {}
    connection, parts = session.connection(), _joined(runs)
    for start in range(0, len(parts), MOST_RUNS):
        # Written out by hand: composing the statement would take twice as long as reading.
        statement = " UNION ALL ".join(_run(*run) for run in parts[start : start + MOST_RUNS])
        for level, position, value in connection.exec_driver_sql(statement):
            read[level, position] = value.encode() if isinstance(value, str) else bytes(value)

    def node(level: int, position: int) -> bytes:
        try:
            return read[level, position]
        except KeyError:
            raise BadProof("expected a hash that is stored, found none") from None

    return node


def _joined(runs: Sequence[nodes.Run]) -> list[nodes.Run]:
    """Runs of one level that stand close together, as one: a few hashes too many are read faster than another range."""
    joined: list[nodes.Run] = []
    for level, first, end in runs:
        if joined and joined[-1][0] == level and first - joined[-1][2] <= CLOSE:
            joined[-1] = (level, joined[-1][1], end)
        else:
            joined.append((level, first, end))
    return joined


def _run(level: int, first: int, end: int) -> str:
    """The statement for one run; it holds nothing but numbers that were counted here."""
    if level == 0:
        return f"SELECT 0, seq, leaf FROM log_entries WHERE seq >= {first:d} AND seq < {end:d}"  # noqa: S608
    where = f"level = {level:d} AND position >= {first:d} AND position < {end:d}"
    return f"SELECT level, position, hash FROM log_nodes WHERE {where}"  # noqa: S608


def waits_since(session: Session, covered: int) -> datetime | None:
    """Since when the oldest entry waits that no signature over the first `covered` ones holds; None when none does."""
    query = select(LogEntry.recorded_at).where(LogEntry.seq >= covered)
    return session.scalar(query.order_by(LogEntry.seq).limit(1))


def newest_checkpoint(session: Session) -> LogCheckpoint | None:
    """The checkpoint over most entries, or None before the first."""
    return session.scalars(select(LogCheckpoint).order_by(LogCheckpoint.size.desc()).limit(1)).first()


def node_rows(closed: Iterable[merkle.Closed]) -> list[dict[str, object]]:
    """The rows to store of the subtrees that an append completed."""
    return [
        {"level": level, "position": position, "hash": value}
        for level, position, value in closed
        if level and nodes.is_stored(level)
    ]
