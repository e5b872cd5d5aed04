"""Bringing a database to the newest schema (Alembic): for the command line, never within reach of the web."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from signaltable import advisory, database_marks, places, roles, row_level, schema
from signaltable.db import make_engine
from signaltable.domain import SignaltableError
from signaltable.keys.chosen import load_keys
from signaltable.program import make_own_file, reachable
from signaltable.schema import MIGRATIONS
from signaltable.settings import Settings

# So many seconds a step waits for a table that others use: behind one that waits, everybody else waits too.
LOCK_TIMEOUT: Final = 3.0
# How often a step tries again when a table is in use, and how long it lets others go first, in seconds.
TRIES: Final = 20
PAUSE: Final = 3.0
# What PostgreSQL says when a lock could not be had in time (appendix A of its manual).
LOCK_NOT_AVAILABLE: Final = "55P03"


class TablesInUse(SignaltableError):
    """Others use a table all the time, so it cannot be changed."""


class OtherSchema(SignaltableError):
    """The tables are newer than this program, and say that it cannot work with them."""


@dataclass(frozen=True, slots=True)
class Step:
    """One migration: its number, what it is for in one line, and the oldest program that works with what it leaves."""

    number: str
    title: str
    works_with: str


@dataclass(frozen=True, slots=True)
class Plan:
    """From which version ("" for no tables) to which, and the steps between them in order."""

    before: str
    after: str
    steps: tuple[Step, ...]


def plan(settings: Settings, migrations: Path = MIGRATIONS) -> Plan:
    """What `migrate` would do. Raises `NotInitialised` when the database does not answer, `OtherSchema` for a newer one."""
    # As the owner where there is one: in a database that was put back the program has no rights yet.
    engine = reachable(replace(settings, database_url=settings.owner_url or settings.database_url))
    with engine.connect() as connection:
        before = database_marks.revision(connection)
        works_with = database_marks.read(connection).get(database_marks.WORKS_WITH, "")
    engine.dispose()
    scripts = ScriptDirectory(str(migrations))
    after = str(scripts.get_current_head())
    if before > after:
        problem = schema.problem(before, works_with)
        if problem:
            raise OtherSchema(problem)
        return Plan(before, before, ())
    found = scripts.iterate_revisions(after, before or "base") if before != after else ()
    steps = (Step(one.revision, one.doc, getattr(one.module, "works_with", one.revision)) for one in found)
    return Plan(before, after, tuple(steps)[::-1])


def migrate(settings: Settings, migrations: Path = MIGRATIONS) -> Plan:
    """Bring the database to the newest schema, all steps in one transaction; a newer one that works with us stays.

    Waits for another process that is at it. Raises `NotInitialised` when the database does not answer, `OtherSchema`,
    and `TablesInUse` when others hold a table all the time.
    """
    make_own_file(settings)
    with _alone(settings):
        planned = plan(settings, migrations)
        if planned.steps:
            _patiently(lambda: _upgrade(settings, migrations))
        if planned.before <= schema.newest():
            _patiently(lambda: _finish_fence(settings))
    return planned


def _upgrade(settings: Settings, migrations: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["url"] = settings.owner_url or settings.database_url
    config.attributes["lock_timeout"] = LOCK_TIMEOUT
    command.upgrade(config, "head")


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Nobody else brings this database up to date meanwhile; whoever comes second waits."""
    reachable(settings).dispose()
    url = settings.owner_url or settings.database_url
    if make_url(url).get_backend_name() != "postgresql":
        with _alone_with_file(Path(make_url(url).database or "")):
            yield
        return
    # A connection of its own that belongs to no pool: the lock ends with it, whatever happens to this process.
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        advisory.hold_by_connection(connection, advisory.MIGRATION)
        yield
    engine.dispose()


@contextmanager
def _alone_with_file(database: Path) -> Iterator[None]:
    # The folder is locked, and not the file: SQLite has locks of its own on that, which closing it would take away.
    folder = os.open(database.absolute().parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _patiently(work: Callable[[], None]) -> None:
    """Do it, and again a while later when a table was in use: nothing of it is left half done."""
    for left in range(TRIES - 1, -1, -1):
        try:
            work()
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            if not left:
                raise TablesInUse(
                    "a table stayed in use by others (a long query, a backup); nothing was changed; try again later"
                ) from None
            time.sleep(PAUSE)
        else:
            break


def _finish_fence(settings: Settings) -> None:
    """Put up what is missing of row-level security, and let the database know the passes of this key ring.

    Only the owner of the tables can; whoever is not leaves it as it is, and `program.open_program` says what that means.
    """
    engine = make_engine(settings.owner_url or settings.database_url)
    with engine.begin() as connection:
        if places.gaps(connection) and (connection.dialect.name == "sqlite" or row_level.owns_tables(connection)):
            places.put_up(connection)
        if row_level.owns_tables(connection):
            if row_level.table_gaps(connection):
                row_level.put_up(connection)
            row_level.arm(connection, load_keys(settings))
            if settings.owner_url:
                row_level.grant_to(connection, make_url(settings.database_url).username or "")
            roles.grant(connection, settings)
    engine.dispose()
