"""Statements that are made beforehand and run by the driver: for the few that nearly every request sends.

SQLAlchemy's Core builds them, once for each database, with the types of their columns; running one then costs a tenth of
what it costs through Core (signaltable/bench/submit.py), in the same connection and the same transaction. What goes wrong
is raised as SQLAlchemy raises it, without the values.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, NoReturn

from sqlalchemy import BindParameter, ClauseElement, Connection, Dialect, Executable, Table, bindparam
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from signaltable.db import leave_out_values

Values = Mapping[str, Any]
Convert = Callable[[Any], Any] | None


class Prepared:
    """A statement with named values. Sends nothing before it is asked to."""

    def __init__(self, statement: Executable, columns: Sequence[str] = ()) -> None:
        """`columns` are those that an INSERT fills in."""
        self._statement = statement
        self._columns = list(columns) or None
        self._ready: dict[str, _Ready] = {}

    def rows(self, connection: Connection, values: Values) -> list[tuple[Any, ...]]:
        """The rows that it gives with these values."""
        ready = self._ready.get(connection.dialect.name) or self._made_ready(connection.dialect)
        cursor = run(connection, ready.sql, ready.bound(values), False)
        try:
            return ready.read(cursor.fetchall())
        finally:
            cursor.close()

    def first(self, connection: Connection, values: Values) -> tuple[Any, ...] | None:
        """The first row, or None. Ask for one row only where there may be many."""
        found = self.rows(connection, values)
        return found[0] if found else None

    def change(self, connection: Connection, many: Sequence[Values]) -> None:
        """Send it once for each of these, for the sake of what it changes."""
        ready = self._ready.get(connection.dialect.name) or self._made_ready(connection.dialect)
        bound = [ready.bound(values) for values in many]
        run(connection, ready.sql, bound if len(bound) > 1 else bound[0], len(bound) > 1).close()

    def changed(self, connection: Connection, values: Values) -> int:
        """Send it, and tell how many rows it added, changed or took away."""
        ready = self._ready.get(connection.dialect.name) or self._made_ready(connection.dialect)
        cursor = run(connection, ready.sql, ready.bound(values), False)
        try:
            return int(cursor.rowcount)  # Asked before it is closed: psycopg forgets it then.
        finally:
            cursor.close()

    def _made_ready(self, dialect: Dialect) -> "_Ready":
        ready = self._ready[dialect.name] = _Ready(self._statement, dialect, self._columns)
        return ready


class _Ready:
    """A statement as one database takes it."""

    def __init__(self, statement: Executable, dialect: Dialect, columns: list[str] | None) -> None:
        assert isinstance(statement, ClauseElement)
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        assert isinstance(compiled, SQLCompiler)
        self.sql = compiled.string
        # What stands in the statement itself (a limit, a state) has its value already.
        self._given = {name: value for name, value in compiled.params.items() if value is not None}
        keys = {compiled.bind_names[bind]: bind for bind in compiled.bind_names}
        names = compiled.positiontup if compiled.positional else list(keys)
        assert names is not None
        self._binds: Final = [(name, keys[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names]
        self._is_positional = compiled.positional
        converts = [entry.type.dialect_impl(dialect).result_processor(dialect, None) for entry in _results(compiled)]
        self._converts = converts if any(converts) else None

    def bound(self, values: Values) -> Any:
        """The values as the driver takes them. Raises KeyError for one that is missing."""
        whole = {**self._given, **values} if self._given else values
        if self._is_positional:
            return tuple([whole[name] if convert is None else convert(whole[name]) for name, convert in self._binds])
        return {name: whole[name] if convert is None else convert(whole[name]) for name, convert in self._binds}

    def read(self, found: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Rows of the driver with values as the columns say."""
        if self._converts is None:
            return [tuple(row) for row in found]
        return [
            tuple(
                value if convert is None else convert(value) for value, convert in zip(row, self._converts, strict=True)
            )
            for row in found
        ]


def _results(compiled: SQLCompiler) -> Sequence[Any]:
    return compiled._result_columns  # noqa: SLF001 -- the only place where a compiled statement tells their types


def run(connection: Connection, sql: str, values: Any, many: bool) -> Any:
    """A cursor of the driver that was given this; errors come as those of SQLAlchemy."""
    try:
        cursor = connection.connection.cursor()
        # Whoever watches the statements of an engine sees these, too; those of a connection make a list of each.
        for listener in connection.engine.dispatch.before_cursor_execute:
            sql, values = listener(connection, cursor, sql, values, None, many)
        if many:
            cursor.executemany(sql, values)
        else:
            cursor.execute(sql, values)
    except Exception as error:  # noqa: BLE001 -- the drivers share no class; what is not theirs goes on as it is
        _raise(connection, sql, error)
    return cursor


def _raise(connection: Connection, sql: str, error: Exception) -> NoReturn:
    dialect = connection.dialect
    of_driver = dialect.loaded_dbapi.Error
    if not isinstance(error, of_driver):
        raise error
    broke = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
    leave_out_values(error)  # The event by which the engine does so never hears of this one.
    wrapped = DBAPIError.instance(sql, None, error, of_driver, hide_parameters=True, connection_invalidated=broke)
    if broke:
        connection.invalidate(error)
    raise wrapped from error


@cache
def delete_from(table: Table) -> Prepared:
    """The statement that takes away the row with a key; its values are called as the columns of the key."""
    return Prepared(table.delete().where(*(column == bindparam(column.name) for column in table.primary_key.columns)))


def several(name: str, count: int) -> list[BindParameter[Any]]:
    """So many values to look for in a column, which `numbered` gives."""
    return [bindparam(f"{name}_{place}") for place in range(count)]


def numbered(name: str, values: Iterable[Any]) -> dict[str, Any]:
    """The values of `several`."""
    return {f"{name}_{place}": value for place, value in enumerate(values)}


@cache
def insert_into(table: Table, columns: tuple[str, ...]) -> Prepared:
    """The statement that adds rows with these columns, and with what other columns hold by themselves."""
    filled = {
        column.name: column.default.arg
        for column in table.columns
        if column.name not in columns and isinstance(column.default, ScalarElementColumnDefault)
    }
    return Prepared(table.insert().values(filled) if filled else table.insert(), columns)
