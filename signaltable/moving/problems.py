"""What can be in the way of a move, each in one line that says what to do. Never an address, never a value of a row."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from signaltable.domain import SignaltableError

AGAIN: Final = "run the same command again: it goes on where it was"
# What stands in the rows does not pass by itself: the same command meets it again.
BACK: Final = "`signaltable move … --give-up` opens the old database again"
MEND: Final = (
    f"{BACK}, and `signaltable audit fsck` names a row that was changed by hand; put it right and move to an empty one"
)
ORPHAN: Final = f"a row points at one that does not exist; {MEND}"
# PostgreSQL: what an error code means for a move (appendix A of its manual).
_CODES: Final = {
    "53100": f"the disk of the database is full; make room and {AGAIN}",
    "22001": f"a text is longer than the new database keeps there; {MEND}",
    "22003": f"a number is larger than the new database keeps there; {MEND}",
    **dict.fromkeys(("22021", "22P05"), f"a text holds a sign that PostgreSQL cannot keep; {MEND}"),
    "22P02": f"a value is of another kind than its column; {MEND}",
    "23502": f"a value is missing that has to be there; {MEND}",
    "23503": ORPHAN,
    "23505": f"a row is there twice: the old database changed while it was moved, or by hand before; {MEND}",
    "23514": f"a value is against a rule of its table; {MEND}",
    "42501": "the role may not do that; give the address of the role that owns the tables (DATABASE_OWNER_URL)",
    **dict.fromkeys(("55P03", "55006"), f"others use the tables; stop them and {AGAIN}"),
}
# Whole classes: the connection, what its server has left, what takes turns, what its operator did and what its disk says.
_LOST: Final = frozenset({"08", "57"})
_BUSY: Final = f"the server of the database has too much to do, or something is wrong with it; look at it and {AGAIN}"
_CLASSES: Final = {
    **dict.fromkeys(("53", "40", "58"), _BUSY),
    "22": f"a value is none that the new database keeps there; {MEND}",
    "23": f"a row is against a rule of its table; {MEND}",
}
# What a driver refuses by itself is one of that class as well.
_DATA: Final = "22000"
# Of the drivers, which refuse some values themselves and then give no code of PostgreSQL.
_WORDS: Final = {
    "cannot contain NUL": _CODES["22021"],
    "database or disk is full": _CODES["53100"],
    "database is locked": f"somebody else writes into the database; stop them and {AGAIN}",
    "attempt to write a readonly database": f"the file of the database may not be written by this user; let it, and {AGAIN}",
    "disk I/O error": f"the disk of the database cannot be read or written; look at the disk and {AGAIN}",
    "file is not a database": "the file is no database of SQLite, or a damaged one",
    "database disk image is malformed": "the file of the database is damaged; restore it from a backup first",
    "Could not decode to UTF-8": f"a text of the database is not text; {MEND}",
    "FOREIGN KEY constraint failed": _CODES["23503"],
    "UNIQUE constraint failed": _CODES["23505"],
    "NOT NULL constraint failed": _CODES["23502"],
    "CHECK constraint failed": _CODES["23514"],
    "datatype mismatch": _CODES["22P02"],
}


class CannotMove(SignaltableError):
    """The move is refused, or broken off. What arrived stays; its line says whether the same command goes on."""


@contextmanager
def told(where: str) -> Iterator[None]:
    """Turn what a database says into one line. `where` is for people: the table, or what was being done.

    A database that names the table of a row that it refuses knows it better, and is believed.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, psycopg.Error) as error:
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        said = error.orig if isinstance(error, DBAPIError) else error
        code = str(getattr(said, "sqlstate", "") or "")
        lost = lost or (isinstance(said, psycopg.OperationalError) and not code)
        if isinstance(said, psycopg.DataError) and not code:
            code = _DATA
        raise CannotMove(f"{_table_of(said) or where}: {line_of(code, str(said), lost=lost)}") from None


def _table_of(said: object) -> str:
    return str(said.diag.table_name or "") if isinstance(said, psycopg.Error) else ""


def line_of(code: str, said: str, *, lost: bool = False) -> str:
    """One line for what a driver said: the code of PostgreSQL, or words of a driver. Nothing else of its words comes along.

    Only what may pass by itself, or once somebody looked at the machine, says to run the same command again.
    """
    if code in _CODES:
        return _CODES[code]
    for words, meaning in _WORDS.items():
        if words in said:
            return meaning
    if lost or code[:2] in _LOST:
        return f"the connection with the database was lost; {AGAIN}"
    if code[:2] in _CLASSES:
        return _CLASSES[code[:2]]
    return f"the database refused it{f' ({code})' if code else ''}; as long as the move is not done, {BACK}"
