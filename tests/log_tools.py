"""What an intruder with the password of the database does to the log, for tests that look whether it is found."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import Connection

from signaltable.audit_trail import fence
from signaltable.db import make_engine
from signaltable.schema import MIGRATIONS
from signaltable.settings import Settings
from signaltable.transaction import Program


def owners_engine(settings: Settings, *, plain: bool = False) -> Engine:
    """The database as whoever owns its tables comes to it, who is stopped by nothing: an intruder with that password.

    `plain`: without what our own engines ask of SQLite, such as foreign keys.
    """
    url = settings.owner_url or settings.database_url
    engine = create_engine(url) if plain else make_engine(url)
    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _go_inside)
    return engine


def _go_inside(connection: Any, _record: object) -> None:
    connection.execute("SET signaltable.inside = 'yes'")
    connection.commit()


@contextmanager
def without_fence(program: Program) -> Iterator[Connection]:
    """A connection that may change any row of the log: the triggers are gone, for good. Commits at the end."""
    engine = owners_engine(program.settings)
    with engine.begin() as connection:
        fence.take_away(connection)
        yield connection
    engine.dispose()


def tamper(program: Program, statement: str, **values: object) -> None:
    """Take the fence away and do one thing."""
    with without_fence(program) as connection:
        connection.execute(text(statement), values)


def go_back(settings: Settings, revision: str) -> None:
    """The tables as an earlier version of the program left them."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = settings.owner_url or settings.database_url
    command.downgrade(config, revision)
