"""Indexes and foreign keys of the database that rows arrive in: away while they arrive, and made again of what is there.

Row by row they take more time than the rows; and a row may point at one that arrives later. What was taken away is kept in the
database itself, as the statement that makes it, so that a move which was broken off knows what is missing.
"""

import json
from collections.abc import Iterator
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import Connection

from signaltable import database_marks

# The statements that are still to be done, in the database that rows arrive in.
TO_MAKE: Final = "to_make"


def take_away(connection: Connection) -> None:
    """Drop every index that is no constraint, and on PostgreSQL every foreign key, remembering how each was made."""
    found = list(_on_sqlite(connection) if connection.dialect.name == "sqlite" else _on_postgresql(connection))
    for drop, _make in found:
        connection.exec_driver_sql(drop)
    database_marks.write(connection, TO_MAKE, json.dumps([make for _drop, make in found]))


def to_make(connection: Connection) -> list[str]:
    """The statements that are still to be done."""
    told: list[str] = json.loads(database_marks.read(connection).get(TO_MAKE, "[]"))
    return told


def make_next(connection: Connection) -> int:
    """Do one of them, in the transaction of the caller. Returns how many are left."""
    first, *rest = to_make(connection)
    connection.exec_driver_sql(first)
    if rest:
        database_marks.write(connection, TO_MAKE, json.dumps(rest))
    else:
        database_marks.take_away(connection, TO_MAKE)
    return len(rest)


def _on_sqlite(connection: Connection) -> Iterator[tuple[str, str]]:
    quote = connection.dialect.identifier_preparer.quote
    found = connection.execute(
        text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name")
    )
    for name, made in found.all():
        yield f"DROP INDEX {quote(name)}", made


def _on_postgresql(connection: Connection) -> Iterator[tuple[str, str]]:
    indexes = connection.execute(
        text(
            "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i "
            "JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = current_schema()::regnamespace "
            "AND c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT 1 FROM pg_constraint o WHERE o.conindid = i.indexrelid) "
            "ORDER BY 1"
        )
    )
    for name, made in indexes.all():
        yield f"DROP INDEX {name}", made
    keys = connection.execute(
        text(
            "SELECT o.conrelid::regclass::text, quote_ident(o.conname), pg_get_constraintdef(o.oid) FROM pg_constraint o "
            "WHERE o.contype = 'f' AND o.connamespace = current_schema()::regnamespace AND o.conparentid = 0 ORDER BY 1, 2"
        )
    )
    for table, name, made in keys.all():
        yield f"ALTER TABLE {table} DROP CONSTRAINT {name}", f"ALTER TABLE {table} ADD CONSTRAINT {name} {made}"
