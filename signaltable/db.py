"""The engine, the session factory and the column types. SQLite is the embedded default, PostgreSQL the same code."""

import math
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar, cast
from weakref import WeakSet

from sqlalchemy import Boolean, DateTime, Dialect, Engine, MetaData, Table, create_engine, event, make_url, text
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.exc import DisconnectionError
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
    "export_parts",
    "search_rows",
    "search_terms",
)
# How many statements an engine keeps ready, 50 kB each, in every worker; a page has about twenty, and SQLAlchemy keeps half
# as many again before it drops what was used longest ago. And how many a connection of SQLite does, some kB each: a submit
# sends forty, and preparing those again took as long as running them.
STATEMENTS_KEPT = 64
STATEMENTS_OF_CONNECTION = 64
# How long a connection to PostgreSQL waits for a host that says nothing (libpq, in seconds; the last in milliseconds), so that
# whoever asked gets an answer. The address may say otherwise.
PATIENCE = {"connect_timeout": 5, "keepalives_idle": 20, "keepalives_interval": 5, "keepalives_count": 3}
PATIENCE |= {"tcp_user_timeout": 30_000}
# How long somebody waits to write into SQLite, and the pauses between two looks whether they may, in seconds.
PATIENT_SECONDS = 60
SHORTEST_PAUSE, LONGEST_PAUSE, PAUSES_GROW = 0.0002, 0.004, 1.1
# The class of mistakes in a value, which PostgreSQL quotes (appendix A of its manual).
DATA_EXCEPTION = "22"
# A connection to PostgreSQL that lay so many seconds unused is asked whether it still lives.
ASKED_AFTER = 1.0
_IDLE_SINCE = "signaltable_idle_since"
# The execution option that makes SQLite take its write lock at the start of a transaction.
WRITES = "signaltable_writes"
# How PostgreSQL commits what others wait for (`let_go_early`). The commit itself waits for no disk; right behind it comes another
# one, which holds nothing and waits for what it wrote (a line that says nothing) and so for all that was written before. Both
# go in one message, and the server answers it once all of it is on disk.
_COMMIT_EARLY = "SET LOCAL synchronous_commit = off; COMMIT; SELECT pg_logical_emit_message(true, 'signaltable', '')"
_MAY_COMMIT_EARLY = (
    "SELECT bool_and(has_function_privilege(oid, 'EXECUTE')) FROM pg_proc WHERE proname = 'pg_logical_emit_message'"
)
_EARLY, _MAY_EARLY = "signaltable_early", "signaltable_may_early"


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


def table_of(mapped: type[Base]) -> Table:
    """The table of a class, for statements past the session."""
    return cast(Table, mapped.__table__)


# The engines of this process.
_ENGINES: WeakSet[Engine] = WeakSet()


def _close_idle() -> None:
    """Close what no thread uses. Two processes on one connection get each other's answers; and SQLite forbids it as well."""
    for engine in list(_ENGINES):
        engine.dispose()


os.register_at_fork(before=_close_idle)


def make_engine(url: str, patience: Mapping[str, int] = PATIENCE) -> Engine:
    """An engine for `url`; on SQLite with WAL, full synchronisation, foreign keys and a patient write lock.

    What an error says leaves out the values of statements and rows, which are about people. A process that forks hands no
    idle connection on. `patience` is how long it waits for a host of PostgreSQL.
    """
    engine = _make_engine(url, patience)
    _ENGINES.add(engine)
    return engine


def _make_engine(url: str, patience: Mapping[str, int]) -> Engine:
    if url.startswith("sqlite"):
        options = {"timeout": 60, "check_same_thread": False, "cached_statements": STATEMENTS_OF_CONNECTION}
        engine = create_engine(url, connect_args=options, query_cache_size=STATEMENTS_KEPT, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    given = {name: value for name, value in patience.items() if name not in make_url(url).query}
    engine = create_engine(url, query_cache_size=STATEMENTS_KEPT, connect_args=given, hide_parameters=True)
    event.listen(engine, "handle_error", _leave_out_values)
    event.listen(engine, "checkin", _note_idle)
    event.listen(engine, "checkout", _ask_whether_it_lives)
    engine.dialect.do_commit = partial(_commit, engine.dialect.do_commit)  # type: ignore[method-assign]
    return engine


def _leave_out_values(context: ExceptionContext) -> None:
    """Let neither the error of the driver nor the one around it quote rows and values."""
    around, before = context.sqlalchemy_exception, str(context.original_exception)
    leave_out_values(context.original_exception)
    if around is not None:
        around.args = (str(around.args[0]).replace(before, str(context.original_exception)),)


def leave_out_values(said: Any) -> None:
    """Let an error of the driver of PostgreSQL quote no rows and values: details, context, what was no number."""
    if getattr(said, "diag", None) is None or not said.diag.message_primary:
        return  # Of the connection itself; there are no rows in that.
    state = said.sqlstate or ""
    said.args = (f"data exception {state}" if state.startswith(DATA_EXCEPTION) else said.diag.message_primary,)


def let_go_early(connection: Connection) -> None:
    """Let the coming commit of this connection end what others wait for before the disk has it, and return once it has.

    On PostgreSQL who commits holds its locks until the disk answers, so those who wait for one row wait for the disk one
    after the other. This way they share what it writes. Others may see what was committed a moment before it is on disk,
    and what they commit is on disk after it; who holds nothing that others wait for has no need of this.
    """
    connection.info[_EARLY] = True


def _commit(plain: Callable[[Any], None], connection: Any) -> None:
    if not connection.info.pop(_EARLY, False) or not _may_commit_early(connection):
        plain(connection)
        return
    with connection.cursor() as cursor:
        cursor.execute(_COMMIT_EARLY, prepare=False)


def _may_commit_early(connection: Any) -> bool:
    """Whether a server lets us, which everybody may unless somebody took it away; asked once for each connection."""
    if _MAY_EARLY not in connection.info:
        with connection.cursor() as cursor:
            (connection.info[_MAY_EARLY],) = cursor.execute(_MAY_COMMIT_EARLY).fetchone()
    return bool(connection.info[_MAY_EARLY])


def _note_idle(_connection: Any, record: Any) -> None:
    record.info[_IDLE_SINCE] = time.monotonic()


def _ask_whether_it_lives(connection: Any, record: Any, _proxy: Any) -> None:
    """Ask the server on a connection that lay for a while; one that was used a moment ago would have told. Asking takes a way
    to the server and back, a tenth of what a small transaction takes.

    Raises `DisconnectionError`, on which the pool opens a new one.
    """
    if time.monotonic() - record.info.get(_IDLE_SINCE, math.inf) < ASKED_AFTER:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except Exception:  # noqa: BLE001 -- whatever it is, this connection is of no use
        raise DisconnectionError from None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: `_begin_sqlite` decides which lock is taken, and when.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # NORMAL may lose the newest commits on power loss (perf.md B): not for an audit log.
        "foreign_keys=ON",
        "secure_delete=ON",
        f"busy_timeout={PATIENT_SECONDS * 1000}",
        # Of each connection, and a process has some for each of its threads. With half of it a submit read 173 pages from
        # the system, with this 42, with twice as much 23.
        "cache_size=-1024",
        "cache_spill=500",  # What is changed stays in memory up to 2 MB: written early, it may be written twice.
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer that starts as a reader and upgrades later meets "database is locked" at once; so it queues up front.
    if connection.get_execution_options().get(WRITES, False):
        _queue_to_write(connection)
        return
    try:
        # Through SQLAlchemy this takes as long as five small questions, and each request begins to read twice.
        _driver_of(connection).execute("BEGIN")
    except sqlite3.Error:
        connection.exec_driver_sql("BEGIN")  # Asked once more for what SQLAlchemy raises.


def _driver_of(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _queue_to_write(connection: Connection) -> None:
    """Take the write lock. SQLite itself would look for it ever more seldom, up to ten times a second, while it lies free."""
    driver = _driver_of(connection)
    driver.execute("PRAGMA busy_timeout=0")
    try:
        if not _taken_within(driver, PATIENT_SECONDS):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        driver.execute(f"PRAGMA busy_timeout={PATIENT_SECONDS * 1000}")


def _taken_within(driver: sqlite3.Connection, seconds: float) -> bool:
    """Begin to write as soon as nobody else does; False when that took too long, or something else is wrong with the file.

    Past SQLAlchemy, which takes twenty times as long to say no: SQLAlchemy is asked once more for what it raises.
    """
    until, pause = time.monotonic() + seconds, SHORTEST_PAUSE
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                return False
        else:
            return True
        time.sleep(pause)
        pause = min(pause * PAUSES_GROW, LONGEST_PAUSE)


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


class WritingSession(Session):
    """A session that writes. A class of its own, so that what is listened to in it is set up once and costs readers nothing."""


def make_sessions(engine: Engine, *, writes: bool) -> sessionmaker[Session]:
    """A factory of sessions that read, or of sessions that write."""
    if not writes:
        return sessionmaker(engine, expire_on_commit=False)
    return sessionmaker(engine.execution_options(**{WRITES: True}), class_=WritingSession, expire_on_commit=False)


# So many times as long as it was: plans that were good then may not be now.
OUTGROWN: Final = 4


def refresh_statistics(session: Session) -> None:
    """Let SQLite learn from samples how many rows its indexes find: without that it takes an index on a state for a good way
    into a table of millions. Takes a fraction of a second. PostgreSQL does so by itself (autovacuum).
    """
    bind = session.get_bind()
    if bind.dialect.name == "sqlite":
        connection = bind.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA analysis_limit=1000")
            cursor.execute("ANALYZE")
            # A connection reads what was learned together with the tables there are, and so never again; that the tables
            # changed makes all of them read it, also those that processes keep open for weeks.
            for statement in ("BEGIN IMMEDIATE", "CREATE VIEW learned AS SELECT 1", "DROP VIEW learned", "COMMIT"):
                cursor.execute(statement)
            cursor.close()
        finally:
            connection.close()


def refresh_outgrown_statistics(session: Session, entries: int) -> None:
    """Let SQLite learn again when the log, of `entries`, is several times as long as when it learned last.

    Told that a list holds twenty places, it looks through all of them for each row that comes, also when there are 100,000:
    a region that gets its first months of signals on one day cannot wait for the night.
    """
    if session.get_bind().dialect.name != "sqlite":
        return
    if not session.scalar(text("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'")):
        return  # Of a database that it knows nothing about, SQLite expects much.
    known = session.scalar(text("SELECT stat FROM sqlite_stat1 WHERE tbl = 'log_entries' AND stat <> '' LIMIT 1"))
    if entries > OUTGROWN * int(str(known or "0").split()[0]):
        refresh_statistics(session)


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
