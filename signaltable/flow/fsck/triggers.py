"""The fence around the log: whether every trigger is there, does what it should, and holds when somebody tries it."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from signaltable import database_marks, places, row_level
from signaltable.audit_trail import fence
from signaltable.flow.fsck.report import Found
from signaltable.transaction import Program

# What is tried, in a transaction that is rolled back: (table, statement). Each must be refused.
TRIALS: Sequence[tuple[str, str]] = (
    ("log_entries", "UPDATE log_entries SET action = action WHERE seq = 0"),
    ("log_entries", "DELETE FROM log_entries WHERE seq = 0"),
    ("log_details", "UPDATE log_details SET salt = salt WHERE seq = 0"),
    ("log_checkpoints", "UPDATE log_checkpoints SET note = note WHERE size = (SELECT min(size) FROM log_checkpoints)"),
    ("log_checkpoints", "DELETE FROM log_checkpoints WHERE size = (SELECT min(size) FROM log_checkpoints)"),
    ("log_head", "UPDATE log_head SET size = size - 1"),
    ("log_head", "DELETE FROM log_head"),
)
# A trigger is asked for each row: where there is none, nothing is refused.
THERE = {
    "log_entries": "SELECT 1 FROM log_entries WHERE seq = 0",
    "log_details": "SELECT 1 FROM log_details WHERE seq = 0",
    "log_checkpoints": "SELECT 1 FROM log_checkpoints LIMIT 1",
    "log_head": "SELECT 1 FROM log_head",
}


def check_triggers(session: Session, found: Found) -> None:
    """The definitions in the database against those of the program, and triggers and policies that nobody of ours made."""
    connection = session.connection()
    wanted = fence.triggers(connection.dialect.name)
    found.count("triggers", len(wanted))
    for name in fence.missing(connection):
        found.add(
            "missing-trigger", f"trigger {name}", "it is gone, switched off, or does something else than it should"
        )
    for name in places.gaps(connection):
        found.add("missing-trigger", f"trigger {name}", "it is gone or switched off, so lists leave out what waits")
    for name, _table in sorted(_placed(connection) - _ours(connection)):
        found.add("unknown-trigger", f"trigger {_safe(name)}", "this program did not make it")
    for gap in (*row_level.role_gaps(connection), *row_level.table_gaps(connection)):
        if gap.strange:
            table, _, name = gap.place.rpartition(".")
            found.add("unknown-trigger", f"rule {_safe(name)} on {_safe(table)}", gap.what)
        else:
            found.add("open-fence", f"row-level security {_safe(gap.place)}", gap.what)
    for one in places.differences(connection):
        what = f"{one.missing} things are missing in this list, and {one.left_over} are left over"
        found.add("missing-trigger", f"list {_safe(one.list)}", what)
    for name, table in _rules(connection):
        found.add("unknown-trigger", f"rule {_safe(name)} on {_safe(table)}", "this program did not make it")


def try_triggers(program: Program, found: Found) -> None:
    """Try to change the log, without changing it: what is not refused was let through by a fence that is no fence."""
    with program.write_sessions() as session:
        for table, statement in TRIALS:
            if session.execute(text(THERE[table])).first() is None:
                continue
            found.count("refusals_tried")
            trial = session.begin_nested()
            try:
                session.execute(text(statement))
            except DBAPIError:
                trial.rollback()
            else:
                trial.rollback()
                verb = statement.partition(" ")[0]
                found.add(
                    "missing-trigger", f"{verb} {table}", "the database let this through; it was taken back at once"
                )
        session.rollback()


def _ours(connection: Connection) -> set[tuple[str, str]]:
    """The triggers of this program with their tables: on another table the same name is somebody else's."""
    dialect = connection.dialect.name
    of_log = {name: name.partition("_no_")[0] for name in fence.triggers(dialect)}
    closed = {database_marks.TRIGGER: "log_head"} if database_marks.is_closed(connection) else {}
    return {*of_log.items(), *places.triggers(dialect).items(), *closed.items()}


def _placed(connection: Connection) -> set[tuple[str, str]]:
    """Every trigger that there is, with its table."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = (
            "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE NOT t.tgisinternal AND n.nspname = ANY (current_schemas(false))"
        )
    return {(str(name), str(table)) for name, table in connection.execute(text(query))}


def _rules(connection: Connection) -> Sequence[tuple[str, str]]:
    """Rules of PostgreSQL on tables: they can put something else in the place of a write."""
    if connection.dialect.name == "sqlite":
        return ()
    query = (
        "SELECT r.rulename, c.relname FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') "
        "AND n.nspname = ANY (current_schemas(false)) ORDER BY 1, 2"
    )
    return [(str(name), str(table)) for name, table in connection.execute(text(query))]


def _safe(name: str) -> str:
    """A stranger's name, cut and without signs that a terminal would follow."""
    return ascii(name)[1:-1][:60]
