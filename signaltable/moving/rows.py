"""Rows as they travel: read in the order of their keys, in one form whatever the database, and added to a table as they are.

What was hashed, sealed or signed must arrive byte for byte, so no value passes through the types of the program: JSON stays
the text that it is, a moment is text in UTC down to the microsecond, yes and no are 1 and 0.
"""

import hashlib
import json
import marshal
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType, NoneType
from typing import Any, Final

from sqlalchemy import JSON, Boolean, Column, Date, Float, Integer, LargeBinary, Table
from sqlalchemy.engine import Connection

from signaltable.db import UtcDateTime
from signaltable.moving.problems import MEND, CannotMove

Row = tuple[Any, ...]
# So many rows are read at once, and at most so many and so many bytes are added in one commit.
READ_AT_ONCE: Final = 2_000
ROWS_OF_COMMIT: Final = 20_000
BYTES_OF_COMMIT: Final = 16 * 1024 * 1024
# Sums of digests are kept to this many bits.
DIGEST_BITS: Final = 256
MOMENT: Final = "%Y-%m-%d %H:%M:%S.%f"
MOMENT_LENGTH: Final = len("2026-11-23 09:30:00.000000")

# How a column travels, and of which types its values then are.
TEXT, BYTES, NUMBER, REAL, TRUTH, DOCUMENT, WHEN, DAY = (
    "text",
    "bytes",
    "number",
    "real",
    "truth",
    "json",
    "moment",
    "day",
)
_TYPES: Final[Mapping[str, frozenset[type]]] = MappingProxyType(
    {
        **dict.fromkeys((TEXT, DOCUMENT, WHEN, DAY), frozenset({str, NoneType})),
        BYTES: frozenset({bytes, NoneType}),
        REAL: frozenset({float, NoneType}),
        **dict.fromkeys((NUMBER, TRUTH), frozenset({int, NoneType})),
    }
)
# How PostgreSQL gives each of them in that form; the others it gives so by itself.
_POSTGRESQL: Final[Mapping[str, str]] = MappingProxyType(
    {
        TRUTH: "{}::int",
        DOCUMENT: "{}::text",
        WHEN: "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
        DAY: "to_char({}, 'YYYY-MM-DD')",
    }
)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a table travels: its columns with their kinds, and which of them are its key."""

    table: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    key: tuple[int, ...]


@cache
def shape_of(table: Table) -> Shape:
    """The shape of a table; what the database computes by itself does not travel."""
    columns = [column for column in table.columns if column.computed is None]
    names = tuple(column.name for column in columns)
    key = tuple(names.index(column.name) for column in table.primary_key.columns)
    return Shape(table.name, names, tuple(_kind(column) for column in columns), key)


def _kind(column: "Column[Any]") -> str:
    kinds = (
        (LargeBinary, BYTES),
        (Boolean, TRUTH),
        (Integer, NUMBER),
        (Float, REAL),
        (JSON, DOCUMENT),
        (UtcDateTime, WHEN),
        (Date, DAY),
    )
    return next((kind for of, kind in kinds if isinstance(column.type, of)), TEXT)


# -- reading ------------------------------------------------------------------------------------------------------


def read(connection: Connection, shape: Shape, after: Sequence[Any] = ()) -> Iterator[list[Row]]:
    """The rows behind the key `after` in the order of their keys, some at a time, within the transaction of the caller.

    Raises `CannotMove` for a value of another kind than its column, which SQLite lets anybody write.
    """
    driver: Any = connection.connection.driver_connection
    postgresql = connection.dialect.name == "postgresql"
    cursor = driver.cursor(name="moving") if postgresql else driver.cursor()
    try:
        cursor.execute(_query(connection, shape, bool(after)), tuple(after))
        while rows := cursor.fetchmany(READ_AT_ONCE):
            yield rows if postgresql else _sound(shape, rows)
    finally:
        cursor.close()


def _query(connection: Connection, shape: Shape, further: bool) -> str:
    quote, postgresql = connection.dialect.identifier_preparer.quote, connection.dialect.name == "postgresql"
    forms = _POSTGRESQL if postgresql else {}
    told = (forms.get(kind, "{}").format(quote(name)) for name, kind in zip(shape.names, shape.kinds, strict=True))
    keys = ", ".join(f"{quote(shape.table)}.{quote(shape.names[at])}" for at in shape.key)
    signs = ", ".join(["%s" if postgresql else "?"] * len(shape.key))
    where = f" WHERE ({keys}) > ({signs})" if further else ""
    return f"SELECT {', '.join(told)} FROM {quote(shape.table)}{where} ORDER BY {keys}"  # noqa: S608 - names of our tables


def _sound(shape: Shape, rows: list[Row]) -> list[Row]:
    """The rows with every value of the kind of its column, in the one form that this kind has."""
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    changed = False
    for at, kind in enumerate(shape.kinds):
        if set(map(type, columns[at])) <= _TYPES[kind] and _usual(kind, columns[at]):
            continue
        mend = _MENDING.get(kind)
        try:
            columns[at] = [value if value is None or mend is None else mend(value) for value in columns[at]]
        except (ValueError, TypeError):
            mend = None
        if mend is None:
            raise CannotMove(
                f"{shape.table}.{shape.names[at]}: expected values of the kind {kind}, found another; {MEND}"
            )
        changed = True
    return list(zip(*columns, strict=True)) if changed else rows


def _usual(kind: str, values: Sequence[Any]) -> bool:
    if kind == WHEN:
        return set(map(len, filter(None, values))) <= {MOMENT_LENGTH} and "" not in values
    return kind != TRUTH or set(values) <= {0, 1, None}


def _moment(value: Any) -> str:
    read_as = datetime.fromisoformat(value)
    return (read_as.astimezone(UTC) if read_as.tzinfo else read_as).strftime(MOMENT)


def _document(value: Any) -> str:
    # A column of JSON that holds a number alone comes out of SQLite as that number.
    if isinstance(value, bytes):
        raise TypeError
    return value if isinstance(value, str) else json.dumps(value)


def _real(value: Any) -> float:
    if isinstance(value, str | bytes):
        raise TypeError
    return float(value)


_MENDING: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {WHEN: _moment, DOCUMENT: _document, REAL: _real}
)


def digest_of(rows: Iterable[Row]) -> int:
    """The sum of the digests of rows: the same whatever their order, since databases sort text by different rules."""
    # `marshal` writes None, numbers, text and bytes in one way each in this version of its format, and faster than anything.
    return sum(int.from_bytes(hashlib.sha256(marshal.dumps(row, 2)).digest()) for row in rows) % (1 << DIGEST_BITS)


def count(connection: Connection, shape: Shape) -> int:
    """How many rows a table has."""
    query = f"SELECT count(*) FROM {connection.dialect.identifier_preparer.quote(shape.table)}"  # noqa: S608
    return int(connection.exec_driver_sql(query).scalar_one())


# -- adding -------------------------------------------------------------------------------------------------------


def add(connection: Connection, shape: Shape, rows: Sequence[Row]) -> None:
    """Add rows to a table, within the transaction of the caller."""
    quote, driver = connection.dialect.identifier_preparer.quote, connection.connection.driver_connection
    into = f"{quote(shape.table)} ({', '.join(map(quote, shape.names))})"
    if isinstance(driver, sqlite3.Connection):
        driver.executemany(f"INSERT INTO {into} VALUES ({', '.join('?' * len(shape.names))})", rows)  # noqa: S608
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:  # type: ignore[union-attr]
        for row in rows:
            copy.write_row(row)


def put_in_place(connection: Connection, shape: Shape, rows: Sequence[Row]) -> None:
    """Let rows that the making of the tables put there say what these say, found by their keys."""
    quote = connection.dialect.identifier_preparer.quote
    sign = "?" if connection.dialect.name == "sqlite" else "%s"
    others = [at for at in range(len(shape.names)) if at not in shape.key]
    sets = ", ".join(f"{quote(shape.names[at])} = {sign}" for at in others)
    where = " AND ".join(f"{quote(shape.names[at])} = {sign}" for at in shape.key)
    for row in rows:
        values = tuple(row[at] for at in (*others, *shape.key))
        connection.exec_driver_sql(f"UPDATE {quote(shape.table)} SET {sets} WHERE {where}", values)  # noqa: S608


def key_as_text(shape: Shape, row: Row) -> str:
    """The key of a row, to be kept until the move goes on."""
    return json.dumps([{"hex": row[at].hex()} if isinstance(row[at], bytes) else row[at] for at in shape.key])


def key_of_text(told: str) -> Row:
    """The key that `key_as_text` kept; empty for ""."""
    parts = json.loads(told) if told else []
    return tuple(bytes.fromhex(part["hex"]) if isinstance(part, dict) else part for part in parts)


def in_commits(parts: Iterable[list[Row]]) -> Iterator[list[Row]]:
    """The same rows, as many at a time as go into one commit: bounded in rows and in bytes."""
    waiting: list[Row] = []
    size = 0
    for part in parts:
        for row in part:
            waiting.append(row)
            size += sum(len(value) for value in row if isinstance(value, str | bytes))
            if len(waiting) >= ROWS_OF_COMMIT or size >= BYTES_OF_COMMIT:
                yield waiting
                waiting, size = [], 0
    if waiting:
        yield waiting
