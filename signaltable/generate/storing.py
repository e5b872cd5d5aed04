"""Writing what was made: rows in bulk, into a home that is thrown away when the writing is broken off."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event

from signaltable.audit_trail.appending import Stretch, append_stretch
from signaltable.db import Base
from signaltable.generate.repeating import Repeated
from signaltable.transaction import Program, Transaction

# Nobody waits for the disk, and nothing can be taken back: a home that is broken off is thrown away. With a journal each
# page was written twice, and once more by each statement, which keeps what it changes as it was until it is done.
_FAST: Final = ("journal_mode = OFF", "synchronous = OFF", "temp_store = MEMORY")
# So many kilobytes of pages are kept, or a fourth of the memory. Ids, tags and terms are random, so each row changes a page
# of its own in every index; a page that many rows change is written once for all of them.
_MOST_PAGES_KB: Final = 4_000_000
# Nothing looks for rows of these tables by what their indexes hold while others are stored, neither a trigger nor a foreign
# key. Their indexes are half of all, and larger than the pages in memory when a region is large: then each row waits for
# pages. Made at the end, an index is sorted once.
_INDEXED_LAST: Final = ("decisions", "log_entries", "log_terms", "match_tags", "signal_moves", "signals")
_INDEXES: Final = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql LIKE 'CREATE INDEX %'"
)
_TERM: Final = itemgetter("term", "number")


def store(tx: Transaction, made: Repeated, stretch: Stretch) -> None:
    """The rows in an order in which each finds what it points at, and the entries that tell of them."""
    connection = tx.session.connection()
    for table in Base.metadata.sorted_tables:
        rows = made.rows.get(table.name)
        if rows:
            if table.name == "search_terms":
                rows.sort(key=_TERM)  # As they lie in the index, which is quicker by far.
            connection.execute(table.insert(), rows)
    append_stretch(tx.session, stretch)


@contextmanager
def quickly(program: Program) -> Iterator[None]:
    """Store as fast as the database can, and leave it as it was declared, looked through, and on the disk.

    Nobody else may have the database open. After an error it is of no use.
    """
    engine = _engine(program)
    if engine.dialect.name != "sqlite":
        yield
        # Outside of any transaction, which would be taken back at the end.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
        engine.dispose()
        return
    engine.dispose()  # What is open already would go on as it was opened.
    event.listen(engine, "connect", _hurry)
    try:
        later = list[str]()
        with _cursor(engine) as cursor:
            for table in _INDEXED_LAST:
                for name, declared in cursor.execute(_INDEXES, [table]).fetchall():
                    later.append(declared)
                    cursor.execute(f'DROP INDEX "{name}"')
            # What is known of the few rows there are now would let triggers look through whole tables when there are many:
            # at 300,000 signals that took three quarters of the time.
            if cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone():
                cursor.execute("DELETE FROM sqlite_stat1")
        engine.dispose()  # Processes that repeat are forked after this.
        yield
        with _cursor(engine) as cursor:
            cursor.execute("PRAGMA temp_store = FILE")  # What is sorted may be larger than the memory.
            for declared in later:
                cursor.execute(declared)
            cursor.execute("ANALYZE")
    finally:
        event.remove(engine, "connect", _hurry)
        engine.dispose()
    with Path(str(engine.url.database)).open("rb") as file:
        os.fsync(file.fileno())


def _engine(program: Program) -> Engine:
    with program.read_sessions() as session:
        bind = session.get_bind()
        assert isinstance(bind, Engine)
        return bind


def _hurry(connection: Any, _record: object) -> None:
    for pragma in (*_FAST, f"cache_size = -{_pages_kb()}"):
        connection.execute(f"PRAGMA {pragma}")


def _pages_kb() -> int:
    return min(_MOST_PAGES_KB, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4096)


@contextmanager
def _cursor(engine: Engine) -> Iterator[Any]:
    """A cursor past SQLAlchemy, of which each statement counts at once."""
    raw = engine.raw_connection()
    try:
        yield raw.cursor()
    finally:
        raw.close()
