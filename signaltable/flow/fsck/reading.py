"""Reading the log as it is stored, in one snapshot, so that people who work meanwhile cause no false alarm."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from signaltable import audit_trail
from signaltable.models import LogDetail, LogEntry, LogErased
from signaltable.transaction import Program, reading


@contextmanager
def snapshot(program: Program) -> Iterator[Session]:
    """A reading session that sees the log as it is at one moment, on both databases."""
    with reading(program) as session:
        if session.get_bind().dialect.name == "postgresql":
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session


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


def as_bytes(stored_value: bytes | str | None) -> bytes:
    """What stands in a column of bytes. SQLite lets anybody put text there; a check must not stumble over that."""
    if stored_value is None:
        return b""
    return stored_value.encode() if isinstance(stored_value, str) else bytes(stored_value)
