"""Taking rows up in the log as they are now: those from before it spoke of rows, and those that somebody answers for."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Table, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from signaltable import row_digests
from signaltable.db import Base
from signaltable.domain import Actor, UnusableInput
from signaltable.flow.fsck.report import Report
from signaltable.flow.fsck.rows import OBJECT_TYPES
from signaltable.keys import KeyProvider
from signaltable.models import LogDetail, LogEntry
from signaltable.row_digests import GONE, TRACKED, Key
from signaltable.transaction import ROWS_PER_ENTRY, Program, Transaction, transaction

# Findings about a row of the business that has another content than the log says. What the log tells of itself is no
# row of anybody: there is no way to accept it.
ACCEPTABLE: Final = frozenset({"changed-row", "row-without-entry", "entry-without-row"})
EXPLAINED: Final = "explained"


def adopt(program: Program, actor: Actor, report: Report) -> int:
    """Let the log speak of rows from before it did; the last part says that there are no more. Returns how many they are.

    Only rows that the log names otherwise are taken up, and only once: what turns up later has no entry.
    """
    early = report.early
    for start in range(0, len(early), ROWS_PER_ENTRY):
        part = early[start : start + ROWS_PER_ENTRY]
        with transaction(program, actor) as tx:
            rows: row_digests.Rows = {}
            for name in dict(part):
                table = Base.metadata.tables[name]
                rows[name] = row_digests.current(
                    tx.session, program.keys, table, [key for of, key in part if of == name]
                )
            left = len(early) - start - len(part)
            tx.record("log:rows", object_type="log", details={"cause": "adopted", "rows": rows, "count": left})
    return len(early)


def may_be_accepted(kind: str, place: str) -> bool:
    """Whether such a finding can be settled by letting the row count as it is now."""
    return kind in ACCEPTABLE and place.partition(" ")[0] in TRACKED


def accept(tx: Transaction, incident: str, place: str) -> None:
    """Let the row at the place of a finding count as it is now, gone rows as gone; the log says in which incident.

    From the next change by hand on it is found again. Locks the head of the log until the commit, so call it as the
    last thing. The caller has asked whether the actor may, and `may_be_accepted`. Raises `UnusableInput` for a row that
    holds what its columns cannot have: first somebody has to repair it.
    """
    tx.session.flush()
    # What is read under the lock is newer than all that the log says of the row.
    tx.hold_log()
    name, _space, called = place.partition(" ")
    try:
        rows = _as_now(tx.session, tx.program.keys, Base.metadata.tables[name], called)
    except (ValueError, TypeError, RecursionError, SQLAlchemyError) as error:
        raise UnusableInput({"result": "expected a row that can be read"}) from error
    details = {"cause": EXPLAINED, "incident": incident, "at": place, "rows": {name: rows}}
    tx.record("log:rows", object_type="incident", object_id=incident, details=details)


def _as_now(session: Session, ring: KeyProvider, table: Table, called: str) -> dict[str, str]:
    """Row -> digest of what goes by this name in the place of a finding; "" where it is gone."""
    keys = _keys(session, ring, table, called)
    if keys:
        return row_digests.current(session, ring, table, keys)
    return dict.fromkeys(_names_of_gone(session, ring, table, called), GONE)


def _keys(session: Session, ring: KeyProvider, table: Table, called: str) -> set[Key]:
    """The keys of the rows that are there and called so: by a reference, by their key, or by a digest of it."""
    declared = TRACKED[table.name]
    columns = list(table.primary_key.columns)[: 1 if declared.grouped else None]
    if declared.object == "reference":
        named = select(*columns).where(table.c.reference == called)
        found = {tuple(row) for row in session.execute(named)}
        if found:
            return found
    key = row_digests.key_of(table, declared, called)
    if key is not None:
        same = (column == value for column, value in zip(columns, key, strict=True))
        if session.execute(select(*columns).where(*same)).first() is not None:
            return {key}
    every = session.execute(select(*columns).distinct())
    return {key for row in every if row_digests.token_of(ring, table, key := tuple(row)) == called}


def _names_of_gone(session: Session, ring: KeyProvider, table: Table, called: str) -> set[str]:
    """How the log names a row that is gone: by the key that its entries give with its reference, or else as the finding does."""
    if table.name not in OBJECT_TYPES:
        return {called}
    told = {token for details in _about(session, called) for token in row_digests.rows_in(details).get(table.name, {})}
    declared = TRACKED[table.name]
    keys = {key for token in told if (key := row_digests.key_of(table, declared, token)) is not None}
    now = row_digests.current(session, ring, table, keys)
    # A row whose newest change came along with an entry about something else is found under its key.
    return {token for token in told if now.get(token, GONE) == GONE} or {called}


def _about(session: Session, reference: str) -> Iterator[Any]:
    query = select(LogDetail.details).join(LogEntry, LogEntry.seq == LogDetail.seq)
    return iter(session.scalars(query.where(LogEntry.object == reference)))
