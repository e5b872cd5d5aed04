"""The register of erasures on each of several machines tells of what all of them erased.

Whoever erases writes the line before the commit, on the machine that does it (signaltable/erasures.py). The log tells of
every erasure too, so each machine adds what others did from there: then any one of them knows all of it, but for the last
minute, when a database is put back.
"""

import json
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from signaltable import audit_trail, erasures
from signaltable.erasures import Erasure
from signaltable.models import LogDetail, LogEntry
from signaltable.transaction import Program, reading

# How far this process has read the log for each register.
_read_up_to: dict[Path, int] = {}


def catch_up(program: Program) -> int:
    """Add what other machines erased to the register of this one; how many lines. Nothing happens on SQLite."""
    path = program.settings.erasures
    with reading(program) as session:
        if session.get_bind().dialect.name == "sqlite":
            return 0
        size = audit_trail.size(session)
        since = _read_up_to.get(path, 0)
        told = _told(session, since if since <= size else 0)  # A log that became shorter was put back from a copy.
    # Read after the log: what this machine erased stands in its register before it stands there.
    known = _known(program)
    missing = [one for one in told if (one.seq, one.at) not in known]
    if missing:
        erasures.note(path, program.keys, missing)
    _read_up_to[path] = size
    return len(missing)


def _known(program: Program) -> set[tuple[int, int]]:
    try:
        return {(one.seq, one.at) for one in erasures.read(program.settings.erasures, program.keys).erasures}
    except FileNotFoundError:
        return set()


def _told(session: Session, since: int) -> list[Erasure]:
    """The erasures that the log tells of, from entry `since` on."""
    query = (
        select(
            LogEntry.seq, LogEntry.action, LogEntry.outcome, LogEntry.object, LogEntry.recorded_at, LogDetail.details
        )
        .join(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.action.in_(erasures.ERASING), LogEntry.seq >= since)
        .order_by(LogEntry.seq)
    )
    made = (
        erasures.of_entry(
            row.action,
            row.outcome,
            row.object,
            json.loads(row.details),
            row.seq,
            audit_trail.milliseconds(row.recorded_at),
        )
        for row in session.execute(query)
    )
    return [one for one in made if one is not None]
