"""Nodes and terms of a log that was kept before there were any. Reads a part at a time, and stumbles over nothing.

What somebody broke gives no nodes and no terms, and stays as it was: judging is the work of the check of the log.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, cast, exists, literal, select
from sqlalchemy.engine import Connection
from sqlalchemy.types import LargeBinary

from audit.destroyed import ranges_in
from audit.merkle import HASH_BYTES, CompactRange
from audit.nodes import LEVELS_APART
from signaltable.audit_trail import terms
from signaltable.db import Base

AT_ONCE = 5000
# How many hashes of one stored level make one of the next.
_WIDTH = 1 << LEVELS_APART


def fill(connection: Connection) -> None:
    """Fill log_nodes and log_terms, both empty, from the entries and details that are there."""
    nodes = _Nodes()
    for rows in _parts(connection):
        made = [term for row in rows for term in _terms(row)]
        if made:
            connection.execute(_table("log_terms").insert(), made)
        for row in rows:
            nodes.leaf(row.seq, row.leaf)
        if nodes.made:
            connection.execute(_table("log_nodes").insert(), nodes.made)
            nodes.made = []


def fill_erased(connection: Connection) -> None:
    """Fill log_erased, which is empty, from the entries that say which details were destroyed.

    There are such entries already where the tables went back to an older shape and come forward again.
    """
    entries, details, erased = _table("log_entries"), _table("log_details"), _table("log_erased")
    telling = (
        select(entries.c.seq, details.c.details)
        .join(details, details.c.seq == entries.c.seq)
        .where(entries.c.action == "retention:erase", entries.c.outcome == "ok")
        .order_by(entries.c.seq)
    )
    for by_seq, raw in connection.execute(telling).all():
        for first, last in ranges_in(_details(raw), by_seq):
            gone = (
                select(entries.c.seq, literal(by_seq))
                .where(entries.c.seq.between(first, min(last, by_seq - 1)))
                .where(~exists().where(details.c.seq == entries.c.seq), ~exists().where(erased.c.seq == entries.c.seq))
            )
            connection.execute(erased.insert().from_select(["seq", "by_seq"], gone))


def _table(name: str) -> Table:
    return Base.metadata.tables[name]


def _parts(connection: Connection) -> Iterator[Sequence[Row[Any]]]:
    entries, details = _table("log_entries"), _table("log_details")
    columns: tuple[ColumnElement[Any], ...] = (entries.c.leaf, entries.c.object, details.c.details)
    if connection.dialect.name == "sqlite":
        # SQLite lets anybody put text into a column of bytes and bytes into one of text; read as bytes, neither stops us.
        columns = tuple(cast(column, LargeBinary).label(column.name) for column in columns)
    query = (
        select(entries.c.seq, *columns)
        .outerjoin(details, details.c.seq == entries.c.seq)
        .order_by(entries.c.seq)
        .limit(AT_ONCE)
    )
    last = -1
    while rows := connection.execute(query.where(entries.c.seq > last)).all():
        yield rows
        last = rows[-1].seq


def _terms(row: "Row[Any]") -> list[dict[str, Any]]:
    object_id = _text(row.object)
    found = terms.of(object_id, _details(row.details))
    return [{"name": name, "value": value, "seq": row.seq} for name, value in found]


def _details(raw: bytes | None) -> Mapping[str, Any]:
    try:
        read = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _text(raw: bytes | str | None) -> str:
    try:
        return raw if isinstance(raw, str) else (raw or b"").decode()
    except UnicodeDecodeError:
        return ""


class _Nodes:
    """Builds the stored levels from the leaves; a gap leaves out the nodes above it and no other."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []
        self._waiting: dict[int, list[tuple[int, bytes]]] = {}

    def leaf(self, seq: int, value: bytes | None) -> None:
        """The next leaf, or what stands in its place."""
        if value is not None and len(value) == HASH_BYTES and seq >= 0:
            self._take(0, seq, bytes(value))

    def _take(self, level: int, position: int, value: bytes) -> None:
        beside = self._waiting.setdefault(level, [])
        if beside and beside[0][0] // _WIDTH != position // _WIDTH:
            beside.clear()
        beside.append((position, value))
        if len(beside) == _WIDTH:
            tree = CompactRange()
            for _position, one in beside:
                tree.append(one)
            beside.clear()
            at, value = position // _WIDTH, tree.root()
            self.made.append({"level": level + LEVELS_APART, "position": at, "hash": value})
            self._take(level + LEVELS_APART, at, value)
