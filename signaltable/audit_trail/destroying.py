"""Destroying details: what an entry commits to, its salt and its terms go; the entry, its place and its proofs stay."""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from signaltable.audit_trail import terms
from signaltable.models import LogDetail, LogEntry, LogErased, LogTerm

AT_ONCE = 500


def destroy(session: Session, seqs: Iterable[int], by_seq: int) -> int:
    """Destroy details, salts and terms of these entries, as entry `by_seq` says; returns how many were not yet destroyed.

    `by_seq` stands in the log already (`Transaction.append_now`), because each row says which entry tells of it, and
    the database refuses to delete details without such a row. Terms that follow from the entry itself stay.
    """
    connection, wanted = session.connection(), sorted(set(seqs))
    parts = (wanted[start : start + AT_ONCE] for start in range(0, len(wanted), AT_ONCE))
    return sum(_destroy(connection, part, by_seq) for part in parts)


def _destroy(connection: Connection, seqs: Sequence[int], by_seq: int) -> int:
    gone = set(connection.scalars(select(LogErased.seq).where(LogErased.seq.in_(seqs))))
    left = [seq for seq in seqs if seq not in gone]
    if not left:
        return 0
    objects = connection.execute(select(LogEntry.seq, LogEntry.object).where(LogEntry.seq.in_(left))).all()
    connection.execute(insert(LogErased), [{"seq": seq, "by_seq": by_seq} for seq in left])
    connection.execute(delete(LogDetail).where(LogDetail.seq.in_(left)))
    connection.execute(delete(LogTerm).where(LogTerm.seq.in_(left)))
    stay = [
        {"name": name, "value": value, "seq": row.seq} for row in objects for name, value in terms.of_entry(row.object)
    ]
    if stay:
        connection.execute(insert(LogTerm), stay)
    return len(left)
