"""What the program says and does when its database or its disk gives way, at the level where that happens."""

import errno
import os
import re
import sqlite3
from dataclasses import replace
from traceback import format_exception

import click
import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import make_url, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from signaltable import transaction as storage
from signaltable.cli.kit import plainly
from signaltable.db import make_engine, make_sessions
from signaltable.doctor import examine
from signaltable.flow import signals
from signaltable.models import Signal
from signaltable.program import NotInitialised, open_program
from signaltable.storage_faults import AWAY, BUSY, FULL, StorageFault, fault_of, refusal_of
from signaltable.transaction import reading, transaction
from tests.crash.proxy import Proxy
from tests.databases import environment, let_go
from tests.factories import a_signal
from tests.letting_in import TOKEN
from tests.web.people import Person

# A row that stands nowhere yet, with a value that no message may quote.
ROW = {"job": "Zorinka", "slot": "1", "slots": 0, "claimed_at": "2026-11-23 09:30:00"}


def socket_of(url):
    """Where a server listens: a port, or a socket in the folder that the address names."""
    host = make_url(url).query.get("host")
    return f"{host}/.s.PGSQL.{make_url(url).port or 5432}" if host else make_url(url).port or 5432


def past(proxy, address):
    """The address of the same database past a proxy."""
    url = make_url(address)
    query = {name: value for name, value in url.query.items() if name != "host"}
    return url.set(host="127.0.0.1", port=proxy.port, query=query).render_as_string(hide_password=False)


@pytest.fixture
def proxied(postgres_program):
    """The program past a proxy, and the proxy."""
    proxy = Proxy(socket_of(postgres_program.settings.database_url)).start()
    engine = make_engine(past(proxy, postgres_program.settings.database_url))
    write, read = make_sessions(engine, writes=True), make_sessions(engine, writes=False)
    yield storage.replace(postgres_program, write_sessions=write, read_sessions=read), proxy
    engine.dispose()
    proxy.stop()


def references(program):
    with reading(program) as session:
        return session.scalars(select(Signal.reference)).all()


@pytest.mark.postgres
def test_a_commit_whose_answer_is_lost_counts_as_what_it_came_to(postgres_program, proxied, actor, monkeypatch):
    program, proxy = proxied
    who = actor(postgres_program, "havendam")
    monkeypatch.setattr(storage, "LOOKS", (0.0, 0.05))
    # When the COMMIT arrived and its answer did not
    proxy.cut_commits = 1
    with transaction(program, who) as tx:
        stored = signals.submit(tx, a_signal()).reference
    # Then it is stored, and nobody was told otherwise
    assert (proxy.cut, references(postgres_program)) == (1, [stored])
    # When the COMMIT itself was lost
    proxy.cut_commits, proxy.hold_commits = 1, True
    with pytest.raises(StorageFault) as fault, transaction(program, who) as tx:
        signals.submit(tx, a_signal())
    # Then nothing is stored, and that is known
    assert (proxy.cut, fault.value.unsure, references(postgres_program)) == (2, False, [stored])
    # When the database stays away after it
    proxy.cut_commits, proxy.hold_commits, proxy.away_after = 1, False, True
    with pytest.raises(StorageFault) as fault, transaction(program, who) as tx:
        signals.submit(tx, a_signal())
    # Then nobody can say, and it says so
    assert (fault.value.unsure, len(references(postgres_program))) == (True, 2)


@pytest.mark.postgres
def test_who_forks_shares_no_connection(postgres_program):
    engine = make_engine(postgres_program.settings.database_url)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        with engine.connect() as connection:
            os.write(there, str(connection.scalar(text("SELECT pg_backend_pid()"))).encode())
        os._exit(0)
    with engine.connect() as connection:
        mine = connection.scalar(text("SELECT pg_backend_pid()"))
    os.waitpid(child, 0)
    assert os.read(here, 20) not in {b"", str(mine).encode()}
    os.close(here)
    os.close(there)
    engine.dispose()


def raised(original):
    return OperationalError("SELECT 1", {}, original)


def of_sqlite(code):
    error = sqlite3.OperationalError("told")
    error.sqlite_errorcode = code
    return raised(error)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (raised(psycopg.OperationalError("the connection is gone")), AWAY),
        (raised(psycopg.errors.lookup("57P03")("starting up")), AWAY),
        (raised(psycopg.errors.lookup("25006")("read only")), AWAY),
        (raised(psycopg.errors.lookup("53100")("disk full")), FULL),
        (raised(psycopg.errors.lookup("53300")("too many")), BUSY),
        (of_sqlite(sqlite3.SQLITE_BUSY), BUSY),
        (of_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), BUSY),
        (of_sqlite(sqlite3.SQLITE_FULL), FULL),
        (of_sqlite(sqlite3.SQLITE_IOERR_WRITE), AWAY),
        (OSError(errno.ENOSPC, "told"), FULL),
    ],
)
def test_what_gives_way_is_known_by_its_code(error, kind):
    found = fault_of(error)
    assert found is not None
    assert (found.kind, found.unsure) == (kind, False)
    assert "told" not in str(found)


@pytest.mark.parametrize(
    "error",
    [
        of_sqlite(sqlite3.SQLITE_CORRUPT),
        IntegrityError("INSERT", {}, psycopg.errors.lookup("23505")("twice")),
        FileNotFoundError(errno.ENOENT, "told"),
        ValueError("told"),
    ],
)
def test_a_mistake_of_the_program_is_no_fault_of_the_storage(error):
    assert fault_of(error) is None


def refused(program, values):
    """The error of a row that the database does not take."""
    with program.write_sessions() as session:
        columns = ", ".join(values)
        statement = text(f"INSERT INTO job_runs ({columns}) VALUES ({', '.join(f':{one}' for one in values)})")
        try:
            for _ in range(2):
                session.execute(statement, values)
        except DBAPIError as error:
            session.rollback()
            return error
    raise AssertionError("expected the database to refuse it")


def test_what_the_database_refuses_is_told_by_the_name_of_its_rule(program):
    error = refused(program, ROW)
    told = refusal_of(error)
    assert "job_runs" in told
    assert "expected" in told
    for one in (told, str(error), repr(error), str(error.orig), "".join(format_exception(error))):
        assert "Zorinka" not in one
    assert refusal_of(ValueError("told")) == ""


@pytest.mark.postgres
def test_a_value_that_is_none_is_quoted_by_nobody(postgres_program):
    error = refused(postgres_program, ROW | {"slots": "Zorinka"})
    assert error.orig.sqlstate.startswith("22")
    assert "Zorinka" not in "".join(format_exception(error))
    assert refusal_of(error) == ""


def test_a_command_ends_with_one_line_whatever_the_database_refuses(program):
    @click.command()
    @plainly
    def keeping():
        raise refused(program, ROW)

    @click.command()
    @plainly
    def mistaken():
        raise KeyError("Zorinka")

    for command, told in ((keeping, "job_runs"), (mistaken, "KeyError at tests/flow/test_storage_faults.py:")):
        ran = CliRunner().invoke(command)
        assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
        assert told in ran.stderr
        assert "Zorinka" not in ran.stderr


@pytest.mark.sqlite_only(reason="only SQLite is a file that somebody can overwrite")
@pytest.mark.parametrize(("content", "told"), [(b"Zorinka " * 1000, "is none"), (b"", "is damaged")])
def test_a_file_that_is_no_database_is_told_with_what_to_do(sqlite_program, content, told):
    file = sqlite_program.settings.home / "signaltable.db"
    let_go(sqlite_program)
    if content:
        file.write_bytes(content)
    else:
        with file.open("r+b") as open_file:
            open_file.seek(4096)
            open_file.write(b"\xff" * 200_000)
    with pytest.raises(NotInitialised, match=told):
        open_program(sqlite_program.settings)
    (found,) = (one for one in examine(environment(sqlite_program.settings)).checks if one.name == "database")
    assert told in found.message
    assert "backup" in found.do


@pytest.mark.postgres
def test_a_database_that_goes_away_while_it_is_opened_is_told_in_one_line(proxied):
    program, proxy = proxied
    settings = replace(program.settings, database_url=past(proxy, program.settings.database_url))
    for word in (b"pg_catalog.pg_class", b"alembic_version", b"rolbypassrls", b"fence.pass"):
        proxy.cut_at, proxy.cut_commits = word, 1
        with pytest.raises(NotInitialised, match=r"the database cannot be opened .*whether the server runs$") as told:
            open_program(settings)
        assert told.value.__suppress_context__
        assert proxy.cut_commits == 0
    open_program(settings)


def break_database(program, error):
    """From now on nothing can be read."""

    def refuse():
        raise error

    object.__setattr__(program, "read_sessions", refuse)


@pytest.mark.parametrize("login", ["", "havendam"])
def test_without_a_database_everybody_gets_a_page_that_says_what_to_do(sqlite_program, login):
    person = Person(sqlite_program, login)
    page = person.get("/signalen/nieuw" if login else "/aanmelden").text
    token = re.search(TOKEN, page)[1]
    break_database(person.client.application.extensions["signaltable"], of_sqlite(sqlite3.SQLITE_IOERR))
    answer = person.get("/overzicht")
    if not login:  # Strangers are led to the door without the database.
        assert answer.status_code == 302
        return
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "<h1" in answer.text
    assert "112" in answer.text
    assert "Nothing of what you sent" not in answer.text
    sent = person.client.post("/signalen/nieuw", data={"csrf_token": token, "narrative": "Zij slaapt op het werk."})
    assert sent.status_code == 503
    assert 'data-stored="nothing"' in sent.text
    assert "Zij slaapt op het werk." in sent.text
    assert "sqlite" not in sent.text.lower()
