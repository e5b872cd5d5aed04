"""What goes wrong where things are kept: the database is away, the disk is full, others hold everything up.

Each of these passes by itself or with the help of an administrator, and none is the fault of who asked. What the driver and
the system say of it stays here: it quotes addresses, statements and file names. So it is with what a database refuses for
what it is: then the rule is told by its name, and never the row.
"""

import errno
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from signaltable.domain import SignaltableError

# What is wrong: nothing can be reached, nothing can be written, or everything waits for somebody else.
AWAY, FULL, BUSY = "away", "full", "busy"
# How many seconds somebody had better wait before they try again (RFC 9110, Retry-After).
AGAIN_AFTER: Final[Mapping[str, int]] = MappingProxyType({AWAY: 30, FULL: 300, BUSY: 10})
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        AWAY: "the database cannot be reached, or its disk cannot be read",
        FULL: "there is no room left where the program keeps things",
        BUSY: "too much is going on at once",
    }
)

# PostgreSQL, appendix A: classes and single codes. No code at all means that the connection itself is gone.
_CLASSES: Final = {"08": AWAY}
_CODES: Final = {
    **dict.fromkeys(("57P01", "57P02", "57P03", "57P04", "57P05", "25006", "58000", "58030"), AWAY),
    **dict.fromkeys(("53100", "54000"), FULL),
    **dict.fromkeys(("53000", "53200", "53300", "55P03", "57014"), BUSY),
}
# SQLite, sqlite3.h: the primary codes. A file that was taken away or cannot be written to is as good as no database.
_PRIMARY: Final = 0xFF
_SQLITE: Final = {5: BUSY, 6: BUSY, 8: AWAY, 10: AWAY, 13: FULL, 14: AWAY}
_SQLITE_CONSTRAINT: Final = 19
_INTEGRITY: Final = "23"
_SYSTEM: Final = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), FULL),
    **dict.fromkeys((errno.EIO, errno.EROFS), AWAY),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), BUSY),
}


class StorageFault(SignaltableError):
    """Something could not be kept, or not be read. `kind` is one of AWAY, FULL and BUSY.

    `unsure`: the connection broke at the very moment of storing, and nobody could be asked what came of it. Then `place`
    says where the log has it if it was stored (the place and the leaf of an entry), and `tables` what would be changed.
    """

    def __init__(
        self, kind: str, *, unsure: bool = False, place: tuple[int, bytes] | None = None, tables: Iterable[str] = ()
    ) -> None:
        told = "it is not known whether this was stored" if unsure else "nothing was stored"
        super().__init__(f"{WORDS[kind]}; {told}")
        self.kind, self.unsure, self.place, self.tables = kind, unsure, place, frozenset(tables)

    @property
    def again_after(self) -> int:
        """After how many seconds it is worth trying again."""
        return AGAIN_AFTER[self.kind]


def fault_of(error: BaseException) -> StorageFault | None:
    """What went wrong where things are kept; None when this error says something else."""
    if isinstance(error, StorageFault):
        return error
    kind = _kind_of(error)
    return StorageFault(kind) if kind else None


def _kind_of(error: BaseException) -> str:
    if isinstance(error, NoConnectionLeft):
        return BUSY
    if isinstance(error, DBAPIError):
        return _of_database(error.orig, lost=error.connection_invalidated or _may_be_lost(error))
    if hasattr(error, "sqlite_errorcode") or hasattr(error, "sqlstate"):
        return _of_database(error, lost=type(error).__name__ == "OperationalError")  # Of a driver, past SQLAlchemy.
    return _SYSTEM.get(error.errno or 0, "") if isinstance(error, OSError) else ""


def _may_be_lost(error: DBAPIError) -> bool:
    return isinstance(error, OperationalError | InterfaceError)


def _of_database(said: Any, *, lost: bool) -> str:
    sqlite = getattr(said, "sqlite_errorcode", None)
    if sqlite is not None:
        return _SQLITE.get(sqlite & _PRIMARY, "")
    state: str = getattr(said, "sqlstate", None) or ""
    if state:
        return _CODES.get(state) or _CLASSES.get(state[:2], "")
    return AWAY if lost else ""


# -- what is refused for what it is ---------------------------------------------------------------------------------

# SQLite, sqlite3.h: SQLITE_CORRUPT and SQLITE_NOTADB. What is wrong, and what to do.
_FILES: Final = {
    11: "the file of the database is damaged; keep it, and put a backup back (docs/backup.md)",
    26: "expected a database of SQLite, found a file that is none; look at DATABASE_URL, or put a backup back (docs/backup.md)",
}
# SQLite names the rule, and the columns where it is about some.
_RULE: Final = re.compile(r"(?:UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed(?:: [\w., ]{1,200})?")


def broken_file(error: BaseException) -> str:
    """What is wrong with the file of a database of SQLite itself, and what to do, apart by "; "; "" for any other mistake."""
    said = error.orig if isinstance(error, DBAPIError) else error
    return _FILES.get(getattr(said, "sqlite_errorcode", 0) & _PRIMARY, "")


def refusal_of(error: BaseException) -> str:
    """What a database refused to store, by the name of its rule and without the row; "" when this error says something else."""
    said: Any = error.orig if isinstance(error, DBAPIError) else error
    if getattr(said, "sqlite_errorcode", 0) & _PRIMARY == _SQLITE_CONSTRAINT:
        told = _RULE.fullmatch(str(said))
        return _refused(told[0] if told else "a rule of the database")
    if (getattr(said, "sqlstate", None) or "")[:2] == _INTEGRITY:
        names = (getattr(said.diag, f"{one}_name") for one in ("constraint", "table", "column"))
        return _refused(" ".join(one for one in names if one) or "a rule of the database")
    return ""


def _refused(rule: str) -> str:
    return (
        f"the database refused a row; expected it to keep to its rules, found against: {rule}; nothing of it was stored"
    )
