"""Two machines on one database: two homes, each with its own files, that have to work as one installation."""

import os
import shutil
import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.exc import ProgrammingError

from signaltable import erasures, jobs, row_level, shared_ring
from signaltable.db import make_engine
from signaltable.domain import Actor, NotFound, Refused
from signaltable.flow import (
    agencies,
    auditing,
    export_parts,
    log_export,
    log_keys,
    retention,
    rotating,
    signals,
    signing,
)
from signaltable.jobs import own
from signaltable.jobs.duty import Duty
from signaltable.keys import KeyRing
from signaltable.models import Account, Host, SharedRing
from signaltable.program import assemble
from signaltable.transaction import Program, reading, transaction
from tests.factories import a_signal
from tests.table_steps import submitted, use

pytestmark = pytest.mark.postgres


def on_another_machine(program: Program, name: str = "elsewhere") -> Program:
    """The same installation from a second home: a copy of the keys, and none of the other files."""
    home = program.settings.home.with_name(name)
    shutil.copytree(program.settings.home / "keys", home / "keys")
    (home / "exports").mkdir()
    settings = replace(program.settings, home=home)
    made = assemble(
        settings,
        make_engine(settings.database_url),
        KeyRing.load(settings.key_ring, require_private=True),
        program.policy,
    )
    return replace(made, clock=program.clock)


@pytest.fixture
def two(postgres_program, actor, monkeypatch):
    monkeypatch.setattr(shared_ring, "TOLD_EVERY", -1.0)
    first = postgres_program
    second = on_another_machine(first)
    look_at_something(first, actor(first, "beheer"))
    look_at_something(second, actor(first, "beheer"))
    yield first, second
    with second.read_sessions() as session:
        session.get_bind().engine.dispose()


def look_at_something(program: Program, who: Actor) -> None:
    use(program, who, agencies.list_agencies)


def add_agency(program: Program, who: Actor) -> str:
    return use(program, who, agencies.record_agency, title="Nieuw", kind="municipality", destinations=(), table_id="")


def the_row(program: Program) -> SharedRing:
    with reading(program) as session:
        return session.scalars(select(SharedRing)).one()


def test_an_agency_that_one_machine_added_is_known_on_the_other_at_once(two, actor):
    first, second = two
    made = add_agency(first, actor(first, "beheer"))
    assert second.keys.agency_ids < first.keys.agency_ids

    look_at_something(second, actor(first, "beheer"))

    sealed = second.keys.seal(made, b"secret", b"info")
    assert first.keys.open(made, sealed, b"info") == b"secret"
    assert second.keys.digest() == first.keys.digest()


def test_the_ring_leaves_the_database_once_both_have_it_and_is_sealed_until_then(two, actor):
    first, second = two
    assert the_row(first).sealed == b""
    made = add_agency(first, actor(first, "beheer"))
    waiting = the_row(first)
    assert waiting.sealed
    assert made.encode() not in bytes(waiting.sealed)
    assert b"material" not in bytes(waiting.sealed)

    look_at_something(second, actor(first, "beheer"))

    assert the_row(first).sealed == b""
    with reading(first) as session:
        assert len({host.ring for host in session.scalars(select(Host))}) == 1


def test_what_is_sealed_after_a_rotation_elsewhere_is_sealed_for_the_new_key(two, actor):
    first, second = two
    with transaction(first, actor(first, "beheer")) as tx:
        first.keys.add_version("agency", 1, agency_id="havendam", on=tx.today)
        agencies.list_agencies(tx)
    reference = submitted(second, actor(second, "havendam"), a_signal())
    assert second.keys.version("agency", "havendam") == 2

    with transaction(first, actor(first, "beheer")) as tx:
        first.keys.destroy_version("agency", 1, agency_id="havendam", on=tx.today)
        agencies.list_agencies(tx)
    seen = use(first, actor(first, "havendam"), signals.consult, reference, with_identity=True)
    assert seen
    look_at_something(second, actor(first, "beheer"))
    assert second.keys.versions("agency", "havendam")[0].state == "destroyed"


def test_two_machines_that_add_an_agency_at_once_end_with_both(two, actor):
    first, second = two
    who = actor(first, "beheer")
    with transaction(first, who) as tx:
        with transaction(second, who) as other:
            second_made = agencies.record_agency(
                other, title="Tweede", kind="municipality", destinations=(), table_id=""
            )
        first_made = agencies.record_agency(tx, title="Eerste", kind="municipality", destinations=(), table_id="")
    look_at_something(second, who)
    look_at_something(first, who)
    assert {first_made, second_made} <= first.keys.agency_ids & second.keys.agency_ids


def test_a_machine_that_lacks_a_key_which_nobody_can_give_it_does_nothing(two, actor):
    first, second = two
    old = (second.settings.key_ring).read_bytes()
    add_agency(first, actor(first, "beheer"))
    look_at_something(second, actor(first, "beheer"))
    second.settings.key_ring.write_bytes(old)

    with pytest.raises(shared_ring.RingBehind):
        look_at_something(second, actor(first, "beheer"))

    shutil.copy(first.settings.key_ring, second.settings.key_ring)
    look_at_something(second, actor(first, "beheer"))


def test_on_one_machine_the_ring_is_never_in_the_database_and_one_that_was_put_back_works(postgres_program, actor):
    program, who = postgres_program, actor(postgres_program, "beheer")
    old = program.settings.key_ring.read_bytes()
    add_agency(program, who)
    assert the_row(program).sealed == b""
    program.settings.key_ring.write_bytes(old)
    look_at_something(program, who)


def test_a_ring_that_somebody_wrote_into_the_database_is_not_taken_in(two, actor):
    first, second = two
    add_agency(first, actor(first, "beheer"))
    with first.write_sessions() as session:
        row_level.bear(session, first.keys, row_level.PROGRAM)
        session.execute(text("UPDATE shared_rings SET sealed = :forged"), {"forged": bytes(400)})
        session.commit()
    before = second.settings.key_ring.read_bytes()
    with pytest.raises(shared_ring.RingBehind):
        look_at_something(second, actor(first, "beheer"))
    assert second.settings.key_ring.read_bytes() == before


def test_an_export_that_one_machine_made_is_handed_out_by_the_other(two, actor, monkeypatch):
    monkeypatch.setattr(export_parts, "PIECE", 1000)
    first, second = two
    auditor = actor(first, "auditor")
    request = use(first, auditor, log_export.request_export)
    assert jobs.run_requests(first) == "made:1"
    assert list(first.settings.exports.iterdir()) == []

    state = use(second, auditor, log_export.export_state, request)
    with use(second, auditor, log_export.export_file, request) as file, zipfile.ZipFile(file) as packed:
        assert packed.testzip() is None
        assert "logboek/manifest.json" in packed.namelist()
        assert os.fstat(file.fileno()).st_size == state.bytes > 1000
    assert list(second.settings.exports.iterdir()) == []

    with pytest.raises(NotFound), transaction(second, replace(auditor, account_id="another")) as tx:
        log_export.export_file(tx, request)


def test_what_one_machine_erased_stands_in_the_register_of_the_other(two, actor):
    first, second = two
    owner = actor(first, "havendam")
    gone, gone_there = (submitted(on, owner, a_signal()) for on in (first, second))
    for on, reference in ((first, gone), (second, gone_there)):
        use(on, owner, signals.withdraw, reference, "no longer needed")
        on.clock.forward(days=31)
        retention.sweep(on, jobs.JOBS)
    for on in two:
        own.run_own(on, Duty.ALL)
        own.run_own(on, Duty.ALL)
    registers = [erasures.read(on.settings.erasures, on.keys) for on in two]
    assert [register.bad for register in registers] == [(), ()]
    assert set(registers[0].erasures) == set(registers[1].erasures)
    assert len(registers[0].erasures) == len(set(registers[0].erasures))
    assert {gone, gone_there} <= {name for one in registers[0].erasures for name in one.objects}


def test_a_machine_that_did_not_sign_keeps_the_note_all_the_same(two):
    first, second = two
    size = signing.sign_checkpoint(first)
    own.run_own(second, Duty.ALL)
    assert next(iter(log_keys.kept_notes(second.settings))).size == size


def test_the_same_key_is_replaced_by_one_machine_at_a_time(two):
    first, second = two
    with rotating.at_work(first, "match") as mine, rotating.at_work(second, "match") as theirs:
        assert (mine, theirs) == (True, False)
    with rotating.at_work(second, "match") as theirs:
        assert theirs


def test_a_key_of_the_log_that_another_machine_replaced_signs_nothing_more(two):
    first, second = two
    signing.sign_checkpoint(first)
    signing.rotate_keys(first, signing.SYSTEM)
    with pytest.raises(signing.LogBroken, match="replaced"):
        signing.sign_checkpoint(second)
    assert signing.sign_checkpoint(first) is not None


def test_a_machine_that_is_gone_for_long_is_forgotten(two, actor):
    first, second = two
    gone = shared_ring.own_id(second.keys.path)
    with first.write_sessions() as session:
        row_level.bear(session, first.keys, row_level.PROGRAM)
        session.execute(update(Host).where(Host.id == gone).values(seen_at=datetime(2020, 1, 1, tzinfo=UTC)))
        session.commit()

    look_at_something(first, actor(first, "beheer"))

    with reading(first) as session:
        assert session.scalars(select(Host.id)).all() == [shared_ring.own_id(first.keys.path)]


def test_a_person_writes_neither_which_machines_there_are_nor_which_keys(two, actor):
    first, _second = two
    who = actor(first, "havendam")
    with first.write_sessions() as session:
        row_level.bear(session, first.keys, row_level.bearer_of(who))
        for table in ("hosts", "shared_rings"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}"))
            assert session.execute(text(f"DELETE FROM {table}")).rowcount == 0
        with pytest.raises(ProgrammingError, match="row-level security"):
            session.execute(
                text("INSERT INTO hosts SELECT 'x', name, ring, told, seen_at FROM hosts LIMIT 1"),
            )


@pytest.fixture
def sent(two):
    """The statements that the first machine sends from here on."""
    noted = []
    with two[0].write_sessions() as session:
        engine = session.get_bind().engine

    def note(*told):
        noted.append(told[2])

    event.listen(engine, "before_cursor_execute", note)
    yield noted
    event.remove(engine, "before_cursor_execute", note)


def places(sent: list[str], *words: str) -> list[int]:
    """Where among the statements those with all these words stand; there is one at least."""
    found = [place for place, one in enumerate(sent) if all(word in one for word in words)]
    assert found
    return found


def log_held(sent: list[str]) -> int:
    return places(sent, "log_head", "FOR UPDATE")[0]


@pytest.mark.parametrize("holder", ["sign", "export"])
def test_who_holds_the_log_said_before_which_machine_it_is(two, sent, tmp_path, holder):
    """Else each of two would wait for the other: one has the row of the machine, and one the head of the log."""
    program, _second = two
    if holder == "sign":
        assert auditing.sign_checkpoint(program)
    else:
        auditing.export(program, jobs.JOBS, tmp_path / "export")
    assert places(sent, "INSERT INTO hosts")[-1] < log_held(sent)


def test_who_holds_the_log_asked_before_whether_they_may_still(two, sent, tmp_path, actor):
    """Else they would wait for who takes the right away: that one holds the account, and waits for the head of the log."""
    program, _second = two
    auditing.export(program, actor(program, "auditor"), tmp_path / "export")
    assert places(sent, "FROM accounts", "FOR ")[0] < log_held(sent)


def test_who_was_shut_out_meanwhile_exports_nothing(postgres_program, tmp_path, actor):
    who = actor(postgres_program, "auditor")
    with postgres_program.write_sessions() as session:
        row_level.bear(session, postgres_program.keys, row_level.PROGRAM)
        session.execute(update(Account).where(Account.id == who.account_id).values(active=False))
        session.commit()
    with pytest.raises(Refused, match="right_withdrawn"):
        auditing.export(postgres_program, who, tmp_path / "export")
    assert not list((tmp_path / "export").glob("*.jsonl*"))
