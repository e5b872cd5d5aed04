"""What a database says of itself: which programs work with it, and whether it was moved elsewhere.

A database that is being moved, or was, is closed: a trigger of the database itself refuses every step of the log, so that
nobody goes on working in the old one, also not a program that runs already or an older one. Nothing that counts is
written without a step of the log (transaction.py).
"""

from typing import Final

from sqlalchemy import inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from signaltable import schema
from signaltable.db import Base
from signaltable.models import DatabaseMark

# The oldest program that works with these tables, as the newest migration says.
WORKS_WITH: Final = "works_with"
# In the database that is left: the id of its move, while it runs and when it is done.
LEAVING, LEFT = "leaving", "left"
# In the database that it goes to: the same; in between, that everything is there and the same on both sides.
ARRIVING, COMPARED, ARRIVED = "arriving", "compared", "arrived"

TRIGGER: Final = "log_head_closed"
CLOSED: Final = "this database was moved"
_TABLE: Final = Base.metadata.tables[DatabaseMark.__tablename__]


def read(connection: Connection) -> dict[str, str]:
    """All marks by name; none in a database that was made before there were any."""
    if not inspect(connection).has_table("database_marks"):
        return {}
    return {row.name: row.value for row in connection.execute(select(_TABLE.c.name, _TABLE.c.value))}


def write(connection: Connection, name: str, value: str) -> None:
    """Set one mark, in the transaction of the caller."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(_TABLE)
    row = {"name": name, "value": value}
    connection.execute(insert.values(row).on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def take_away(connection: Connection, *names: str) -> None:
    """Take marks away, in the transaction of the caller."""
    connection.execute(_TABLE.delete().where(_TABLE.c.name.in_(names)))


def revision(connection: Connection) -> str:
    """The mark of the migration that the tables came to; "" where no migration ran."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return max(connection.scalars(text("SELECT version_num FROM alembic_version")), default="")


def problem(connection: Connection, *, only_reading: bool = False) -> str:
    """Why this program cannot work with this database, in one line; "" when it can.

    Whoever only reads may look at a database that was left: it is evidence.
    """
    marks = read(connection)
    wrong = schema.problem(revision(connection), marks.get(WORKS_WITH, ""))
    if wrong or only_reading:
        return wrong
    if LEFT in marks:
        return "this database was moved elsewhere; let DATABASE_URL name where it went"
    if LEAVING in marks:
        return "this database is being moved; end that with the same `signaltable move`, or with its --give-up"
    if ARRIVING in marks:
        return "a move into this database is not finished; run the same `signaltable move` again"
    return ""


# What the trigger does, on each of the two databases.
_REFUSAL: Final = f"BEFORE UPDATE ON log_head BEGIN SELECT RAISE(ABORT, '{CLOSED}'); END"
_BODY: Final = f" BEGIN RAISE EXCEPTION '{CLOSED}'; END "


def close(connection: Connection) -> None:
    """Let the database refuse every step of its log from now on, as the owner of its tables."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"CREATE TRIGGER IF NOT EXISTS {TRIGGER} {_REFUSAL}")
        return
    connection.exec_driver_sql(
        f"CREATE OR REPLACE FUNCTION {TRIGGER}() RETURNS trigger AS $${_BODY}$$ LANGUAGE plpgsql"
    )
    connection.exec_driver_sql(
        f"CREATE OR REPLACE TRIGGER {TRIGGER} BEFORE UPDATE ON log_head FOR EACH ROW EXECUTE FUNCTION {TRIGGER}()"
    )


def is_closed(connection: Connection) -> bool:
    """Whether the trigger of `close` stands, and does nothing else."""
    if connection.dialect.name == "sqlite":
        query = text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name")
        return connection.execute(query, {"name": TRIGGER}).scalar() == f"CREATE TRIGGER {TRIGGER} {_REFUSAL}"
    query = text(
        "SELECT p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
        "WHERE t.tgname = :name AND t.tgrelid = to_regclass('log_head')"
    )
    return connection.execute(query, {"name": TRIGGER}).scalar() == _BODY


def open_again(connection: Connection) -> None:
    """Take back `close`."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {TRIGGER}")
        return
    connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {TRIGGER} ON log_head")
    connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {TRIGGER}()")
