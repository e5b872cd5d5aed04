"""What tests do with a whole database of either kind: copy it, put a copy back, read all that stands in it, name it to a command."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import inspect, make_url, text

from signaltable.settings import Settings
from signaltable.transaction import Program
from tests import conftest
from tests.log_tools import owners_engine


def is_file(settings: Settings) -> bool:
    """Whether the database is a file of SQLite in the home."""
    return settings.database_url.startswith("sqlite")


def environment(settings: Settings) -> dict[str, str]:
    """What a command has to be told to work with this home and its database."""
    told = {"SIGNALTABLE_HOME": str(settings.home), "DATABASE_URL": settings.database_url}
    return {**told, "DATABASE_OWNER_URL": settings.owner_url} if settings.owner_url else told


def back_up(program: Program, name: str = "copy") -> str:
    """A copy as an operator makes it; gives by what `put_back` knows it. On PostgreSQL nobody may be connected meanwhile."""
    settings = program.settings
    if not is_file(settings):
        let_go(program)
        copy = f"{_name(settings)}_{name}"
        conftest._createdb(conftest.servers[-1], copy, _name(settings))
        return copy
    path = settings.home.parent / f"{name}.db"
    with closing(sqlite3.connect(_file(settings))) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    return str(path)


def put_back(program: Program, copy: str) -> None:
    """The copy in the place of the database, as often as wanted. What was connected is not any more."""
    settings = program.settings
    let_go(program)
    if not is_file(settings):
        server = conftest.servers[-1]
        conftest._administer(server, f'DROP DATABASE "{_name(settings)}" WITH (FORCE)')
        conftest._createdb(server, _name(settings), copy)
        return
    for leftover in settings.home.glob("signaltable.db*"):
        leftover.unlink()
    shutil.copy(copy, _file(settings))


def throw_away(settings: Settings) -> None:
    """The database is gone, as after a disk that broke."""
    if not is_file(settings):
        conftest._administer(conftest.servers[-1], f'DROP DATABASE "{_name(settings)}" WITH (FORCE)')
    for one in settings.home.glob("signaltable.db*"):
        one.unlink()


def let_go(program: Program) -> None:
    """Close every connection of the program; it opens others when it needs them."""
    with program.write_sessions() as session:
        engine = session.get_bind().engine
    engine.dispose()


def every_row(settings: Settings) -> str:
    """All that stands in the database, also what the program has no table for; bytes as hexadecimal digits."""
    engine, told = owners_engine(settings), []
    with engine.connect() as connection:
        for name in inspect(connection).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{name}"')):
                told.append(" ".join(one.hex() if isinstance(one, bytes) else str(one) for one in row))
    engine.dispose()
    return "\n".join(told)


def _file(settings: Settings) -> Path:
    return settings.home / "signaltable.db"


def _name(settings: Settings) -> str:
    name = make_url(settings.database_url).database
    assert name
    return name
