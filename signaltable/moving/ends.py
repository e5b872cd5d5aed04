"""The two databases of a move: how they are reached, and whether they may be left and filled."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, event, inspect, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DBAPIError

from signaltable import database_marks, schema
from signaltable.db import Base, make_engine
from signaltable.domain import UnusableSettings
from signaltable.home_in_use import LOCK, alone_in
from signaltable.keys.chosen import load_keys
from signaltable.moving.problems import CannotMove, told
from signaltable.policy import PolicySet
from signaltable.program import assemble, load_policy, refuse_half_made
from signaltable.settings import Settings, require_proved_server
from signaltable.transaction import Program

# What the making of the tables, or a machine that looked at them, leaves in a database that nobody worked in.
_NO_WORK: Final = frozenset({"log_head", "database_marks", "moved_tables", "shared_rings", "hosts"})
# The drivers that are installed; with another one there is no address, only a traceback.
_DRIVERS: Final = frozenset({"sqlite", "postgresql+psycopg"})
# Addresses that only PostgreSQL has, each also as that of a file.
_BESIDE: Final = ("DATABASE_OWNER_URL", "DATABASE_REPLICA_URL")


@dataclass(frozen=True, slots=True)
class Ends:
    """The settings of the program as it will work, and both databases as those come to them who own the tables."""

    settings: Settings
    source_url: str
    source: Engine
    target: Engine
    policy: PolicySet

    @property
    def kinds(self) -> tuple[str, str]:
        """What each is: `sqlite` or `postgresql`."""
        return self.source.dialect.name, self.target.dialect.name


def settings_for(env: Mapping[str, str], to: str) -> Settings:
    """The settings that the program will have once its data are at `to` ("" for what DATABASE_URL names).

    Raises `UnusableSettings`.
    """
    env = dict(env)
    if to:
        env = {name: value for name, value in env.items() if name not in {"DATABASE_URL", "DATABASE_URL_FILE"}}
        env["DATABASE_URL"] = usual(to, "--to")
    if env.get("DATABASE_URL", "").startswith("sqlite"):
        env = {name: value for name, value in env.items() if not name.startswith(_BESIDE)}
    settings = Settings.from_env(env)
    usual(settings.database_url, "--to" if to else "DATABASE_URL")
    return settings


def usual(address: str, flag: str) -> str:
    """An address as the program writes it; `sqlite:FILE` is one as well. Raises `UnusableSettings`, never with the address."""
    if address.startswith("sqlite+pysqlite:"):
        address = address.replace("+pysqlite", "", 1)
    if address.startswith("sqlite:") and not address.startswith("sqlite://"):
        address = f"sqlite:///{address.removeprefix('sqlite:')}"
    for prefix in ("postgresql://", "postgres://"):
        if address.startswith(prefix):
            address = f"postgresql+psycopg://{address.removeprefix(prefix)}"
    try:
        url = make_url(address)
        fits = url.drivername in _DRIVERS and bool(url.database) and (url.drivername != "sqlite" or _is_file(url))
    except (ArgumentError, ValueError):
        fits = False
    if not fits:
        raise UnusableSettings(f"{flag}: expected an address such as sqlite:///FILE or postgresql://user@host/name")
    return address


def _is_file(url: URL) -> bool:
    """Whether an address of SQLite names a file and nothing else.

    What is in memory is gone when the move ends, and words behind a `?` or `file:` can say that it is.
    """
    return url.database != ":memory:" and not str(url.database).startswith("file:") and not url.query and not url.host


def file_of(address: str) -> Path | None:
    """The file of a database of SQLite; None for PostgreSQL."""
    url = make_url(address)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


@contextmanager
def ends(settings: Settings, source_url: str) -> Iterator[Ends]:
    """Both databases, for nobody else meanwhile. Raises `CannotMove` and `HomeInUse`."""
    source_file, target_file = file_of(source_url), file_of(settings.database_url)
    target_url = settings.owner_url or settings.database_url
    refuse_half_made(settings)
    _require_home_and_file(settings, source_url)
    with ExitStack() as stack:
        stack.enter_context(alone_in(settings.home))
        for file in (source_file, target_file):
            # Another home, in which a program may work as well.
            if file is not None and file.parent.resolve() != settings.home.resolve() and (file.parent / LOCK).exists():
                stack.enter_context(alone_in(file.parent))
        both = Ends(settings, source_url, make_engine(source_url), make_engine(target_url), load_policy(settings))
        stack.callback(both.source.dispose)
        stack.callback(both.target.dispose)
        for engine in (both.source, both.target):
            event.listen(engine, "connect", _as_owner if engine.dialect.name == "postgresql" else _without_keys)
        yield both


def _require_home_and_file(settings: Settings, source_url: str) -> None:
    file = file_of(source_url)
    if not settings.key_ring.exists():
        raise CannotMove("no key ring in SIGNALTABLE_HOME; name the home of the old database, whose keys go on")
    if file is not None and not file.is_file():
        raise CannotMove(
            "--from: there is no file at that address (a path from the root has four slashes: sqlite:////FILE)"
        )
    if not settings.demo:
        require_proved_server("--from", source_url, os.environ)


def require_two(both: Ends) -> None:
    """Raises `CannotMove` unless the addresses name two databases, and all those of the new one the same."""
    own, owners = both.settings.database_url, both.settings.owner_url or both.settings.database_url
    if _place(both.source_url) in {_place(own), _place(owners)}:
        raise CannotMove("--from and --to are the same database")
    if _place(own) != _place(owners):
        raise CannotMove("DATABASE_OWNER_URL names another database than --to (or DATABASE_URL)")


def _place(address: str) -> tuple[Any, ...]:
    file, url = file_of(address), make_url(address)
    if file is not None:
        return ("sqlite", file.resolve())
    return (url.host or url.query.get("host", ""), url.port or 5432, url.database)


def _as_owner(connection: Any, _record: object) -> None:
    """Every row is seen by the owner of the tables (signaltable/row_level), and a moment without a zone is one in UTC."""
    connection.autocommit = True
    connection.execute("SET signaltable.inside = 'yes'")
    connection.execute("SET TIME ZONE 'UTC'")
    connection.autocommit = False


def _without_keys(connection: Any, _record: object) -> None:
    # Rows may point at others that come later; that every key leads somewhere is checked at the end.
    connection.execute("PRAGMA foreign_keys=OFF")


# -- the one that is left -----------------------------------------------------------------------------------------


def look_at_source(both: Ends) -> dict[str, str]:
    """The marks of the database that is left. Raises `CannotMove` when it cannot be moved."""
    _require_answer(both.source, "the old database")
    with told("the old database"), both.source.connect() as connection:
        there = database_marks.revision(connection)
        if not there:
            raise CannotMove("the old database: there is nothing of this program in it")
        if there != schema.newest():
            raise CannotMove(
                f"the old database: its tables are of version {there} and this program is of {schema.newest()}; "
                "run `signaltable migrate` with it in DATABASE_URL first"
            )
        marks = database_marks.read(connection)
        if database_marks.ARRIVING in marks:
            raise CannotMove("the old database: a move into it is not finished")
        if connection.dialect.name == "postgresql":
            _require_owner(connection)
            _refuse_others(connection)
        return marks


def _require_answer(engine: Engine, which: str) -> None:
    try:
        engine.connect().close()
    except (DBAPIError, sqlite3.Error) as error:
        raise CannotMove(f"{which}: it cannot be opened ({type(error).__name__}); look at its address") from None


def _require_owner(connection: Connection) -> None:
    """Whoever does not own the tables would see a part of the rows."""
    query = text(
        "SELECT r.rolsuper OR r.rolbypassrls OR c.relowner = r.oid FROM pg_roles r, pg_class c "
        "WHERE r.rolname = current_user AND c.oid = to_regclass('signals')"
    )
    if not connection.execute(query).scalar():
        raise CannotMove("--from: expected the address of the role that owns the tables")


def _refuse_others(connection: Connection) -> None:
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND usesysid IS NOT NULL AND has_table_privilege(usesysid, 'log_head', 'UPDATE')"
    )
    others = connection.execute(query).scalar_one()
    if others:
        raise CannotMove(f"the old database: {others} others who may write are connected; stop the program everywhere")


# -- the one that it goes to --------------------------------------------------------------------------------------


def look_at_target(both: Ends, ident: str) -> dict[str, str]:
    """The marks of the database that it goes to: none in one that is empty. Raises `CannotMove` for any other.

    `ident` is the move that the other database says it is in, "" for none.
    """
    file = file_of(both.settings.database_url)
    if file is not None and not file.parent.is_dir():
        # Before the old one is closed for a database that cannot be made.
        raise CannotMove("the new database: there is no folder at that address for its file")
    if file is not None and not file.exists() and not os.access(file.parent, os.W_OK | os.X_OK):
        raise CannotMove("the new database: this user may make no file in the folder at that address")
    if file is not None and not file.exists():
        return {}
    _require_answer(both.target, "the new database")
    with told("the new database"), both.target.connect() as connection:
        marks = database_marks.read(connection)
        mine = marks.get(database_marks.ARRIVING) or marks.get(database_marks.ARRIVED)
        if mine:
            if mine != ident:
                raise CannotMove("the new database: another database was moved into it; give an empty one")
            return marks
        if not _is_empty(connection):
            raise CannotMove("the new database: it is not empty; give an empty one")
        return {}


def _is_empty(connection: Connection) -> bool:
    there = set(inspect(connection).get_table_names())
    if there - set(Base.metadata.tables) - {"alembic_version"}:
        return False
    quote = connection.dialect.identifier_preparer.quote
    filled = (
        connection.exec_driver_sql(f"SELECT 1 FROM {quote(name)} LIMIT 1").first()  # noqa: S608 - names of our tables
        for name in sorted(there & set(Base.metadata.tables) - _NO_WORK)
    )
    return not any(filled)


@contextmanager
def program_on(both: Ends, url: str) -> Iterator[Program]:
    """The program over one of them, without asking whether it may be worked with."""
    engine = make_engine(url)
    try:
        own = replace(both.settings, database_url=url, owner_url="")
        yield assemble(own, engine, load_keys(both.settings), both.policy)
    finally:
        engine.dispose()
