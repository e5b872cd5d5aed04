"""The fence: the database itself refuses to change the log, and a fence that somebody spoiled is seen."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from signaltable import audit_trail
from signaltable.audit_trail import fence
from signaltable.flow.coming_in.actors import SYSTEM
from signaltable.models import LogCheckpoint, LogErased
from signaltable.transaction import Program, transaction
from tests.log_tools import owners_engine, without_fence

COLUMNS = {
    "log_entries": "outcome",
    "log_details": "salt",
    "log_checkpoints": "note",
    "log_nodes": "hash",
    "log_erased": "by_seq",
    "log_head": "size",
}


def _fill(program: Program) -> None:
    """At least one row in each table."""
    with transaction(program, SYSTEM) as tx:
        for _ in range(20):
            tx.record("login:end", details={"cause": "test"})
        tx.append_now()
        audit_trail.destroy(tx.session, [3], audit_trail.size(tx.session) - 1)
        tx.session.add(LogCheckpoint(size=1, note="a note", signed_at=tx.now))


def _refused(program: Program, statement: str) -> None:
    with Session(owners_engine(program.settings)) as session, pytest.raises(DBAPIError, match=fence.REFUSAL):
        session.execute(text(statement))


def test_every_table_of_the_log_refuses_to_be_changed_or_emptied(program):
    _fill(program)
    for table, column in COLUMNS.items():
        _refused(program, f"UPDATE {table} SET {column} = {column}")
        _refused(program, f"DELETE FROM {table}")
        if program.settings.database_url.startswith("postgresql"):
            _refused(program, f"TRUNCATE {table} CASCADE")
        else:
            _refused(program, f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
            _refused(program, f"UPDATE OR REPLACE {table} SET {column} = {column}")


def test_the_head_of_the_log_can_only_grow(program):
    _refused(program, "UPDATE log_head SET size = size - 1")
    _refused(program, "UPDATE log_head SET size = size, frontier = frontier")
    _refused(program, "UPDATE log_head SET size = size + 1, recorded_at = recorded_at - 1")
    _refused(program, "UPDATE log_head SET size = size + 1, id = 2")


def test_details_go_only_when_an_entry_says_so(program):
    _fill(program)
    _refused(program, "DELETE FROM log_details WHERE seq = 4")
    with program.write_sessions() as session:
        session.add(LogErased(seq=4, by_seq=5))
        session.flush()
        session.execute(text("DELETE FROM log_details WHERE seq = 4"))
        session.commit()
    _refused(program, "UPDATE log_details SET salt = salt WHERE seq = 5")


def test_the_fence_of_a_new_home_is_whole(program):
    with program.read_sessions() as session:
        assert fence.missing(session.connection()) == []


def test_a_trigger_that_is_gone_or_hollowed_out_is_missed(program):
    postgresql = program.settings.database_url.startswith("postgresql")
    on = " ON log_nodes" if postgresql else ""
    hollow = (
        "CREATE OR REPLACE FUNCTION log_head_update() RETURNS trigger AS $$ BEGIN RETURN NEW; END $$ LANGUAGE plpgsql"
        if postgresql
        else "CREATE TRIGGER log_head_no_update BEFORE UPDATE ON log_head BEGIN SELECT 1; END"
    )
    with Session(owners_engine(program.settings)) as session:
        session.execute(text(f"DROP TRIGGER log_nodes_no_delete{on}"))
        if not postgresql:
            session.execute(text("DROP TRIGGER log_head_no_update"))
        session.execute(text(hollow))
        if postgresql:
            session.execute(text("ALTER TABLE log_entries DISABLE TRIGGER log_entries_no_update"))
        session.commit()
    with program.read_sessions() as session:
        spoiled = fence.missing(session.connection())
    assert spoiled == sorted(
        ["log_head_no_update", "log_nodes_no_delete", *(["log_entries_no_update"] if postgresql else [])]
    )


def test_without_the_fence_everything_is_missed(program):
    with without_fence(program) as connection:
        assert fence.missing(connection) == sorted(fence.triggers(connection.dialect.name))
