"""The fields of subjects past the object layer: with millions of rows, every look at a statement or a value counts.

On SQLite one statement reads and writes each row once, and calls back for what has to stand in it: reading the rows and
finding them again to write takes twice the time. PostgreSQL, which is another process, gives all rows and takes them back
as three arrays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

# Subject, name, what is sealed, and whether it is sure; gives what is to be sealed there instead, or the very same.
Each = Callable[[str, str, bytes, int], bytes]
_SEALED_ANEW: Final = "signaltable_sealed_anew"


@dataclass(frozen=True, slots=True)
class _Dialect:
    """What the databases spell differently, with ? for values."""

    mark: str
    next_keys: str
    locking: str


# In the order in which the rows lie, so that a batch touches each page of the file once and no other batch touches it.
# The row where the last batch ended is found by its key: numbers of rows change when the file is made smaller. When it was
# erased meanwhile, all begins again, which does no harm.
_SQLITE: Final = _Dialect(
    "?",
    "SELECT subject_id, agency_id FROM subject_keys WHERE rowid > "
    "coalesce((SELECT rowid FROM subject_keys WHERE subject_id = ? AND agency_id = ?), 0) ORDER BY rowid LIMIT ?",
    "",
)
# Locked, because somebody else may change rows between reading and writing; on SQLite nobody can.
_POSTGRESQL: Final = _Dialect(
    "%s",
    "SELECT subject_id, agency_id FROM subject_keys WHERE (subject_id, agency_id) > (?, ?) "
    "ORDER BY subject_id, agency_id LIMIT ?",
    " FOR UPDATE",
)
_PUT_BACK: Final = (
    "UPDATE subject_fields SET sealed = new.sealed "
    "FROM unnest(%b::text[], %b::text[], %b::bytea[]) AS new (subject_id, name, sealed) "
    "WHERE subject_fields.subject_id = new.subject_id AND subject_fields.name = new.name"
)


class Driver:
    """The connection of a transaction as the driver has it: no statement is looked at by anybody else."""

    def __init__(self, session: Session) -> None:
        connection = session.connection()
        self._raw: Any = connection.connection.dbapi_connection
        self._in_process = connection.dialect.name == "sqlite"
        self._dialect = _SQLITE if self._in_process else _POSTGRESQL

    def next_keys(self, subject: str, agency: str, limit: int) -> list[tuple[str, str]]:
        """The (subject, agency) of the wrapped keys that come after this one; from the first when it is not there."""
        return self._read(self._dialect.next_keys, subject, agency, limit)

    def keys_of(self, subjects: Sequence[str]) -> list[tuple[str, str, bytes]]:
        """The (subject, agency, wrapped) of all keys of these subjects, locked until the commit."""
        query = f"SELECT subject_id, agency_id, wrapped FROM subject_keys WHERE {_among(subjects)} "  # noqa: S608
        return self._read(query + "ORDER BY subject_id, agency_id" + self._dialect.locking, *subjects)

    def write_keys(self, rows: Sequence[tuple[bytes, str, str]]) -> None:
        """Put back wrapped keys: (wrapped, subject, agency)."""
        statement = "UPDATE subject_keys SET wrapped = ? WHERE subject_id = ? AND agency_id = ?"
        cursor = self._raw.cursor()
        cursor.executemany(statement.replace("?", self._dialect.mark), rows)
        cursor.close()

    def rewrite_fields(self, subjects: Sequence[str], each: Each) -> None:
        """Let `each` say what every field of these subjects is sealed as.

        It gets them in the order of their keys, if the database does what it has always done. What it raises ends it.
        """
        if self._in_process:
            self._rewrite_in_place(subjects, each)
            return
        rows = self._read(
            f"SELECT subject_id, name, sealed, sure FROM subject_fields WHERE {_among(subjects)} "  # noqa: S608
            'ORDER BY subject_id, name COLLATE "C" FOR UPDATE',
            *subjects,
        )
        made = [(subject, name, each(subject, name, sealed, sure)) for subject, name, sealed, sure in rows]
        if made:
            self._raw.execute(_PUT_BACK, [list(column) for column in zip(*made, strict=True)])

    def _rewrite_in_place(self, subjects: Sequence[str], each: Each) -> None:
        raised: list[BaseException] = []

        def told(subject: str, name: str, sealed: bytes, sure: int) -> bytes:
            try:
                return each(subject, name, sealed, sure)
            except BaseException as error:
                # The driver only says that something was raised.
                raised.append(error)
                raise

        self._raw.create_function(_SEALED_ANEW, 4, told)
        try:
            self.run(
                f"UPDATE subject_fields SET sealed = {_SEALED_ANEW}(subject_id, name, sealed, sure) "  # noqa: S608
                f"WHERE {_among(subjects)}",
                *subjects,
            )
        except self._raw.OperationalError:
            if raised:
                raise raised[0] from None
            raise
        finally:
            self._raw.create_function(_SEALED_ANEW, 4, None)

    def run(self, statement: str, *values: object) -> Any:
        """A cursor behind a statement with ? for values."""
        return self._raw.execute(statement.replace("?", self._dialect.mark), values)

    def _read(self, statement: str, *values: object) -> list[Any]:
        rows: list[Any] = self.run(statement, *values).fetchall()
        return rows


def _among(subjects: Sequence[str]) -> str:
    # A list of values, not a query: for that SQLite would go over the rows twice.
    return f"subject_id IN ({', '.join('?' * len(subjects)) or 'NULL'})"
