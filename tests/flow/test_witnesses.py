"""Witnesses: every day the newest checkpoint goes to whoever keeps it, and what was kept is compared with the log."""

import email
import email.policy
from dataclasses import replace

import pytest
from sqlalchemy import select

from audit import checkpoint
from audit.checkpoint import Checkpoint
from audit.kept import note_in
from audit.note import Signer
from signaltable import jobs
from signaltable.domain import NotFound, Refused
from signaltable.flow import setup, signing, witnesses
from signaltable.flow.mail import sending
from signaltable.flow.witnesses import ENOUGH, Outcome
from signaltable.models import LogCheckpoint
from signaltable.transaction import Program, reading, transaction
from tests.flow.test_signing import execute, told, work


def reached(program: Program) -> dict[str, int]:
    with reading(program) as session:
        return {one.agency_id: one.size for one in witnesses.reached(session, program.clock())}


def compared(program: Program, actor, note: str | bytes) -> witnesses.Comparison:
    with transaction(program, actor(program, "fg.havendam")) as tx:
        return witnesses.compare(tx, note if isinstance(note, bytes) else note.encode())


def newest(program: Program) -> LogCheckpoint:
    with reading(program) as session:
        return session.scalars(select(LogCheckpoint).order_by(LogCheckpoint.size.desc()).limit(1)).one()


def test_the_newest_checkpoint_goes_to_every_agency_that_keeps_it(program, clock):
    assert jobs.run_witness(program) == "agencies:2"

    size = newest(program).size
    assert reached(program) == {"havendam": size, "delinde": size}
    assert len(reached(program)) >= ENOUGH
    assert told(program, "checkpoint:send") == [
        ("checkpoint:send", {"size": size, "sent_to": ["delinde", "havendam"], "mails": 2, "rows": _rows(program)})
    ]
    clock.forward(days=1)
    jobs.run_witness(program)
    assert set(reached(program).values()) == {newest(program).size}
    clock.forward(hours=49)
    assert reached(program) == {}


def _rows(program: Program) -> object:
    ((_, details),) = told(program, "checkpoint:send")
    return details["rows"]


def test_a_run_that_is_done_again_sends_nothing_twice(sqlite_program, clock):
    jobs.run_witness(sqlite_program)
    clock.forward(minutes=1)
    assert jobs.run_witness(sqlite_program) == "agencies:0"
    assert len(told(sqlite_program, "checkpoint:send")) == 1
    clock.forward(hours=23)
    assert jobs.run_witness(sqlite_program) == "agencies:2"


def test_an_agency_that_left_is_no_witness(sqlite_program):
    execute(sqlite_program, "UPDATE agencies SET active = false WHERE id = 'delinde'")
    assert jobs.run_witness(sqlite_program) == "agencies:1"
    execute(sqlite_program, "UPDATE agencies SET active = false WHERE id = 'havendam'")
    assert jobs.run_witness(sqlite_program) == "agencies:0"
    assert reached(sqlite_program) == {}
    assert [details["sent_to"] for _, details in told(sqlite_program, "checkpoint:send")] == [["havendam"], []]


def test_the_mail_holds_the_checkpoint_and_nothing_about_anybody(sqlite_program):
    jobs.run_witness(sqlite_program)
    # What is signed meanwhile changes nothing about a mail that waits.
    sent = newest(sqlite_program)
    work(sqlite_program)
    signing.sign_checkpoint(sqlite_program)
    assert sending.send_mails(sqlite_program, jobs.JOBS).sent == 2

    for path in sqlite_program.settings.outbox.glob("*.eml"):
        raw = path.read_bytes()
        assert note_in(raw) == sent.note
        body = email.message_from_bytes(raw, policy=email.policy.default).get_body().get_content().replace("\r\n", "\n")
        words, note = body.split("\n\n", 1)
        assert note == sent.note
        assert words.count("\n") == 1
        assert max(map(len, raw.split(b"\r\n"))) <= 78
        assert b"quoted-printable" in raw


@pytest.mark.parametrize("with_ml_dsa", [False, True])
def test_what_was_kept_fits_the_log(sqlite_program, actor, with_ml_dsa):
    program = replace(sqlite_program, settings=replace(sqlite_program.settings, log_ml_dsa=with_ml_dsa))
    jobs.run_witness(program)
    sending.send_mails(program, jobs.JOBS)
    kept = next(program.settings.outbox.glob("*.eml")).read_bytes()
    signing.rotate_keys(program, setup.INSTALLER)
    work(program, 3)
    signing.sign_checkpoint(program)

    grown = compared(program, actor, kept)
    assert (grown.outcome, grown.honest) == (Outcome.GROWN, True)
    assert 0 < grown.size < grown.now
    signing.sign_checkpoint(program)
    assert compared(program, actor, newest(program).note).outcome is Outcome.SAME
    assert told(program, "checkpoint:compare")[0][1] == {"result": "grown", "size": grown.size} | _activity(program)


def _activity(program: Program) -> dict:
    details = told(program, "checkpoint:compare")[0][1]
    return {key: details[key] for key in ("activity",) if key in details}


def test_what_was_kept_shows_a_log_that_was_changed(program, actor):
    signing.sign_checkpoint(program)
    kept = newest(program)
    execute(program, "UPDATE log_entries SET leaf = :leaf WHERE seq = 1", leaf=b"\1" * 32)
    execute(program, "UPDATE log_nodes SET hash = :leaf WHERE position = 0", leaf=b"\1" * 32)
    assert compared(program, actor, kept.note).outcome is Outcome.FORK


def test_what_was_kept_shows_a_log_that_was_shortened(sqlite_program, actor):
    signer = setup.signer(sqlite_program.settings)
    longer = checkpoint.sign(Checkpoint(signer.name, 10_000, b"r" * 32), signer)
    found = compared(sqlite_program, actor, longer)
    assert (found.outcome, found.size, found.honest) == (Outcome.SHORTENED, 10_000, False)


def test_what_is_no_checkpoint_of_this_log(sqlite_program, actor):
    signing.sign_checkpoint(sqlite_program)
    note = newest(sqlite_program).note
    origin = note.split("\n")[0]
    stranger = Signer.generate(origin)
    root = b"r" * 32
    for unfit, outcome in (
        ("", Outcome.UNREADABLE),
        ("Jan Jansen", Outcome.UNREADABLE),
        (b"\xff" * 100, Outcome.UNREADABLE),
        ("x" * 2_000_000, Outcome.UNREADABLE),
        (note.split("\n— ")[0], Outcome.UNREADABLE),
        (note.replace("\n", "\n1", 1), Outcome.STRANGE),
        (checkpoint.sign(Checkpoint(origin, 1, root), stranger), Outcome.STRANGE),
    ):
        found = compared(sqlite_program, actor, unfit)
        assert (found.outcome, found.honest) == (outcome, False)
    # Nobody writes into the log by what they paste.
    assert {tuple(details) for _, details in told(sqlite_program, "checkpoint:compare")} <= {
        ("result",),
        ("activity", "result"),
    }


def test_a_key_that_was_replaced_signs_nothing_newer(sqlite_program, actor):
    old = setup.signer(sqlite_program.settings)
    signing.sign_checkpoint(sqlite_program)
    signing.rotate_keys(sqlite_program, setup.INSTALLER)
    work(sqlite_program)
    stolen = checkpoint.sign(Checkpoint(old.name, newest(sqlite_program).size + 1, b"r" * 32), old)
    assert compared(sqlite_program, actor, stolen).outcome is Outcome.RETIRED


def test_what_an_agency_fetches_counts_and_is_recorded(program, actor):
    signing.sign_checkpoint(program)
    size = newest(program).size
    with transaction(program, actor(program, "fg.delinde")) as tx:
        assert witnesses.fetch(tx, size) == newest(program).note
    with transaction(program, actor(program, "auditor")) as tx:
        witnesses.fetch(tx, size)
    assert reached(program) == {"delinde": size}
    with transaction(program, actor(program, "fg.delinde")) as tx:
        shown = witnesses.kept(tx)
    assert [(copy.size, copy.sent_at) for copy in shown.copies] == [(size, None)]
    assert shown.copies[0].fetched_at == program.clock()
    assert [details["size"] for _, details in told(program, "checkpoint:fetch")] == [size, size]
    with pytest.raises(NotFound), transaction(program, actor(program, "fg.delinde")) as tx:
        witnesses.fetch(tx, size + 1)


def test_others_do_not_come_here(sqlite_program, actor):
    signing.sign_checkpoint(sqlite_program)
    for login in ("havendam", "avim"):
        with pytest.raises(Refused), transaction(sqlite_program, actor(sqlite_program, login)) as tx:
            witnesses.kept(tx)
