"""The index as the database keeps it: its triggers, filling it anew, and whether it is what the queries say."""

# Every name in these texts of SQL stands in this package.
# ruff: noqa: S608

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from signaltable import advisory
from signaltable.places.queries import PLACES, Places, spelled, watched, words

TABLE: Final = "list_places"
COLUMNS: Final = "list, scope, object_id, signal_id, at"
# Where a changed row leaves others behind, whose places change too.
_BOTH: Final = frozenset({"subject_groups"})
_MOVES: Final = ("state", "table_id", "owner_agency")


def _adding(places: Places, dialect: str, of: str) -> list[str]:
    return [
        f"INSERT INTO {TABLE} ({COLUMNS}) {spelled(query, dialect, of)} ON CONFLICT DO NOTHING"
        for query in places.queries
    ]


def _anew(places: Places, dialect: str, which: str) -> list[str]:
    """The statements that make some places anew: those of which `key` is `which`."""
    gone = f"DELETE FROM {TABLE} WHERE {places.key} {which} AND list IN ({words(places.lists)})"
    return [gone, *_adding(places, dialect, f" AND {places.by} {which}")]


def _of_signal(dialect: str, sought: str) -> list[str]:
    """What has to be done when a signal changed, by its id."""
    return [one for places in PLACES for one in _anew(places, dialect, places.of_signal.replace("{sought}", sought))]


def _of_change(table: str, dialect: str, row: str) -> list[str]:
    """What has to be done when a row of another table came, changed or went; `row` is NEW or OLD."""
    return [
        one
        for places in PLACES
        if table in places.tables
        for one in _anew(places, dialect, places.which(table).replace("{row}", row))
    ]


# -- SQLite ------------------------------------------------------------------------------------------------------------


def _sqlite_triggers() -> dict[str, str]:
    made: dict[str, str] = {}

    def add(table: str, name: str, when: str, statements: Sequence[str]) -> None:
        full = f"places_{table}_{name}"
        body = " ".join(f"{one};" for one in statements)
        made[full] = f"CREATE TRIGGER {full} AFTER {when} ON {table} FOR EACH ROW BEGIN {body} END"

    for table, columns in watched().items():
        add(table, "new", "INSERT", _of_change(table, "sqlite", "NEW"))
        if columns:
            both = _of_change(table, "sqlite", "OLD") if table in _BOTH else []
            add(table, "changed", f"UPDATE OF {', '.join(columns)}", [*both, *_of_change(table, "sqlite", "NEW")])
        add(table, "gone", "DELETE", _of_change(table, "sqlite", "OLD"))
    moved = _of_signal("sqlite", "NEW.id")
    add("signals", "changed", f"UPDATE OF {', '.join(_MOVES)}", moved)
    add("signals", "gone", "DELETE", [f"DELETE FROM {TABLE} WHERE signal_id = OLD.id"])
    return made


# -- PostgreSQL --------------------------------------------------------------------------------------------------------

# Run as the owner of the tables, who alone writes places. The fence lets it see every row that they are made of, and knows it
# by this search path (signaltable/row_level); so every table stands in the functions with its schema.
_OPTIONS: Final = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, fence, pg_temp"
_NAMED: Final = re.compile(r"\b(FROM|JOIN|INTO) ([a-z_]+)")
# So many locks there are for cases, and as many for links and groups. A lock for each would fill the table of locks of the
# server, which holds some thousands, when somebody changes a whole region at once; two cases with one lock only wait.
LOCKS: Final = 1024


def _holding(table: str, rows: Sequence[str]) -> str:
    """Hold the cases, then the links and groups, of which places are made anew for these rows, until the transaction ends.

    Each in the order of their locks, so that two who want the same ones do not wait for each other.
    """
    cases = [places.cases_of(table) for places in PLACES if table in places.tables] or ["SELECT {row}.id"]
    groups = [places.groups[table] for places in PLACES if table in places.groups]
    held = ((advisory.CASES, cases), (advisory.GROUPS, groups))
    return _body([_locking(advisory.kind(what), _of_rows(queries, rows)) for what, queries in held if queries])


def _of_rows(queries: Sequence[str], rows: Sequence[str]) -> str:
    each = [one.replace("{row}", row).replace("{sought}", f"{row}.id") for one in queries for row in rows]
    return " UNION ".join(dict.fromkeys(each))


def _locking(kind: int, ids: str) -> str:
    slots = f"SELECT DISTINCT hashtext(one.id::text) & {LOCKS - 1} AS slot FROM ({ids}) one(id) ORDER BY 1"
    return f"PERFORM pg_advisory_xact_lock({kind}, held.slot) FROM ({slots}) held"


def _postgres_functions() -> dict[str, str]:
    """Name -> body of the functions behind the triggers."""
    made: dict[str, str] = {}
    for table in watched():
        new, old = _of_change(table, "postgresql", "NEW"), _of_change(table, "postgresql", "OLD")
        both = f"{_holding(table, ('OLD', 'NEW'))} {_body(old)}"
        before = f"IF TG_OP = 'UPDATE' THEN {both} END IF;" if table in _BOTH else ""
        made[f"places_{table}"] = (
            f"BEGIN IF TG_OP = 'DELETE' THEN {_holding(table, ('OLD',))} {_body(old)} "
            f"ELSE {before} {_holding(table, ('NEW',))} {_body(new)} END IF; RETURN NULL; END"
        )
    moved = _of_signal("postgresql", "NEW.id")
    gone = f"DELETE FROM {TABLE} WHERE signal_id = OLD.id"
    made["places_signals"] = (
        f"BEGIN IF TG_OP = 'DELETE' THEN {gone}; ELSE {_holding('signals', ('NEW',))} {_body(moved)} END IF; RETURN NULL; END"
    )
    return made


def _body(statements: Sequence[str]) -> str:
    return " ".join(f"{one};" for one in statements)


# -- putting it up -----------------------------------------------------------------------------------------------------


def put_up(connection: Connection) -> None:
    """Make the triggers anew and fill the places from what is there, as the owner of the tables."""
    take_down(connection)
    if connection.dialect.name == "sqlite":
        for statement in _sqlite_triggers().values():
            connection.exec_driver_sql(statement)
    else:
        _put_up_postgres(connection)
    rebuild(connection)


def _put_up_postgres(connection: Connection) -> None:
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    for name, body in _bodies(schema).items():
        connection.exec_driver_sql(
            f"CREATE OR REPLACE FUNCTION fence.{name}() RETURNS trigger {_OPTIONS} AS $${body}$$"
        )
        # Who may call it could hang it on a table of their own and take away what waits for others.
        connection.exec_driver_sql(f"REVOKE ALL ON FUNCTION fence.{name}() FROM PUBLIC")
    moves = {**watched(), "signals": _MOVES}
    for table, columns in moves.items():
        call = f"FOR EACH ROW EXECUTE FUNCTION fence.places_{table}()"
        events = "DELETE" if table == "signals" else "INSERT OR DELETE"
        connection.exec_driver_sql(f"CREATE TRIGGER places_{table} AFTER {events} ON {table} {call}")
        if columns:
            said = ", ".join(columns)
            differs = " OR ".join(f"OLD.{one} IS DISTINCT FROM NEW.{one}" for one in columns)
            connection.exec_driver_sql(
                f"CREATE TRIGGER places_{table}_changed AFTER UPDATE OF {said} ON {table} "
                f"FOR EACH ROW WHEN ({differs}) EXECUTE FUNCTION fence.places_{table}()"
            )


def _bodies(schema: str) -> Mapping[str, str]:
    """The functions of PostgreSQL with every table in its schema."""
    return {name: _NAMED.sub(rf"\1 {schema}.\2", body) for name, body in _postgres_functions().items()}


def triggers(dialect: str) -> Mapping[str, str]:
    """The names of the triggers that keep the places, with the table on which each stands."""
    if dialect == "sqlite":
        return {name: sql.partition(" ON ")[2].partition(" ")[0] for name, sql in _sqlite_triggers().items()}
    moves = {**watched(), "signals": _MOVES}
    changed = {f"places_{table}_changed": table for table, columns in moves.items() if columns}
    return {**changed, **{f"places_{table}": table for table in moves}}


def take_down(connection: Connection) -> None:
    """Take the triggers away; the places stay as they are until they are put up again."""
    if connection.dialect.name == "sqlite":
        for name in _sqlite_triggers():
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        return
    for table in (*watched(), "signals"):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS places_{table} ON {table}")
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS places_{table}_changed ON {table}")
    for name in _postgres_functions():
        connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS fence.{name}()")


def rebuild(connection: Connection) -> None:
    """Make every place anew from the things themselves."""
    connection.exec_driver_sql(f"DELETE FROM {TABLE}")
    for places in PLACES:
        for statement in _adding(places, connection.dialect.name, ""):
            connection.exec_driver_sql(statement)


@dataclass(frozen=True, slots=True)
class Difference:
    """A list in which places are missing or stand for nothing any more, and how many of each."""

    list: str
    missing: int
    left_over: int


def differences(connection: Connection) -> list[Difference]:
    """Where the places are not what the things say; empty when all is well. Reads both whole: minutes for a million."""
    dialect = connection.dialect.name
    wanted = " UNION ".join(spelled(query, dialect, "") for places in PLACES for query in places.queries)
    query = (
        f"WITH wanted(list, scope, object_id, signal_id, at) AS ({wanted}), "
        f"missing AS (SELECT * FROM wanted EXCEPT SELECT {COLUMNS} FROM {TABLE}), "
        f"left_over AS (SELECT {COLUMNS} FROM {TABLE} EXCEPT SELECT * FROM wanted) "
        "SELECT list, sum(missing), sum(left_over) FROM (SELECT list, 1 AS missing, 0 AS left_over FROM missing "
        "UNION ALL SELECT list, 0, 1 FROM left_over) found GROUP BY list ORDER BY list"
    )
    return [Difference(*row) for row in connection.exec_driver_sql(query)]


def gaps(connection: Connection) -> list[str]:
    """The names of triggers that are gone, or do something else than they should; empty where all stand."""
    if not inspect(connection).has_table(TABLE):
        return [TABLE]
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        found = {str(row.name): str(row.sql) for row in rows}
        return [name for name, wanted in _sqlite_triggers().items() if found.get(name) != wanted]
    bodies = _bodies(connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one())
    rows = connection.execute(
        text(
            "SELECT t.tgname, c.relname, p.proname, p.prosrc FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace WHERE NOT t.tgisinternal "
            "AND t.tgenabled = 'O' AND n.nspname = 'fence' AND p.prosecdef AND pg_table_is_visible(t.tgrelid)"
        )
    )
    sound = {
        (name, table)
        for name, table, called, body in rows
        if called == f"places_{table}" and body == bodies.get(called)
    }
    return sorted(name for name, table in triggers("postgresql").items() if (name, table) not in sound)
