"""What a submit asks of the database: as few statements as are needed, however the machine is loaded."""

import sqlite3

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError

from signaltable.db import table_of
from signaltable.flow import signals
from signaltable.models import Agency, Signal
from signaltable.prepared import Prepared, insert_into, numbered, several
from signaltable.transaction import transaction
from tests.factories import a_person, a_signal

# Seventeen today with one subject, before the commit; what many rows of a table need is one statement all the same.
MOST = 20
MOST_PASSES = 20


def _statements(program, who, draft):
    sent = []

    def note(*told):
        sent.append(told[2])

    with transaction(program, who) as tx:
        engine = tx.connection().engine  # Prepared statements are told to whoever listens there.
        event.listen(engine, "before_cursor_execute", note)
        signals.submit(tx, draft)
        event.remove(engine, "before_cursor_execute", note)
    # PostgreSQL hears besides for whom each of them is.
    passes = [one for one in sent if "signaltable.pass" in one]
    assert len(passes) <= MOST_PASSES
    return [one for one in sent if one not in passes]


def test_a_submit_sends_few_statements_and_no_more_of_them_for_more_fields(sqlite_program, actor):
    who = actor(sqlite_program, "havendam")
    _statements(sqlite_program, who, a_signal())  # The rules are kept with the first one.
    # People whom nobody knows, so that no link is proposed.
    one = _statements(sqlite_program, who, a_signal(subjects=[a_person(identity={"plate": "99-GBB-9"})]))
    longer = a_person(identity={"plate": "98-GBB-8", "profile": "verzonnen.profiel", "email": "z@voorbeeld.example"})
    more = _statements(sqlite_program, who, a_signal(subjects=[longer]))

    assert len(one) <= MOST
    assert len(more) <= len(one) + 1  # A node of the tree is closed every sixteen entries.


def test_a_prepared_statement_gives_what_the_columns_hold(program, actor):
    with transaction(program, actor(program, "havendam")) as tx:
        made = signals.submit(tx, a_signal()).reference
        c = table_of(Signal).c
        statement = Prepared(
            select(c.created_at, c.facts, c.owner_sealed, c.observed_on).where(c.reference.in_(several("ref", 2)))
        )
        ((created_at, facts, sealed, observed_on),) = tx.rows(statement, numbered("ref", [made, "S-0000-00"]))
        kept = tx.session.scalars(select(Signal).where(Signal.reference == made)).one()

        assert (created_at, facts, bytes(sealed), observed_on) == (
            kept.created_at, kept.facts, kept.owner_sealed, kept.observed_on,
        )  # fmt: skip


def test_what_the_driver_refuses_comes_as_an_error_of_the_library_without_the_values(program):
    with program.write_sessions() as session:
        row = {"id": "havendam", "title": "Geheime titel", "kind": "ngo", "active": True, "created_at": program.clock()}
        with pytest.raises(IntegrityError) as refused:
            insert_into(table_of(Agency), tuple(row)).change(session.connection(), [row])

    assert not isinstance(refused.value, sqlite3.Error)
    assert "Geheime titel" not in f"{refused.value} {refused.value.orig} {refused.value.__cause__}"


def test_what_the_driver_says_of_a_row_that_lacks_something_quotes_none_of_it(program):
    with program.write_sessions() as session:
        row = {"id": "nieuw", "title": "Geheime titel", "kind": None, "active": True, "created_at": program.clock()}
        with pytest.raises(IntegrityError) as refused:
            insert_into(table_of(Agency), tuple(row)).change(session.connection(), [row])

    assert "Geheime titel" not in f"{refused.value} {refused.value.orig} {refused.value.__cause__}"
