"""Filling the index: cases from before there was one, cases that came in past the use cases, and a key that was replaced.

First every case gets its row, which says that it was not read yet; that needs no key and is part of the migration. Then a
job reads them, the newest first, some hundreds in a commit: whoever ends it halfway loses nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, exists, func, insert, select, tuple_, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from signaltable import audit_trail
from signaltable.db import refresh_outgrown_statistics, table_of
from signaltable.domain import Actor
from signaltable.flow.masking import without_protected
from signaltable.flow.searching.index import ERASED, made, put, take_number, take_out
from signaltable.flow.searching.terms import PURPOSE, number_of, packed, secret_of, unpacked
from signaltable.models import AgendaItem, Meeting, SearchRow, Signal
from signaltable.transaction import Program, Transaction, reading, transaction

AT_ONCE: Final = 500
UNREAD: Final = 0
_MISSING_AT_ONCE: Final = 2_000
_ROWS = table_of(SearchRow)
_WAS_READ: Final = (
    update(_ROWS)
    .where(_ROWS.c.number == bindparam("at"))
    .values(terms=bindparam("whole"), key_version=bindparam("version"))
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Filled:
    """What a run did: how many cases got a row, and how many were read."""

    added: int
    read: int


def is_whole(session: Session, version: int) -> bool:
    """Whether every case in the index was read under this version of the key. Asked with every search, so it counts nothing."""
    return session.scalar(select(_stale(version).limit(1).exists())) is False


def unread(session: Session, version: int) -> int:
    """How many cases in the index were not read under this version of the key."""
    return session.scalar(select(func.count()).select_from(_stale(version).subquery())) or 0


def _stale(version: int) -> Any:
    return select(SearchRow.number).where(SearchRow.key_version > ERASED, SearchRow.key_version < version)


def add_missing(connection: Connection) -> int:
    """Give every signal without a row in the index one that says it was not read yet. For a migration too. Returns how many."""
    added, after = 0, None
    while found := _add_after(connection, after):
        added += found[0]
        after = found[1]
    return added


# A signal by its moment and id.
_Place = tuple[datetime, str]


def _add_after(connection: Connection, after: _Place | None) -> tuple[int, _Place] | None:
    """Do the next signals without a row behind this one; how many, and the last of them. None when there are none."""
    signals = table_of(Signal)
    place = signals.c.created_at, signals.c.id
    missing = select(*place).where(~exists().where(_ROWS.c.signal_id == signals.c.id)).order_by(*place)
    if after is not None:
        missing = missing.where(tuple_(*place) > after)
    rows = connection.execute(missing.limit(_MISSING_AT_ONCE)).all()
    if not rows:
        return None
    _take_numbers(connection, [(row.created_at, row.id) for row in rows])
    return len(rows), (rows[-1].created_at, rows[-1].id)


def _take_numbers(connection: Connection, places: Sequence[_Place]) -> None:
    """All at once, since nearly every one gets the number that it wants; the others one by one."""
    wanted = {number_of(moment, signal_id): signal_id for moment, signal_id in places}
    held = set(connection.scalars(select(_ROWS.c.number).where(_ROWS.c.number.in_(wanted))))
    free = {number: signal_id for number, signal_id in wanted.items() if number not in held}
    if free:
        rows = [{"number": one, "signal_id": free[one], "key_version": UNREAD, "terms": b""} for one in sorted(free)]
        connection.execute(insert(_ROWS), rows)
    done = set(free.values())
    for moment, signal_id in places:
        if signal_id not in done:
            take_number(connection, signal_id, moment, UNREAD, b"")


def fill(program: Program, actor: Actor, progress: Progress | None = None) -> Filled:
    """Do all that is missing, in commits of their own. `progress`: how many were done, and of how many."""
    added = _add_missing(program, actor)
    with reading(program, whole="the index holds cases of every agency") as session:
        refresh_outgrown_statistics(session, audit_trail.size(session))
        waiting = unread(session, _version(program))
    done = 0
    while waiting:
        with transaction(program, actor) as tx:
            count = take_in(tx)
        done += count
        if progress:
            progress(done, max(done, waiting))
        if count < AT_ONCE:
            break
    return Filled(added, done)


def _add_missing(program: Program, actor: Actor) -> int:
    with reading(program, whole="the index holds cases of every agency") as session:
        signals = session.scalar(select(func.count()).select_from(Signal))
        held = session.scalar(select(func.count()).select_from(SearchRow))
    if signals == held:
        return 0
    added, after = 0, None
    while True:
        with transaction(program, actor) as tx:
            found = _add_after(tx.session.connection(), after)
        if found is None:
            return added
        added += found[0]
        after = found[1]


def _version(program: Program) -> int:
    return program.keys.version(PURPOSE)


def take_in(tx: Transaction) -> int:
    """Read the newest cases that were not read yet, or under an older key. Returns how many; fewer than AT_ONCE at the end."""
    version = _version(tx.program)
    rows = _next(tx, version)
    secret, policy, tabled = secret_of(tx.program.keys, version), tx.program.policy, _tabled(tx, rows)
    connection = tx.session.connection()
    told = []
    for row in rows:
        account = without_protected(row.narrative_masked, policy)
        terms = made(secret, account, row.owner_agency, row.table_id, tabled=row.signal_id in tabled)
        before = unpacked(row.terms)
        take_out(connection, row.number, before - terms)
        told.append((row.number, terms - before, packed(terms)))
    put(connection, ((number, term) for number, new, _all in told for term in new))
    if told:
        connection.execute(
            _WAS_READ, [{"at": number, "whole": whole, "version": version} for number, _new, whole in told]
        )
    return len(rows)


def _next(tx: Transaction, version: int) -> Sequence[Any]:
    some = _stale(version).order_by(SearchRow.number.desc()).limit(AT_ONCE).with_for_update(of=SearchRow)
    numbers = tx.session.scalars(some).all()
    return tx.session.execute(
        select(
            SearchRow.number,
            SearchRow.signal_id,
            SearchRow.terms,
            Signal.narrative_masked,
            Signal.owner_agency,
            Signal.table_id,
        )
        .join(Signal, Signal.id == SearchRow.signal_id)
        .where(SearchRow.number.in_(numbers))
        .order_by(SearchRow.number.desc())
    ).all()


def _tabled(tx: Transaction, rows: Sequence[Any]) -> frozenset[str]:
    """Which of these their table ever had on an agenda."""
    query = (
        select(AgendaItem.signal_id)
        .join(Signal, Signal.id == AgendaItem.signal_id)
        .join(Meeting, (Meeting.id == AgendaItem.meeting_id) & (Meeting.table_id == Signal.table_id))
        .where(AgendaItem.signal_id.in_([row.signal_id for row in rows]))
    )
    return frozenset(tx.session.scalars(query))
