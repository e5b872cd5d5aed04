"""Making the demo: the region as it was before the first case, and then the cases, so that the log tells them in order.

Made anew, it is built beside the old one and takes its place when it is whole, so that whoever breaks it off keeps what was.
"""

import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, create_engine, inspect, make_url, select, text

from signaltable import row_level
from signaltable.db import Base
from signaltable.demo import cases
from signaltable.disk import make_private_folder
from signaltable.domain import SignaltableError, day_of
from signaltable.flow import setup
from signaltable.home_in_use import LOCK, alone_in
from signaltable.migrating import migrate
from signaltable.models import Account, Signal
from signaltable.program import now, open_program
from signaltable.settings import PKCS11, Settings
from signaltable.transaction import Program, reading

Steps = Sequence[Callable[[], None]]
# Shows how far it is: takes the steps and gives them back one by one.
Progress = Callable[[Steps], AbstractContextManager[Iterable[Callable[[], None]]]]

OLD: Final = ".old"


class NotADemo(SignaltableError):
    """What stands there was not made as a demo, so it is not thrown away."""


def make(settings: Settings, password: str, progress: Progress) -> Program:
    """Keys, tables, region and cases in a home that has none. All demo accounts get this password."""
    make_private_folder(settings.home)
    unfinished = settings.home / setup.UNFINISHED
    unfinished.touch()
    setup.make_keys(settings, on=day_of(now()))
    migrate(settings)
    program = open_program(settings, being_made=True)
    # Many people did this in weeks, so each act gets a trace of its own.
    told = replace(program, work=None)
    before = cases.beginning(told)
    setup.start_log(before)
    setup.remember_demo_accounts(settings, setup.seed_region(before, password))
    with progress(cases.steps(told)) as steps:
        for step in steps:
            step()
    unfinished.unlink()
    return program


def make_anew(settings: Settings, progress: Progress) -> Counter[str]:
    """Throw the demo away and make it again, with the password that it had. Returns how many signals are in each state.

    Raises `NotADemo` for a home that `init --demo` did not make or whose keys are elsewhere, `HomeInUse` while a program
    works in it.
    """
    _refuse_others(settings)
    home = settings.home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone_in(home):
        password = _password(settings)
        there = home.with_name(f"{home.name}.new{secrets.token_hex(4)}")
        beside = replace(settings, home=there, database_url=_moved(settings, there))
        if beside.database_url == settings.database_url:
            # The database is not in the home and cannot stand beside itself: a break-off here has to be seen afterwards.
            (home / setup.UNFINISHED).touch()
            _empty_database(settings)
        try:
            program = make(beside, password, progress)
            with reading(program, whole="the demo looks for what it made") as session:
                states = Counter(session.scalars(select(Signal.state)))
                engine = session.get_bind()
            if isinstance(engine, Engine):
                engine.dispose()
        except BaseException:
            shutil.rmtree(beside.home, ignore_errors=True)
            raise
        gone = home.with_name(home.name + OLD + secrets.token_hex(4))
        home.rename(gone)
        beside.home.rename(home)
        shutil.rmtree(gone)
    return states


def _refuse_others(settings: Settings) -> None:
    if not settings.demo:
        raise NotADemo("expected SIGNALTABLE_MODE=demo; another home is never thrown away")
    if settings.key_provider == PKCS11 or settings.log_key_elsewhere:
        raise NotADemo("expected the keys of the demo in its home; those in a token or elsewhere are not thrown away")
    made = (settings.home / setup.DEMO_ACCOUNTS, settings.home / setup.UNFINISHED)
    marked = any(path.exists() for path in made)
    # Also a folder that is no home at all: whoever names the wrong one keeps what is in it.
    if not marked and settings.home.exists() and {one.name for one in settings.home.iterdir()} - {LOCK}:
        raise NotADemo(f"{settings.home} was not made by `signaltable init --demo`; nothing was changed")
    if _moved(settings, settings.home.with_name("elsewhere")) == settings.database_url:
        _refuse_other_database(settings)


def _refuse_other_database(settings: Settings) -> None:
    """A database outside the home can be that of another home: it has to hold the people of this demo, or nobody."""
    engine = create_engine(settings.database_url, hide_parameters=True)
    try:
        with engine.connect() as connection:
            known = (
                set(connection.scalars(select(Account.login))) if inspect(connection).has_table("accounts") else set()
            )
    finally:
        engine.dispose()
    ours = {one["login"] for one in setup.demo_accounts(settings)} if _has_accounts(settings) else set()
    if known and not (ours and ours <= known) and not (settings.home / setup.UNFINISHED).exists():
        raise NotADemo("the database at DATABASE_URL is not the one of this demo; nothing was changed")


def _has_accounts(settings: Settings) -> bool:
    return (settings.home / setup.DEMO_ACCOUNTS).exists()


def _password(settings: Settings) -> str:
    """The password that the demo had, so that what trainers wrote down still holds; else a new one."""
    if not _has_accounts(settings):
        return setup.new_demo_password()
    return str(setup.demo_accounts(settings)[0]["password"])


def _moved(settings: Settings, beside: Path) -> str:
    """The address of the database in a home beside this one; the same address when it is not a file of the home."""
    address = make_url(settings.database_url)
    file = Path(address.database or "")
    if address.get_backend_name() != "sqlite" or not file.is_relative_to(settings.home):
        return settings.database_url
    return address.set(database=str(beside / file.relative_to(settings.home))).render_as_string(hide_password=False)


def _empty_database(settings: Settings) -> None:
    """Take away every table of ours, and on PostgreSQL the fence around their rows."""
    engine = create_engine(settings.owner_url or settings.database_url, hide_parameters=True)
    try:
        with engine.begin() as connection:
            Base.metadata.drop_all(connection)
            connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
            if row_level.is_up(connection):
                row_level.take_down(connection)
    finally:
        engine.dispose()
