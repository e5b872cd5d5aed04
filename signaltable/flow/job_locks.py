"""Who is at work on a job: a lock of the system that dies with the process, whatever the clock says.

On SQLite it is a lock on a file in the home, on PostgreSQL one of the database, held by a connection of its own, so that it
counts for every machine. A connection through a pool that shares sessions cannot hold it (docs/jobs.md).
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from signaltable import advisory
from signaltable.disk import hand_over
from signaltable.transaction import Program

# Who looks whether a lock is held takes it for a moment; so whoever wants it asks a few times.
TRIES, BETWEEN_TRIES = 3, 0.02


@contextmanager
def held(program: Program, name: str) -> Iterator[bool]:
    """Hold the lock of a job for as long as the block runs; False when somebody else has it."""
    engine = _engine(program)
    if engine.dialect.name == "sqlite":
        with _open_file(_path(program, name)) as descriptor:
            yield _locked(descriptor, fcntl.LOCK_EX)
        return
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        # Out of the pool: closing it ends the session, and with it the lock.
        connection.detach()
        taken = advisory.try_to_hold(connection, _lock(name))
        try:
            yield taken
        finally:
            if taken:
                # At once: a server hears only later that a session ended, and who comes next would find somebody at work.
                with suppress(DBAPIError):
                    advisory.let_go(connection, _lock(name))
    finally:
        connection.close()


def is_held(program: Program, name: str) -> bool:
    """Whether somebody holds the lock of a job now."""
    engine = _engine(program)
    if engine.dialect.name == "sqlite":
        if not _path(program, name).exists():
            return False
        with _open_file(_path(program, name)) as descriptor:
            return not _locked(descriptor, fcntl.LOCK_SH, tries=1)
    with engine.connect() as connection:
        return advisory.is_held(connection, _lock(name))


def _lock(name: str) -> str:
    return f"job {name}"


def _engine(program: Program) -> Engine:
    with program.read_sessions() as session:
        return session.get_bind().engine


def _path(program: Program, name: str) -> Path:
    return program.settings.home / f"job-{name}.lock"


@contextmanager
def _open_file(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        hand_over(descriptor, path.parent)
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int, kind: int, *, tries: int = TRIES) -> bool:
    for more in reversed(range(tries)):
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError:
            if more:
                time.sleep(BETWEEN_TRIES)
        else:
            return True
    return False
