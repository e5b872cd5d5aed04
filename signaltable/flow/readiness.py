"""Whether this process can do its work now: asked by whatever divides requests over machines, every few seconds.

Tells names only. What exactly is wrong is for `signaltable doctor`, at the machine.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from signaltable import counting, database_marks, row_level, shared_ring
from signaltable.keys import KeyRingError
from signaltable.transaction import Program

DATABASE, TABLES, KEYS, STOPPING = "database", "tables", "keys", "stopping"
# So long one look counts, in seconds: however often somebody asks, the database is asked once.
COUNTS_FOR: Final = 1.0


class Readiness:
    """What is in the way of working, looked at once a second at most, by one thread at a time."""

    def __init__(self, program: Program, clock: Callable[[], float] = time.monotonic) -> None:
        self._program, self._clock = program, clock
        self._looking = threading.Lock()
        self._last: tuple[str, ...] = ()
        self._until = float("-inf")

    def problems(self) -> tuple[str, ...]:
        """Names of what is in the way; none when all is well. While somebody looks, what was seen last."""
        stopping = (STOPPING,) if counting.is_stopping() else ()
        if self._clock() >= self._until and self._looking.acquire(blocking=self._until == float("-inf")):
            try:
                if self._clock() >= self._until:
                    self._last = look(self._program)
                    self._until = self._clock() + COUNTS_FOR
            finally:
                self._looking.release()
        return (*self._last, *stopping)


def look(program: Program) -> tuple[str, ...]:
    """What is in the way now: the database does not answer, its tables are of another program, the keys cannot be used."""
    try:
        program.keys.version(row_level.PURPOSE)
        with _session(program) as session:
            session.execute(text("SELECT 1"))
            return (TABLES,) if database_marks.problem(session.connection()) else ()
    except (KeyRingError, shared_ring.RingBehind):
        return (KEYS,)
    except SQLAlchemyError:
        return (DATABASE,)


def _session(program: Program) -> Session:
    """A session at the database that takes changes, not at a copy of it; on SQLite one that waits for no writer."""
    session = program.write_sessions()
    if session.get_bind().dialect.name == "sqlite":
        session.close()
        session = program.read_sessions()
    row_level.bear(session, program.keys, row_level.AT_THE_DOOR)
    return session
