"""The engine, the session factory and the column types. SQLite is the embedded default, PostgreSQL the same code."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Boolean, DateTime, Dialect, Engine, MetaData, create_engine, event, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeDecorator

T = TypeVar("T")

# Constraints get names that Alembic can find again on both databases.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# What people are erased from.
ERASED_FROM = (
    "subject_keys",
    "subject_fields",
    "match_tags",
    "match_sketches",
    "signal_keys",
    "signals",
    "text_checks",
    "drafts",
    "disclosures",
    "identity_requests",
    "questions",
    "attachments",
    "attachment_parts",
    "log_details",
)
# How many statements an engine keeps ready, 50 kB each, in every worker; a page has about twenty. And how many a connection
# of SQLite does, of which every thread has several.
STATEMENTS_KEPT = 200
STATEMENTS_OF_CONNECTION = 16
# The execution option that makes SQLite take its write lock at the start of a transaction.
WRITES = "signaltable_writes"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC. Refuses naive values on the way in; always aware on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("expected a moment with a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class HoldsBytes(FunctionElement[bool]):
    """HoldsBytes(column, part): whether a column of bytes holds these bytes; the two databases spell it differently."""

    inherit_cache = True
    name = "holds_bytes"
    type = Boolean()


@compiles(HoldsBytes, "sqlite")
def _holds_bytes_sqlite(element: HoldsBytes, compiler: Any, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)}) > 0"


@compiles(HoldsBytes)
def _holds_bytes(element: HoldsBytes, compiler: Any, **options: Any) -> str:
    whole, part = (compiler.process(one, **options) for one in element.clauses)
    return f"position({part} IN {whole}) > 0"


class Base(DeclarativeBase):
    """Base of all mapped classes."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime}  # noqa: RUF012 -- SQLAlchemy reads a plain dict here


def make_engine(url: str) -> Engine:
    """An engine for `url`; on SQLite with WAL, full synchronisation, foreign keys and a patient write lock."""
    if url.startswith("sqlite"):
        options = {"timeout": 60, "check_same_thread": False, "cached_statements": STATEMENTS_OF_CONNECTION}
        engine = create_engine(url, connect_args=options, query_cache_size=STATEMENTS_KEPT)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(url, pool_pre_ping=True, query_cache_size=STATEMENTS_KEPT)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: `_begin_sqlite` decides which lock is taken, and when.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # NORMAL may lose the newest commits on power loss (perf.md B): not for an audit log.
        "foreign_keys=ON",
        "secure_delete=ON",
        "busy_timeout=60000",
        "cache_size=-2000",  # Per connection; the pages of a large database stand in the memory of the system anyhow.
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer that starts as a reader and upgrades later meets "database is locked" at once; so it queues up front.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def refuse_writes(engine: Engine) -> None:
    """Let every connection of this engine from now on refuse to change anything."""

    def only_read(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    def ask_to_read(_dialect: Dialect, _record: object, _given: object, options: dict[str, Any]) -> None:
        options["options"] = f"{options.get('options', '')} -c default_transaction_read_only=on".strip()

    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", only_read)
    else:
        event.listen(engine, "do_connect", ask_to_read)
    engine.dispose()  # Connections from before would still take changes.


def make_sessions(engine: Engine, *, writes: bool) -> sessionmaker[Session]:
    """A factory of sessions that read, or of sessions that write."""
    bind = engine.execution_options(**{WRITES: True}) if writes else engine
    return sessionmaker(bind, expire_on_commit=False)


def empty_write_ahead_log(session: Session) -> bool:
    """Put everything that SQLite keeps beside the database into it, so that no old page stays in the file beside it.

    With `secure_delete` the database itself holds zeros where something was deleted. On PostgreSQL the space of deleted
    rows is freed and not overwritten (docs/operate.md). While others read, what they need stays; whether all of it is done.
    """
    bind = session.get_bind()
    if bind.dialect.name != "sqlite":
        with bind.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as vacuuming:
            vacuuming.execute(text(f"VACUUM {', '.join(ERASED_FROM)}"))
        return True
    connection = bind.engine.raw_connection()
    try:
        cursor = connection.cursor()
        (busy, _pages, _moved) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        cursor.close()
        return not busy
    finally:
        connection.close()
