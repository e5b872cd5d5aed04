"""Reading the log as it is stored, in one snapshot, so that people who work meanwhile cause no false alarm."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, literal_column, select
from sqlalchemy.orm import Session

from signaltable import audit_trail
from signaltable.models import LogDetail, LogEntry, LogErased
from signaltable.transaction import Program, reading


@contextmanager
def snapshot(program: Program) -> Iterator[Session]:
    """A reading session that sees the log as it is at one moment, on both databases."""
    with reading(program, whole="the check compares every row with the log") as session, at_one_moment(session):
        yield session


@contextmanager
def at_one_moment(session: Session) -> Iterator[None]:
    """Let a session that has asked nothing yet see the database as it is at one moment."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield
    else:
        with _any_text(session):
            yield


@contextmanager
def _any_text(session: Session) -> Iterator[None]:
    """Let SQLite give text that is no UTF-8 too: it keeps any bytes as text, and one such value would end the check."""
    driver: Any = session.connection().connection.driver_connection
    usual, driver.text_factory = driver.text_factory, _readable
    try:
        yield
    finally:
        driver.text_factory = usual


def _readable(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def stored(until: int | None = None) -> "Select[Any]":
    """Every entry in order with its details and salt, or None for both when they were destroyed, and by which entry."""
    query: Select[Any] = (
        select(*LogEntry.__table__.columns, LogDetail.details, LogDetail.salt, LogErased.by_seq)
        .outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
        .outerjoin(LogErased, LogErased.seq == LogEntry.seq)
        .order_by(LogEntry.seq)
        .execution_options(yield_per=audit_trail.BATCH)
    )
    return query if until is None else query.where(LogEntry.seq < until)


def as_stored(column: str) -> "ColumnElement[Any]":
    """A moment as the text that the database makes of it: a check must not break off on what somebody wrote there.

    SQLite keeps anything as a moment, and PostgreSQL the end of time, which no driver reads.
    """
    return cast(literal_column(column), Text)


RECORDED_AT: "ColumnElement[Any]" = as_stored("log_entries.recorded_at").label("recorded_at")


def raw_entries() -> "Select[Any]":
    """The same, with the moment as it is stored."""
    columns = [column for column in LogEntry.__table__.columns if column.name != "recorded_at"]
    return stored().with_only_columns(*columns, RECORDED_AT, LogDetail.details, LogDetail.salt, LogErased.by_seq)


def as_bytes(stored_value: bytes | str | None) -> bytes:
    """What stands in a column of bytes. SQLite lets anybody put text there; a check must not stumble over that."""
    if isinstance(stored_value, bytes | memoryview):
        return bytes(stored_value)
    return b"" if stored_value is None else str(stored_value).encode()


def moment_of(stored_value: Any) -> int | None:
    """A moment as it is stored, in ms since 1970; None for what is no moment."""
    if isinstance(stored_value, str):
        try:
            stored_value = datetime.fromisoformat(stored_value)
        except ValueError:
            return None
    if not isinstance(stored_value, datetime):
        return None
    aware = stored_value if stored_value.tzinfo else stored_value.replace(tzinfo=UTC)
    return audit_trail.milliseconds(aware)
