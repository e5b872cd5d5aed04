"""Opening the program: settings -> key ring, rules, database. Refuses to start with one clear line."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Engine, inspect, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from signaltable import database_marks, messages, row_level
from signaltable.access import Permission
from signaltable.breached import check_file
from signaltable.db import make_engine, make_sessions, refuse_writes
from signaltable.domain import SignaltableError
from signaltable.flow.coming_in.app_codes import has_shown
from signaltable.flow.coming_in.standing import require_standing
from signaltable.flow.field_names import check_fields
from signaltable.home_in_use import UNFINISHED
from signaltable.keys import KeyProvider
from signaltable.keys.chosen import is_signers, load_keys
from signaltable.policy import PolicySet, load
from signaltable.replica import Replica
from signaltable.settings import Settings
from signaltable.storage_faults import broken_file
from signaltable.trace_context import start
from signaltable.transaction import Program


class NotInitialised(SignaltableError):
    """SIGNALTABLE_HOME holds no key ring or no usable database."""


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def load_policy(settings: Settings) -> PolicySet:
    """The rules, checked whole and against the fields that the program has. Raises `BrokenPolicy` naming file and key."""
    policy = load(settings.policies, permissions=[permission.value for permission in Permission])
    check_fields(policy)
    return policy


def open_program(settings: Settings, *, being_made: bool = False) -> Program:
    """Everything the use cases need. Raises `NotInitialised` before `signaltable init`, and in a home that was half made.

    `being_made` is for who makes that home.
    """
    if not being_made:
        refuse_half_made(settings)
    engine = _existing(settings)
    write_to_log_file(settings)
    return _opened(settings, engine)


def open_to_read(settings: Settings) -> Program:
    """The same, with a database that takes no change at all, and no file opened for writing: for who only looks."""
    refuse_half_made(settings)
    engine = _existing(settings, only_reading=True)
    refuse_writes(engine)
    return _opened(settings, engine)


def refuse_half_made(settings: Settings) -> None:
    """Raises `NotInitialised` for a home whose making was broken off: some of its keys, rows or people may be missing."""
    if (settings.home / UNFINISHED).exists():
        raise NotInitialised(f"{settings.home} was only half made; remove it and try again")


def _opened(settings: Settings, engine: Engine) -> Program:
    check_file(settings.breached_passwords)
    keys = load_keys(settings)
    _refuse_open_fence(settings, engine, keys)
    program = assemble(settings, engine, keys)
    # A signer of its own has no business with how people come in.
    if not settings.demo and not is_signers(settings) and has_shown(program):
        raise NotInitialised(
            "an account has a second factor of a demonstration, whose codes are shown; use another home"
        )
    return replace(program, work=start(program.randomness))


def _existing(settings: Settings, *, only_reading: bool = False) -> Engine:
    """The database of a home that was made, of a shape that this program works with. Raises `NotInitialised`."""
    if not settings.key_ring.exists() and not is_signers(settings):
        raise NotInitialised(
            f"no key ring in {settings.home}; run `signaltable init` or `signaltable init --demo` first"
        )
    if not settings.demo and (settings.home / "demo-accounts.json").exists():
        raise NotInitialised(f"{settings.home} is a demo home; SIGNALTABLE_MODE=production needs one of its own")
    engine = reachable(settings)
    with _answering():
        if not inspect(engine).has_table("log_head"):
            raise NotInitialised("the database is empty; run `signaltable init` or `signaltable init --demo` first")
        with engine.connect() as connection:
            problem = database_marks.problem(connection, only_reading=only_reading)
    if problem:
        raise NotInitialised(problem)
    return engine


def reachable(settings: Settings) -> Engine:
    """An engine whose database answers. Raises `NotInitialised`."""
    with _answering():
        engine = make_engine(settings.database_url)
        engine.connect().close()
    return engine


@contextmanager
def _answering() -> Iterator[None]:
    """What a database is asked while it is opened, each question of which may be the one that it does not answer.

    Raises `NotInitialised`; the driver's own words hold addresses, names and statements.
    """
    try:
        yield
    except (SQLAlchemyError, ValueError) as error:
        told = (
            f"the database cannot be opened ({type(error).__name__}); look at DATABASE_URL, and whether the server runs"
        )
        raise NotInitialised(broken_file(error) or told) from None


def assemble(settings: Settings, engine: Engine, keys: KeyProvider, policy: PolicySet | None = None) -> Program:
    """A program over an engine and a key ring; tests bring their own clock by replacing it, and rules that are read already."""
    write, read = make_sessions(engine, writes=True), make_sessions(engine, writes=False)

    def write_session() -> Session:
        return write()

    def read_session() -> Session:
        return read()

    return Program(
        settings,
        keys,
        policy or load_policy(settings),
        write_session,
        read_session,
        now,
        os.urandom,
        require_standing,
        replica=_replica(settings),
    )


def _replica(settings: Settings) -> Replica | None:
    """The copy from which lists are read; whether it answers is seen when somebody asks for a list."""
    try:
        return Replica(settings.replica_url) if settings.replica_url else None
    except (SQLAlchemyError, ValueError) as error:
        raise NotInitialised(
            f"the replica cannot be used ({type(error).__name__}); look at DATABASE_REPLICA_URL"
        ) from None


def _refuse_open_fence(settings: Settings, engine: Engine, keys: KeyProvider) -> None:
    """Refuse a role for which row-level security does not count, and a database that does not know this key ring.

    Outside production such a role is told in the program's own messages only. Raises `NotInitialised`.
    """
    with _answering(), engine.connect() as connection:
        gaps = row_level.role_gaps(connection)
        known = bool(gaps) or row_level.knows_pass(connection, keys)
    if gaps and not settings.demo:
        raise NotInitialised(f"{gaps[0].what}; give DATABASE_URL another role (docs/operate.md)")
    for gap in gaps:
        logging.getLogger("signaltable").warning("no row-level security: %s", gap.what)
    if not known:
        raise NotInitialised(
            "the database does not know this key ring; run `signaltable init --keep` once with DATABASE_OWNER_URL"
        )


def make_own_file(settings: Settings) -> None:
    """Make the file of SQLite for its owner alone: a home that was there already may be open to others.

    What SQLite keeps beside the database gets the same mode. A file that is there stays as its administrator left it.
    """
    with suppress(
        OSError, SQLAlchemyError, ValueError
    ):  # Whatever is wrong with it, `reachable` says in our own words.
        url = make_url(settings.database_url)
        if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
            os.close(os.open(url.database, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def write_to_log_file(settings: Settings) -> None:
    """Send the program's messages to a file in the home, or where the settings say; they never hold personal data."""
    messages.send(settings)
