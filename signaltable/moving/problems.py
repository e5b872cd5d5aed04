"""What can be in the way of a move, each in one line that says what to do. Never an address, never a value of a row."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from signaltable.domain import SignaltableError

AGAIN: Final = "run the same command again: it goes on where it was"
# PostgreSQL: what an error code means for a move (appendix A of its manual).
_CODES: Final = {
    "53100": f"the disk of the database is full; make room and {AGAIN}",
    "22001": "a text is longer than PostgreSQL keeps there; look for what was changed by hand (signaltable audit fsck)",
    "22003": "a number is larger than PostgreSQL keeps there; look for what was changed by hand (signaltable audit fsck)",
    "22021": "a text holds a sign that PostgreSQL cannot keep; look for what was changed by hand (signaltable audit fsck)",
    "22P02": "a value is of another kind than its column; look for what was changed by hand (signaltable audit fsck)",
    "42501": "the role may not do that; give the address of the role that owns the tables (DATABASE_OWNER_URL)",
    "55P03": f"others use the tables; stop them and {AGAIN}",
}
_TWICE: Final = "23505"
_SQLITE: Final = {
    "database or disk is full": _CODES["53100"],
    "database is locked": f"somebody else writes into the database; stop them and {AGAIN}",
    "attempt to write a readonly database": "the file of the database may not be written by this user",
    "disk I/O error": f"the disk of the database cannot be read or written; look at the disk and {AGAIN}",
    "file is not a database": "the file is no database of SQLite, or a damaged one",
    "database disk image is malformed": "the file of the database is damaged; restore it from a backup first",
    "Could not decode to UTF-8": "a text of the database is not text; look for what was changed by hand (signaltable audit fsck)",
}


class CannotMove(SignaltableError):
    """The move is refused, or broken off; what arrived stays and the same command goes on."""


@contextmanager
def told(where: str) -> Iterator[None]:
    """Turn what a database says into one line. `where` is for people: the table, or what was being done."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, psycopg.Error) as error:
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        said = error.orig if isinstance(error, DBAPIError) else error
        code = str(getattr(said, "sqlstate", "") or "")
        lost = lost or (isinstance(said, psycopg.OperationalError) and not code)
        raise CannotMove(f"{where}: {line_of(code, str(said), lost=lost)}") from None


def line_of(code: str, said: str, *, lost: bool = False) -> str:
    """One line for what a driver said: the code of PostgreSQL, or words of SQLite. Nothing else of its words comes along."""
    if code in _CODES:
        return _CODES[code]
    if code == _TWICE:
        return "a row is there twice; the old database changed while it was moved; empty the new one and begin anew"
    for words, meaning in _SQLITE.items():
        if words in said:
            return meaning
    if lost or code[:2] in {"57", "08"}:
        return f"the connection with the database was lost; {AGAIN}"
    return f"the database refused it{f' ({code})' if code else ''}; {AGAIN}"
