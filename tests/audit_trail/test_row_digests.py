"""What the log says of rows: always what the database holds, however they were written."""

import hmac
import json
from datetime import date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, inspect, select, update
from sqlalchemy.dialects import postgresql, sqlite

from signaltable import row_digests
from signaltable.db import Base
from signaltable.domain import ZONE
from signaltable.flow.coming_in import app_codes, proving, signing_in
from signaltable.flow.coming_in.actors import SYSTEM
from signaltable.models import Agency, AgencyDestination, LogDetail, MatchTag, Signal, Subject, SubjectField
from signaltable.row_digests import GONE, UnknownRows, rows_in
from signaltable.transaction import Transaction, reading, transaction
from tests.conftest import PASSWORD
from tests.databases import is_file
from tests.factories import a_signal
from tests.table_steps import submitted


def said(program):
    """Table -> row -> the last digest that the log gives."""
    told = {}
    with reading(program) as session:
        for raw in session.scalars(select(LogDetail.details).order_by(LogDetail.seq)):
            for name, rows in rows_in(raw).items():
                told.setdefault(name, {}).update(rows)
    return told


def held(program, name):
    """Row -> digest, as the database is now."""
    table = Base.metadata.tables[name]
    with reading(program) as session:
        rows = session.execute(row_digests.reading_of(table)).mappings().all()
        return dict(row_digests.digests(program.keys, table, rows))


def check(program, *names):
    told = said(program)
    for name in names or row_digests.TRACKED:
        there = {row: digest for row, digest in told.get(name, {}).items() if digest != GONE}
        assert there == held(program, name), name


def act(tx: Transaction) -> None:
    tx.record("agency:record", object_type="agency", object_id="x", details={"agency": "x"})


def agency(number: int, **changes):
    return {"id": f"a{number}", "title": f"Titel {number}", "kind": "ngo", "active": True, **changes}


def test_the_bytes_of_a_digest_are_what_they_were(sqlite_program):
    # Spelled out: digests of before have to fit for as long as there is a log.
    keys = sqlite_program.keys
    version = keys.version("rows")
    secret = keys.derive("rows", "rows of the database", version)
    decision = {
        "id": "d1", "kind": "route", "signal_id": "s1", "disclosure_id": None, "at": datetime(2026, 11, 23, 10, tzinfo=ZONE),
        "day": date(2026, 11, 23), "policy_digest": "", "input": {"b": 1, "a": "é"}, "outcome": [],
    }  # fmt: skip
    one = (
        '[["id", "d1"], ["kind", "route"], ["signal_id", "s1"], ["at", ["moment", "2026-11-23T09:00:00.000000+00:00"]], '
        '["day", ["day", "2026-11-23"]], ["input", ["json", "{\\"a\\": \\"\\\\u00e9\\", \\"b\\": 1}"]]]'
    )
    fields = [
        {"subject_id": "s1", "name": "phone", "sealed": b"\1\2", "sure": True},
        {"subject_id": "s1", "name": "email", "sealed": b"\3", "sure": False},
    ]
    packed = (
        b"subject_fields<subject_id:s:2:s1name:s:5:emailsealed:b:1:\3>"
        b"<subject_id:s:2:s1name:s:5:phonesealed:b:2:\1\2sure:j:1:1>"
    )
    for table, rows, name, form, said in (
        ("decisions", [decision], "d1", f"{version}.", json.dumps(["decisions", [one]]).encode()),
        ("subject_fields", fields, "s1", f"{version}p.", packed),
    ):
        made = dict(row_digests.digests(keys, Base.metadata.tables[table], rows))
        assert made == {name: form + hmac.digest(secret, said, "sha256").hex()[:24]}


def test_a_submitted_signal_is_told_row_by_row(program, actor):
    submitted(program, actor(program, "havendam"))
    check(program)


def test_a_session_goes_on_to_fit_when_its_person_proves_once_more_who_they_are(sqlite_program, actor):
    begun = signing_in.log_in(sqlite_program, "havendam", PASSWORD)
    who = actor(sqlite_program, "havendam")
    code = app_codes.shown_code(sqlite_program, who.account_id)
    token = signing_in.second_step(sqlite_program, begun.token, "code", code).token
    token = proving.prove_with(sqlite_program, who, token, "password", PASSWORD)
    assert proving.proved_at(sqlite_program, token) is not None
    check(sqlite_program)


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["orm", "bulk", "quiet", "change", "change many", "remove", "remove many", "two", "flush"]),
        st.integers(0, 4),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTS, max_size=3))
def test_any_series_of_writes_ends_with_what_the_database_holds(sqlite_program, transactions):
    clean(sqlite_program)
    for acts in transactions:
        with transaction(sqlite_program, SYSTEM) as tx:
            for what, number in acts:
                do(tx, what, number)
            act(tx)
    check(sqlite_program, "agencies", "agency_destinations")


def dialect_of(program):
    return sqlite if is_file(program.settings) else postgresql


def clean(program):
    with transaction(program, SYSTEM) as tx:
        tx.session.execute(delete(AgencyDestination).where(AgencyDestination.agency_id.like("a_")))
        tx.session.execute(delete(Agency).where(Agency.id.like("a_")))
        act(tx)


def do(tx, what, number):
    session, row = tx.session, tx.session.get(Agency, f"a{number}")
    if what == "orm" and row is None:
        session.add(Agency(created_at=tx.now, **agency(number)))
        session.flush()
    elif what == "bulk" and row is None:
        values = agency(number, created_at=tx.now)
        del values["active"]  # A column that fills itself in.
        session.execute(insert(Agency), [values])
    elif what == "quiet":
        values = agency(number, created_at=tx.now)
        session.execute(dialect_of(tx.program).insert(Agency).values(values).on_conflict_do_nothing())
    elif what == "change" and row is not None:
        row.title = row.title + "!"
    elif what == "change many":
        session.execute(update(Agency).where(Agency.id.like("a_")).values(kind="police"))
    elif what == "remove" and row is not None:
        session.execute(delete(AgencyDestination).where(AgencyDestination.agency_id == row.id))
        session.delete(row)
        session.flush()
    elif what == "remove many":
        session.execute(delete(AgencyDestination).where(AgencyDestination.agency_id.like("a_")))
        session.execute(delete(Agency).where(Agency.id.like("a_")))
        session.expire_all()
    elif what == "two" and row is not None and session.get(AgencyDestination, (row.id, "avim")) is None:
        session.add(AgencyDestination(agency_id=row.id, destination="avim"))
        session.flush()
    elif what == "flush":
        session.flush()


def test_a_group_that_grows_later_is_told_whole(sqlite_program, actor):
    submitted(sqlite_program, actor(sqlite_program, "havendam"))
    with transaction(sqlite_program, SYSTEM) as tx:
        subject = tx.session.scalars(select(Subject.id)).first()
        tx.session.execute(
            insert(MatchTag), [{"subject_id": subject, "set_id": "x", "digest": b"x" * 32, "key_version": 1}]
        )
        tx.session.execute(delete(SubjectField).where(SubjectField.subject_id == subject, SubjectField.name == "phone"))
        act(tx)
    check(sqlite_program, "match_tags", "subject_fields")


def test_an_object_that_is_changed_after_it_was_stored_deceives_nobody(sqlite_program, actor):
    reference = submitted(sqlite_program, actor(sqlite_program, "havendam"))
    with transaction(sqlite_program, SYSTEM) as tx:
        row = tx.session.scalars(select(Signal).where(Signal.reference == reference)).one()
        copy = {column.name: getattr(row, column.name) for column in Signal.__table__.columns}
        made = Signal(**{**copy, "id": "copy", "reference": "S-0000-00", "facts": {"one": 1}})
        tx.session.add(made)
        tx.session.flush()
        made.facts["two"] = 2  # SQLAlchemy does not see this, so it is not stored.
        act(tx)
    check(sqlite_program, "signals")


def test_a_postgresql_insert_that_changes_nothing_is_read_again(program):
    with transaction(program, SYSTEM) as tx:
        values = agency(0, id="riec", created_at=tx.now)
        tx.session.execute(dialect_of(program).insert(Agency).values(values).on_conflict_do_nothing())
        act(tx)
    check(program, "agencies")


def test_an_insert_without_keys_is_refused(sqlite_program):
    with pytest.raises(UnknownRows), transaction(sqlite_program, SYSTEM) as tx:
        tx.session.execute(insert(Agency).from_select(["id", "title"], select(Agency.id, Agency.title)))


def test_the_log_does_not_tell_what_a_row_holds(sqlite_program, actor):
    # The same content in two homes, or in two rows, has nothing in common in the log.
    who = actor(sqlite_program, "havendam")
    for _ in range(2):
        submitted(sqlite_program, who, a_signal())
    digests = [digest for rows in said(sqlite_program).values() for digest in rows.values() if digest != GONE]
    assert len(digests) == len(set(digests))
    with reading(sqlite_program) as session:
        tags = {tag.hex() for tag in session.scalars(select(MatchTag.digest))}
        told = json.dumps(said(sqlite_program))
    assert not any(tag[:16] in told for tag in tags)


def test_what_a_migration_fills_in_for_rows_of_before_is_empty_so_that_their_digests_still_fit(sqlite_program):
    with reading(sqlite_program) as session:
        schema = inspect(session.get_bind())
        filled_in = {
            (name, column["name"]): column["default"]
            for name in row_digests.TRACKED
            for column in schema.get_columns(name)
            if column["default"] is not None
        }
    assert ("links", "origin") in filled_in
    # PostgreSQL says of which type it is.
    said = {place: value.partition("::")[0] for place, value in filled_in.items()}
    assert {place: value for place, value in said.items() if value not in {"''", "'[]'", "'0'", "0", "false"}} == {}


def test_very_many_rows_are_told_in_entries_of_their_own(sqlite_program):
    with transaction(sqlite_program, SYSTEM) as tx:
        tx.session.execute(insert(Agency), [agency(number, created_at=tx.now) for number in range(9000)])
        act(tx)
    check(sqlite_program, "agencies")
