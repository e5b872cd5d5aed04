"""Lists and reports from a replica: a second PostgreSQL that really follows the first, is late, goes away and comes back."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import load_only

from signaltable import db, replica
from signaltable.doctor import Status, inside
from signaltable.doctor.patient import Patient
from signaltable.domain import UnauditedWrite
from signaltable.flow import recusals
from signaltable.flow.leaving_out import leave_out
from signaltable.metrics import stored
from signaltable.models import Signal
from signaltable.replica import AWAY, BEHIND, OTHER, PRIMARY, UNFENCED, Replica
from signaltable.transaction import Program, reading, transaction
from tests.conftest import _name_of, _own_home, open_for_test
from tests.standby import Standby, standby_of
from tests.table_steps import colleague, submitted, use
from tests.web.people import Person

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def standby(postgres_server: str) -> Iterator[Standby]:
    with standby_of(postgres_server) as made:
        yield made


@pytest.fixture
def program(postgres_program: Program, standby: Standby, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """The program with its replica, which is asked again at once and for as long as a busy machine may take."""
    monkeypatch.setattr(replica, "RESTS", dict.fromkeys(replica.RESTS, 0.0))
    monkeypatch.setattr(replica, "LOOKS", (0.0,))
    monkeypatch.setattr(replica, "LONGEST", 120.0)
    copy = Replica(standby.address(postgres_program.settings.database_url))
    yield replace(postgres_program, replica=copy)
    copy.engine.dispose()


def caught_up(program: Program) -> None:
    """Wait until the replica holds all that was stored."""
    assert program.replica
    until = time.monotonic() + 180
    with reading(program) as session:
        while program.replica.examine(session, program.keys).reason:
            assert time.monotonic() < until, "the standby never came up"
            time.sleep(0.01)


@contextmanager
def asked(program: Program) -> Iterator[tuple[list[str], list[str]]]:
    """What the replica and the primary are asked meanwhile, about cases, figures and the log."""
    assert program.replica
    there, here = list[str](), list[str]()
    with program.write_sessions() as session:
        primary = session.get_bind().engine

    def note(found: list[str]) -> Callable[..., None]:
        return lambda _connection, _cursor, statement, *_rest: found.append(statement)

    listeners = ((program.replica.engine, note(there)), (primary, note(here)))
    for engine, one in listeners:
        event.listen(engine, "before_cursor_execute", one)
    yield there, here
    for engine, one in listeners:
        event.remove(engine, "before_cursor_execute", one)


# Who, which page, and what only its rows are asked with.
LISTS = (
    ("havendam", "/signalen", "FROM signals"),
    ("coordinator", "/triage", "FROM signals"),
    ("coordinator", "/overzicht", "FROM meetings"),
    ("coordinator", "/overzicht", "JOIN questions"),
    ("havendam", "/overzicht", "FROM questions"),
    ("havendam", "/overzicht", "FROM reflection_periods"),
    ("havendam", "/overzicht", "signals.keep_until"),
    ("fg.havendam", "/overzicht", "FROM emergency_accesses"),
    ("fg.havendam", "/overzicht", "FROM incidents"),
    ("auditor", "/audit", "FROM log_entries"),
    ("coordinator", "/cijfers", "FROM figure_months"),
    ("havendam", "/vragen", "FROM questions"),
    ("havendam", "/vragen/antwoorden", "FROM questions"),
    ("havendam", "/plichten", "FROM duties"),
    ("havendam", "/tafel/acties", "FROM meeting_tasks"),
    ("fg.havendam", "/tweede-blik", "FROM disclosures"),
    ("coordinator", "/ketenregie", "FROM escalations"),
)


def test_lists_are_read_there(program):
    for login, address, told in LISTS:
        person = Person(program, login)
        caught_up(program)
        with asked(program) as (there, here):
            assert person.get(address).status_code == 200
        assert any(told in one for one in there), address
        assert not [one for one in there if one.startswith(("INSERT", "UPDATE", "DELETE"))], address
        # The primary tells its newest entry, by which it is known whether the replica has all.
        assert told == "FROM log_entries" or not any(told in one for one in here), (address, told)
        assert any("log_head" in one for one in here), address


def test_a_case_is_never_read_there(program, actor):
    reference = submitted(program, actor(program, "havendam"))
    person = Person(program, "havendam")
    caught_up(program)
    with asked(program) as (there, _here):
        assert person.get(f"/signalen/{reference}").status_code == 200
    assert there == []


def test_a_search_looks_there_and_opens_here(program, actor):
    reference = submitted(program, actor(program, "havendam"))
    person = Person(program, "havendam")
    person.get("/zoeken")
    caught_up(program)
    with asked(program) as (there, here):
        found = person.post("/zoeken", {"text": "loon slapen"})
    assert reference in found.text
    assert any("search_terms" in one for one in there)
    assert not any("search_terms" in one for one in here if one.startswith("SELECT"))
    assert not any("narrative_masked" in one for one in there)


def test_who_stored_something_sees_it_also_while_the_replica_is_late(program, standby, actor):
    person = Person(program, "havendam")
    caught_up(program)
    standby.administer("SELECT pg_wal_replay_pause()")
    try:
        reference = submitted(program, actor(program, "havendam"))
        with asked(program) as (there, _here):
            assert reference in person.get("/signalen").text
        assert not any("FROM signals" in one for one in there)
        with reading(program) as session:
            assert program.replica.examine(session, program.keys).reason == BEHIND
    finally:
        standby.administer("SELECT pg_wal_replay_resume()")
    caught_up(program)
    with asked(program) as (there, _here):
        assert reference in person.get("/signalen").text
    assert any("FROM signals" in one for one in there)


def test_the_fence_and_who_is_kept_from_a_case_hold_there_too(program, actor):
    own, others = actor(program, "havendam"), actor(program, "delinde")
    colleague(program, "havendam.twee", "havendam", "focal-officer")
    reference = submitted(program, own)
    seen = select(Signal).options(load_only(Signal.reference))
    caught_up(program)
    for who, known in ((own, {reference}), (others, set())):
        with transaction(program, who, listing=True) as tx:
            assert tx.lists is not tx.session
            assert {row.reference for row in tx.lists.scalars(seen)} == known
            with tx.whole("a test looks at all"):
                assert tx.lists.scalar(select(func.count()).select_from(Signal)) == 1
            assert tx.lists.scalar(select(func.count()).select_from(Signal)) == len(known)
    use(program, own, recusals.declare, "signal", reference, interest="knows_person")
    caught_up(program)
    with transaction(program, own, listing=True) as tx:
        assert leave_out(tx)
        assert tx.lists is not tx.session
        assert tx.lists.scalars(seen).all() == []


def test_nothing_is_changed_there(program, actor):
    who = actor(program, "havendam")
    submitted(program, who)
    caught_up(program)

    def change() -> None:
        with transaction(program, who, listing=True) as tx:
            assert tx.lists is not tx.session
            tx.lists.scalars(select(Signal)).one().urgency = "acute"

    with pytest.raises(UnauditedWrite):
        change()


def test_what_this_transaction_wrote_it_reads_itself(program, actor):
    who = actor(program, "havendam")
    caught_up(program)
    with transaction(program, who, listing=True) as tx:
        assert tx.lists is not tx.session
        tx.session.add(Signal(id="x"))
        assert tx.lists is tx.session
        tx.session.expunge_all()


def test_a_replica_that_goes_away_is_not_missed(program, standby, actor, caplog):
    reference = submitted(program, actor(program, "havendam"))
    person = Person(program, "havendam")
    caught_up(program)
    try:
        with transaction(program, actor(program, "havendam"), listing=True) as tx:
            first = tx.lists.execute(select(Signal.reference))
            standby.kill()
            assert tx.lists.scalars(select(Signal.reference)).all() == [reference]
            assert [row.reference for row in first] == [reference]
        caplog.clear()
        assert reference in person.get("/signalen").text
        assert reference in person.get("/signalen").text
        with reading(program) as session:
            assert program.replica.examine(session, program.keys).reason == AWAY
        assert [one.getMessage() for one in caplog.records if one.name == "signaltable"] == [
            f"lists are read from the primary: {replica.SAID[AWAY]}"
        ]
    finally:
        standby.start()
    caught_up(program)
    with asked(program) as (there, _here):
        assert reference in person.get("/signalen").text
    assert any("FROM signals" in one for one in there)


def test_a_replica_that_hangs_holds_nobody_up(program, standby, actor, monkeypatch):
    reference = submitted(program, actor(program, "havendam"))
    caught_up(program)
    monkeypatch.setattr(replica, "LONGEST", 0.2)
    monkeypatch.setattr(db, "ASKED_AFTER", 0.0)
    standby.hang()
    try:
        with transaction(program, actor(program, "havendam"), listing=True) as tx:
            assert tx.lists.scalars(select(Signal.reference)).all() == [reference]
    finally:
        standby.go_on()
    # Long enough for one that is well to answer first, also where much else runs.
    monkeypatch.setattr(replica, "LONGEST", 5.0)
    caught_up(program)
    try:
        with transaction(program, actor(program, "havendam"), listing=True) as tx:
            assert tx.lists is not tx.session
            standby.hang()
            assert tx.lists.scalars(select(Signal.reference)).all() == [reference]
    finally:
        standby.go_on()


def test_what_is_no_replica_of_this_database_is_never_asked(
    program, actor, standby, postgres_server, postgres_region, request, tmp_path, clock
):
    own = program.settings.database_url
    other = next(open_for_test(_own_home(request, tmp_path / "other", "postgresql"), clock))
    for one in (other, program):
        submitted(one, actor(one, "havendam"))
    addresses = {
        own: PRIMARY,
        standby.address(other.settings.database_url): OTHER,
        standby.address(postgres_region.database_url): BEHIND,
        standby.address(postgres_server.format(_name_of(own))): UNFENCED,
        standby.address(postgres_server.format("template1")): AWAY,
    }
    caught_up(program)
    with reading(program) as session:
        for address, reason in addresses.items():
            copy = Replica(address)
            assert copy.session(session, program.keys) is None
            assert copy.examine(session, program.keys).reason == reason
            copy.engine.dispose()


def test_who_watches_hears_how_it_is(program, standby):
    caught_up(program)
    told = replace(program.settings, replica_url=standby.address(program.settings.database_url))
    with reading(program, whole="as the doctor does") as session:
        patient = Patient(told, None, "", program.keys, "", session.get_bind().engine, "", at_work=False)
        assert inside.replica(patient, session).status is Status.OK
        wrong = replace(patient, settings=replace(told, replica_url=program.settings.database_url))
        assert inside.replica(wrong, session).status is Status.WARNING
        numbers = {one.name: one.samples[0].value for one in stored._replica(program, session)}
    assert numbers == {"signaltable_replica_up": 1.0, "signaltable_replica_lag_seconds": 0.0}
