"""The fence around the log: triggers by which the database itself refuses to change it. The tree is the proof, this the fence.

`Transaction` never meets it; whoever types SQL does. A fence that somebody took away, switched off or hollowed out is
found by `missing`, and what was done behind it by the tree. A change here asks for a migration that puts it up again.
"""

from collections.abc import Iterator, Mapping

from sqlalchemy import text
from sqlalchemy.engine import Connection

REFUSAL = "the log only grows"

# Table -> its primary key. SQLite replaces a row without asking the triggers on UPDATE and DELETE (INSERT OR REPLACE),
# so there a row in the place of another is refused too.
_KEYS = {
    "log_entries": ("seq",),
    "log_details": ("seq",),
    "log_checkpoints": ("size",),
    "log_nodes": ("level", "position"),
    "log_erased": ("seq",),
    "log_head": ("id",),
}
TABLES = tuple(_KEYS)

# Table and verb -> when it is allowed after all; the others never are.
_UNLESS = {
    # Details go only when an entry says so (GDPR art. 17).
    ("log_details", "DELETE"): "EXISTS (SELECT 1 FROM log_erased WHERE seq = OLD.seq)",
    ("log_head", "UPDATE"): "NEW.id = OLD.id AND NEW.size > OLD.size AND NEW.recorded_at >= OLD.recorded_at",
}


def triggers(dialect: str) -> Mapping[str, str]:
    """The name of every trigger and the statement that makes it; on PostgreSQL they call the functions of `functions`."""
    return dict(_on_sqlite() if dialect == "sqlite" else _on_postgresql())


def functions(dialect: str) -> Mapping[str, str]:
    """PostgreSQL only: the functions behind the triggers and the words between BEGIN and END in each."""
    if dialect == "sqlite":
        return {}
    made = {"log_only_grows": f"RAISE EXCEPTION '{REFUSAL}';"}
    for (table, verb), condition in _UNLESS.items():
        row = "OLD" if verb == "DELETE" else "NEW"
        made[f"{table}_{verb.lower()}"] = f"IF {condition} THEN RETURN {row}; END IF; RAISE EXCEPTION '{REFUSAL}';"
    return made


def put_up(connection: Connection) -> None:
    """Make every function and trigger anew."""
    dialect = connection.dialect.name
    for name, body in functions(dialect).items():
        connection.execute(
            text(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger AS $$ BEGIN {body} END $$ LANGUAGE plpgsql")
        )
    for name, statement in triggers(dialect).items():
        connection.execute(text(_drop(dialect, name)))
        connection.execute(text(statement))


def take_away(connection: Connection) -> None:
    """Drop every trigger: for a migration that goes back, and for tests that do what an intruder would do."""
    for name in triggers(connection.dialect.name):
        connection.execute(text(_drop(connection.dialect.name, name)))


def missing(connection: Connection) -> list[str]:
    """The names of triggers that are not there, were switched off, or do something else than they should."""
    wanted = triggers(connection.dialect.name)
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
        found = {str(name): " ".join(str(sql).split()) for name, sql in rows}
        return sorted(name for name, statement in wanted.items() if found.get(name) != statement)
    bodies = functions("postgresql")
    rows = connection.execute(
        text(
            "SELECT t.tgname, t.tgenabled, p.proname, p.prosrc, pg_get_triggerdef(t.oid) FROM pg_trigger t "
            # Those on tables of the same name elsewhere guard nothing.
            "JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal AND pg_table_is_visible(t.tgrelid)"
        )
    )
    sound = {
        name
        for name, enabled, function, source, told in rows
        if enabled in {"O", "A"}
        and source.strip() == f"BEGIN {bodies.get(function)} END"
        and _says(told, wanted.get(name))
    }
    return sorted(wanted.keys() - sound)


def _says(told: str, wanted: str | None) -> bool:
    """Whether PostgreSQL tells of the trigger that was made; it names the schema, and the verbs in an order of its own."""
    return wanted is not None and sorted(_words(told)) == sorted(_words(wanted))


def _words(statement: str) -> list[str]:
    return [word.rpartition(".")[2] for word in statement.split() if word != "OR"]


def _drop(dialect: str, name: str) -> str:
    return f"DROP TRIGGER IF EXISTS {name}" + ("" if dialect == "sqlite" else f" ON {name.partition('_no_')[0]}")


def _on_sqlite() -> Iterator[tuple[str, str]]:
    for table, key in _KEYS.items():
        for verb in ("UPDATE", "DELETE"):
            condition = _UNLESS.get((table, verb))
            yield _sqlite(table, verb, f"NOT ({condition})" if condition else "")
        there = " AND ".join(f"{column} = NEW.{column}" for column in key)
        yield _sqlite(table, "INSERT", f"EXISTS (SELECT 1 FROM {table} WHERE {there})")  # noqa: S608 - names of this file only


def _sqlite(table: str, verb: str, when: str) -> tuple[str, str]:
    name = f"{table}_no_{verb.lower()}"
    asked = f"WHEN {when} " if when else ""
    return name, f"CREATE TRIGGER {name} BEFORE {verb} ON {table} {asked}BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"


def _on_postgresql() -> Iterator[tuple[str, str]]:
    for table in TABLES:
        for verb in ("UPDATE", "DELETE"):
            function = f"{table}_{verb.lower()}" if (table, verb) in _UNLESS else "log_only_grows"
            yield _postgresql(table, verb, "ROW", function)
        yield _postgresql(table, "TRUNCATE", "STATEMENT", "log_only_grows")


def _postgresql(table: str, verb: str, each: str, function: str) -> tuple[str, str]:
    name = f"{table}_no_{verb.lower()}"
    return name, f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}()"
