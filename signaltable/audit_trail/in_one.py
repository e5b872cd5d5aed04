"""All rows of an append in one statement, for PostgreSQL.

Whoever else wants to append waits while somebody holds the head of the log, so what counts there is how often the program
waits for the server: once instead of five times. SQLite, which has no such way, runs inside the program.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, String, Table
from sqlalchemy.engine import Connection

from signaltable.db import Base
from signaltable.models import LogDetail, LogEntry, LogHead, LogNode, LogTerm

# Entries first; the others point at them.
TABLES: Final = tuple(Base.metadata.tables[mapped.__tablename__] for mapped in (LogEntry, LogDetail, LogNode, LogTerm))
_HEAD: Final = Base.metadata.tables[LogHead.__tablename__]
# How PostgreSQL calls the types of the columns of the log.
_TYPES: Final = ((BigInteger, "bigint"), (Integer, "bigint"), (LargeBinary, "bytea"), (String, "text"))


def write(connection: Connection, rows: Sequence[Sequence[Mapping[str, Any]]], head: Mapping[str, Any]) -> None:
    """Store the rows of each of TABLES, and the new head, by one statement of PostgreSQL."""
    given = {f"head_{name}": value for name, value in head.items()}
    for table, made in zip(TABLES, rows, strict=True):
        given |= {f"{table.name}_{column.name}": [row[column.name] for row in made] for column in table.columns}
    connection.exec_driver_sql(_statement(tuple(head)), given)


@cache
def _statement(head: tuple[str, ...]) -> str:
    parts = ", ".join(f"{table.name}_rows AS ({_insertion(table)})" for table in TABLES)
    moved = ", ".join(f"{name} = %(head_{name})s" for name in head)
    return f"WITH {parts} UPDATE {_HEAD.name} SET {moved} WHERE id = 1"  # noqa: S608 -- names of tables and columns only


def _insertion(table: Table) -> str:
    names = ", ".join(column.name for column in table.columns)
    lists = ", ".join(f"%({table.name}_{column.name})s::{_type_of(column)}[]" for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({lists})"  # noqa: S608 -- names only


def _type_of(column: Column[Any]) -> str:
    kind = column.type
    if isinstance(kind, DateTime) or isinstance(getattr(kind, "impl", None), DateTime):
        return "timestamptz"
    return next(name for known, name in _TYPES if isinstance(kind, known))
