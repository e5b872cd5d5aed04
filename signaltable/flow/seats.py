"""At which tables an agency sits, and to which of them a new signal can go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from signaltable import seating
from signaltable.db import table_of
from signaltable.domain import Conflict, UnusableInput
from signaltable.models import RegionalTable, Signal, SignalTableMove, TableMember
from signaltable.prepared import Prepared
from signaltable.transaction import Transaction

# What is wrong with a table that was chosen; pages have words for it.
NOT_OFFERED = "expected one of the tables that were offered"


@dataclass(frozen=True, slots=True)
class TableTitle:
    """A table as people know it. `theme` is one of policies/table_themes.toml or empty."""

    id: str
    title: str
    region: str
    theme: str
    closed: bool


def seats_of(tx: Transaction, agency_id: str) -> tuple[TableTitle, ...]:
    """The tables where an agency has a seat: the open ones by name, then the closed ones."""
    rows = tx.rows(_SEATS, {"agency": agency_id})
    return tuple(
        TableTitle(table_id, title, region, theme, closed=closed_at is not None)
        for table_id, title, region, theme, closed_at in rows
    )


@dataclass(frozen=True, slots=True)
class TableMove:
    """That a signal went from one table to another, both by name; by which agency, and why."""

    at: datetime
    from_table: str
    to_table: str
    agency_id: str
    reason: str


def table_moves(tx: Transaction, signal: Signal) -> list[TableMove]:
    """Which tables a signal lay at, the oldest move first. The caller asks the gate."""
    query = select(SignalTableMove).where(SignalTableMove.signal_id == signal.id)
    rows = tx.session.scalars(query.order_by(SignalTableMove.at, SignalTableMove.id)).all()
    known = titles(tx, [table for row in rows for table in (row.from_table, row.to_table)]) if rows else {}
    return [TableMove(row.at, known[row.from_table], known[row.to_table], row.agency_id, row.reason) for row in rows]


def chosen(tx: Transaction, table_id: str) -> list[str]:
    """The ids of the own tables to look at: all, or the one that was asked for. Raises `UnusableInput` for another."""
    mine = [one.id for one in seats_of(tx, tx.actor.agency_id)]
    if table_id and table_id not in mine:
        raise UnusableInput({"table": NOT_OFFERED})
    return [table_id] if table_id else mine


def titles(tx: Transaction, table_ids: Sequence[str]) -> dict[str, str]:
    """Table id -> how people call it."""
    query = select(RegionalTable.id, RegionalTable.title).where(RegionalTable.id.in_(sorted(set(table_ids))))
    return dict(tx.session.execute(query).all())


def offer(tx: Transaction, people: Sequence[Mapping[str, Any]]) -> tuple[seating.Offered, ...]:
    """The open tables of the actor's agency that fit these facts, the proposed one first (signaltable/seating.py).

    `people` are the facts as seen from each possible victim.
    """
    seats = [seating.Seat(one.id, one.title, one.theme) for one in seats_of(tx, tx.actor.agency_id) if not one.closed]
    return seating.offer(seats, people, tx.program.policy.table_themes)


def take_seat(tx: Transaction, people: Sequence[Mapping[str, Any]], table_id: str = "") -> str:
    """The table of a signal with these facts, seen from each possible victim: the one that was chosen out of the offer, or the proposed one.

    Nobody can close that table before the signal lies there. Raises `Conflict` without an open table, `UnusableInput`
    for a table that was not offered or was closed meanwhile.
    """
    offered = [one.seat.id for one in offer(tx, people)]
    if not offered:
        raise Conflict("no_table", "this agency has no seat at an open table")
    if table_id and table_id not in offered:
        raise UnusableInput({"table": NOT_OFFERED})
    taken = table_id or offered[0]
    if tx.rows(_HOLD, {"id": taken})[0][0] is not None:
        raise UnusableInput({"table": NOT_OFFERED})
    return taken


_tables, _members = table_of(RegionalTable), table_of(TableMember).c
_HOLD = Prepared(select(_tables.c.closed_at).where(_tables.c.id == bindparam("id")).with_for_update(read=True))
_SEATS = Prepared(
    select(_tables.c.id, _tables.c.title, _tables.c.region, _tables.c.theme, _tables.c.closed_at)
    .join(table_of(TableMember), _members.table_id == _tables.c.id)
    .where(_members.agency_id == bindparam("agency"))
    .order_by(_tables.c.closed_at.is_not(None), _tables.c.title, _tables.c.id)
)
