"""Who commits lets the next one append before the disk has answered, and says that something is stored only after."""

import pytest
from sqlalchemy import make_url, text

from signaltable import transaction as storage
from signaltable.db import make_engine, make_sessions
from signaltable.flow import signals
from signaltable.flow.signing import sign_checkpoint
from tests.factories import a_signal

pytestmark = pytest.mark.postgres


@pytest.fixture
def waiting(postgres_program):
    """The program on a server that waits for its disk, which the servers of tests do not; its engine as well."""
    url = make_url(postgres_program.settings.database_url).update_query_dict({"options": "-c synchronous_commit=on"})
    engine = make_engine(url.render_as_string(hide_password=False))
    yield storage.replace(postgres_program, write_sessions=make_sessions(engine, writes=True)), engine
    engine.dispose()


def submit(program, who):
    """Where the newest row of a submit stands in what PostgreSQL writes first."""
    with storage.transaction(program, who) as tx:
        signals.submit(tx, a_signal())
        tx.append_now()
        return tx.connection().scalar(text("SELECT pg_current_wal_insert_lsn()"))


def is_on_disk(engine, place):
    with engine.connect() as connection:
        return connection.scalar(text("SELECT pg_current_wal_flush_lsn() > :place"), {"place": place})


def test_what_is_said_to_be_stored_is_on_disk(waiting, actor):
    program, engine = waiting
    who = actor(program, "havendam")
    assert [is_on_disk(engine, submit(program, who)) for _ in range(5)] == [True] * 5


def test_a_server_that_lets_nobody_write_into_its_log_commits_as_usual(waiting, postgres_server, actor):
    program, engine = waiting
    who = actor(program, "havendam")
    database = make_url(program.settings.database_url).database
    owner = make_engine(postgres_server.format(database))
    with owner.begin() as connection:
        names = connection.scalars(
            text("SELECT oid::regprocedure FROM pg_proc WHERE proname = 'pg_logical_emit_message' ORDER BY 1")
        )
        for name in names.all():
            connection.exec_driver_sql(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC")
    owner.dispose()
    assert is_on_disk(engine, submit(program, who))


def test_a_signature_is_seen_by_nobody_before_it_is_on_disk(postgres_program, actor, monkeypatch):
    early = []
    monkeypatch.setattr(storage, "let_go_early", early.append)
    submit(postgres_program, actor(postgres_program, "havendam"))
    assert len(early) == 1
    assert sign_checkpoint(postgres_program) is not None
    assert len(early) == 1
