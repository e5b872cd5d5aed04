"""Locks of PostgreSQL that stand for no row (advisory locks): which there are, and the number of each.

A lock is asked for by what it stands for, and its number is made of these words, so that no two mean the same by accident.
On SQLite one transaction writes at a time, and nothing has to be held.
"""

import hashlib
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

MIGRATION: Final = "migration"
LINKS: Final = "decisions about links"
# Locks in two parts, of which the first says what the second is a number of; PostgreSQL keeps these apart from whole ones.
CASES: Final = "places of cases"
GROUPS: Final = "places of links and groups"


def number(what: str) -> int:
    """The number of a lock: 64 bits with a sign."""
    digest = hashlib.sha256(f"signaltable {what}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def kind(what: str) -> int:
    """The first part of a lock in two parts: 32 bits with a sign."""
    return number(what) >> 32


def hold(session: Session, what: str) -> None:
    """Wait until nobody else holds this lock, and hold it until the transaction ends. Does nothing on SQLite."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(number(what))))


def hold_by_connection(connection: Connection, what: str) -> None:
    """The same on PostgreSQL until the connection ends."""
    connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": number(what)})


def try_to_hold(connection: Connection, what: str) -> bool:
    """Hold it until the connection ends or `let_go`, unless somebody else has it."""
    return bool(connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": number(what)}))


def let_go(connection: Connection, what: str) -> None:
    """Give back what `try_to_hold` gave."""
    connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number(what)})


def is_held(connection: Connection, what: str) -> bool:
    """Whether anybody holds it now, in this database."""
    # The two halves of the number, as PostgreSQL lists them.
    whole = number(what) % 2**64
    listed = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND classid::bigint = :high AND objid::bigint = :low"
    )
    return bool(connection.scalar(listed, {"high": whole >> 32, "low": whole % 2**32}))
