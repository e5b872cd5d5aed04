"""Keeping the index with the cases: written in the transaction that takes a case in, changes its account or erases it."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from signaltable.db import table_of
from signaltable.domain import Conflict
from signaltable.flow.masking import without_protected
from signaltable.flow.searching.terms import (
    OWNER,
    PURPOSE,
    TABLE,
    TABLED,
    number_of,
    packed,
    place_term,
    secret_of,
    unpacked,
    word_term,
)
from signaltable.models import SearchRow, SearchTerm, Signal
from signaltable.prepared import Prepared, insert_into
from signaltable.queries import on_an_agenda
from signaltable.transaction import Transaction
from signaltable.words import words_of

# As many cases of one microsecond find a number; only a clock that stands still makes so many.
MOST_OF_ONE_MOMENT: Final = 4096
# Stands where a key version stands, for a signal that has nothing left to find: nobody reads it again.
ERASED: Final = -1
_ROWS, _TERMS = table_of(SearchRow), table_of(SearchTerm)
_TAKE_NUMBER: Final = {
    name: Prepared(make(_ROWS).on_conflict_do_nothing(), _ROWS.columns.keys())
    for name, make in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}
_ONE_TERM: Final = delete(_TERMS).where(_TERMS.c.term == bindparam("gone"), _TERMS.c.number == bindparam("at"))


def add(tx: Transaction, signal_id: str, account: str, table_id: str) -> None:
    """Put a signal of the actor's agency that was just stored into the index, with its masked account.

    Past the object layer: it is on the way of everybody who submits.
    """
    version = tx.program.keys.version(PURPOSE)
    terms = made(secret_of(tx.program.keys, version), account, tx.actor.agency_id, table_id, tabled=False)
    connection = tx.session.connection()
    number = take_number(connection, signal_id, tx.now, version, packed(terms))
    put(connection, ((number, term) for term in terms))


def again(tx: Transaction, signal: Signal) -> None:
    """Make the terms of a signal anew: its account was masked otherwise, or it lies elsewhere."""
    tx.session.flush()
    version = tx.program.keys.version(PURPOSE)
    terms = terms_of(tx, signal, version, tabled=on_an_agenda(tx, signal.id))
    with tx.whole("terms are digests that belong to nobody"):
        row = tx.session.execute(_held(signal.id)).first()
        connection = tx.session.connection()
        if row is None:
            number = take_number(connection, signal.id, signal.created_at, version, packed(terms))
            put(connection, ((number, term) for term in terms))
            return
        before = unpacked(row.terms)
        take_out(connection, row.number, before - terms)
        put(connection, ((row.number, term) for term in terms - before))
        connection.execute(
            update(_ROWS).where(_ROWS.c.number == row.number).values(terms=packed(terms), key_version=version)
        )


def forget(tx: Transaction, signal_id: str) -> None:
    """Take a signal out of the index: nothing is left of it there. Its own page is found by its reference."""
    with tx.whole("terms are digests that belong to nobody"):
        row = tx.session.execute(_held(signal_id)).first()
        if row is not None:
            connection = tx.session.connection()
            take_out(connection, row.number, unpacked(row.terms))
            connection.execute(update(_ROWS).where(_ROWS.c.number == row.number).values(terms=b"", key_version=ERASED))


def _held(signal_id: str) -> Select[Any]:
    return select(_ROWS.c.number, _ROWS.c.terms).where(_ROWS.c.signal_id == signal_id).with_for_update()


def terms_of(tx: Transaction, signal: Signal, version: int, *, tabled: bool) -> frozenset[int]:
    """The words of the account as others read it today, and the places where the signal lies."""
    return made(
        secret_of(tx.program.keys, version),
        without_protected(signal.narrative_masked, tx.program.policy),
        signal.owner_agency,
        signal.table_id,
        tabled=tabled,
    )


def made(secret: bytes, account: str, owner: str, table: str, *, tabled: bool) -> frozenset[int]:
    """The terms of one signal."""
    places = [(OWNER, owner), (TABLE, table), *([(TABLED, table)] if tabled else [])]
    return frozenset(
        (
            *(word_term(secret, word) for word in words_of(account)),
            *(place_term(secret, kind, place) for kind, place in places),
        )
    )


def take_number(connection: Connection, signal_id: str, moment: datetime, version: int, terms: bytes) -> int:
    """Give a signal its row in the index and its number: the one that it wants, or the next that is free."""
    wanted = number_of(moment, signal_id)
    for number in range(wanted, wanted + MOST_OF_ONE_MOMENT):
        values = {"number": number, "signal_id": signal_id, "key_version": version, "terms": terms}
        if _TAKE_NUMBER[connection.dialect.name].changed(connection, values):
            return number
    raise Conflict("at_once", "expected a free number for this moment")


def put(connection: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Write (number, term) pairs, in the order in which they lie in the index."""
    rows = [{"term": term, "number": number} for number, term in sorted(pairs, key=lambda one: (one[1], one[0]))]
    if rows:
        insert_into(_TERMS, ("term", "number")).change(connection, rows)


def take_out(connection: Connection, number: int, terms: Collection[int]) -> None:
    """Delete terms of one signal."""
    if terms:
        connection.execute(_ONE_TERM, [{"gone": term, "at": number} for term in sorted(terms)])
