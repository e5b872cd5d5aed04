"""A database that was put back from a copy: what was erased since is erased again, and no key signs two histories."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from audit.note import read_text
from audit.tree_head import parse_text
from audit.verify import verify
from signaltable import erasures, jobs
from signaltable.cli import main
from signaltable.db import Base, make_engine
from signaltable.domain import Refused
from signaltable.flow import (
    attachments,
    auditing,
    drafts,
    fsck,
    log_keys,
    receipts,
    referrals,
    restoring,
    retention,
    setup,
    signals,
    signing,
)
from signaltable.flow.signing import LogBroken
from signaltable.keys import CannotOpen, KeyRing
from signaltable.models import (
    Attachment,
    AttachmentPart,
    Disclosure,
    Draft,
    LogDetail,
    LogEntry,
    LogErased,
    MatchTag,
    Subject,
    SubjectField,
    SubjectKey,
)
from signaltable.program import assemble
from signaltable.transaction import reading
from tests.databases import back_up, environment, every_row, put_back
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_signal
from tests.ports import free_port
from tests.table_steps import log, row, submitted, triaged, use

TERM = 180


def _put_back(program, copy):
    """The program after somebody put the copy in the place of its database."""
    put_back(program, copy)
    engine = make_engine(program.settings.database_url)
    keys = KeyRing.load(program.settings.key_ring, require_private=True)
    return replace(assemble(program.settings, engine, keys, program.policy), clock=program.clock)


def _restored(program, **given):
    return restoring.restored(program, setup.INSTALLER, **given)


def _all(program, table):
    with reading(program) as session:
        return list(session.scalars(select(table)))


def _blobs(program):
    """Everything that a key of somebody could be, wherever it stands in the database."""
    with reading(program) as session:
        for table in Base.metadata.sorted_tables:
            for values in session.execute(select(table)):
                yield from (bytes(value) for value in values if isinstance(value, bytes))


def _findings(program):
    return [(one.kind, one.at) for one in fsck.inspect(program).findings]


def _sign(program, clock):
    clock.forward(minutes=1)
    return signing.sign_checkpoint(program, jobs.JOBS)


@pytest.fixture
def erased(sqlite_program, actor, clock):
    """A program whose signal was erased and signed over after a copy was made: program, copy, reference, old note, secrets."""
    program = sqlite_program
    reference = triaged(program, actor(program, "havendam"), actor(program, "coordinator"))
    _sign(program, clock)
    copy = back_up(program)
    secrets = [bytes(one.wrapped) for one in _all(program, SubjectKey)] + [
        bytes(one.sealed) for one in _all(program, SubjectField)
    ]
    clock.forward(days=TERM + 1)
    assert retention.sweep(program, jobs.JOBS).signals == 1
    size = _sign(program, clock)
    (newest, *_) = log_keys.kept_notes(program.settings)
    assert newest.size == size
    return program, copy, reference, newest.note, secrets


def test_what_was_erased_after_the_copy_cannot_be_opened_by_any_key_once_the_command_ran(erased):
    program, copy, reference, _note, secrets = erased
    program = _put_back(program, copy)
    # The copy brings everything back, readable for its owner.
    (key,) = _all(program, SubjectKey)
    assert program.keys.unwrap(key.agency_id, key.wrapped, key.subject_id)

    found = _restored(program)

    assert (found.redone, found.known) == (1, 1)
    for table in (SubjectKey, SubjectField, MatchTag):
        assert _all(program, table) == []
    assert all(one.erased_at for one in _all(program, Subject))
    assert (row(program, reference).state, row(program, reference).owner_sealed) == ("expired", b"")
    for agency in program.keys.agency_ids:
        for blob in _blobs(program):
            with pytest.raises(CannotOpen):
                program.keys.unwrap(agency, blob, key.subject_id)
    on_disk = b"".join(path.read_bytes() for path in program.settings.home.glob("signaltable.db*"))
    stands = every_row(program.settings)
    assert not [secret for secret in secrets if secret in on_disk or secret.hex() in stands]


def test_the_log_goes_on_under_a_new_key_and_says_what_was_lost(erased, clock):
    program, copy, _reference, note, _secrets = erased
    old = log_keys.signers(program.settings.log_key)[0].verifier().fingerprint
    lost = next(iter(log_keys.kept_notes(program.settings))).size
    program = _put_back(program, copy)
    # Nothing is signed before the command ran, and a check says why.
    with pytest.raises(LogBroken):
        _sign(program, clock)
    assert "restored-database" in [kind for kind, _ in _findings(program)]

    found = _restored(program)

    ((_entry, told),) = log(program, "system:restore")
    assert (told["size"], told["lost_size"], told["erased"]) == (found.size, lost, 1)
    assert found.replaced == (old,)
    assert found.fingerprint != old
    assert _findings(program) == []
    assert _sign(program, clock)
    assert _findings(program) == []
    # Whoever keeps the lost note sees that this log does not continue it.
    directory = program.settings.home.parent / "export"
    auditing.export(program, setup.INSTALLER, directory)
    keys = program.settings.log_public_key.read_text()
    assert verify(directory, public_key=keys).findings == ()
    assert {one.kind for one in verify(directory, public_key=keys, checkpoints=[note]).findings} & {
        "older-than-held",
        "fork",
        "retired-key",
    }


def test_the_same_on_postgresql(postgres_program, actor, clock):
    program = postgres_program
    reference = submitted(program, actor(program, "havendam"))
    _sign(program, clock)
    copy = back_up(program)
    clock.forward(days=TERM + 1)
    retention.sweep(program, jobs.JOBS)
    _sign(program, clock)
    program = _put_back(program, copy)
    assert len(_all(program, SubjectKey)) == 1

    found = _restored(program)

    assert (found.redone, len(found.replaced)) == (1, 1)
    assert _all(program, SubjectKey) == []
    assert row(program, reference).owner_sealed == b""
    _sign(program, clock)
    assert _findings(program) == []


def test_the_command_tells_what_it_did_and_what_the_agencies_have_to_know(erased, monkeypatch):
    program, copy, _reference, note, _secrets = erased
    held = program.settings.home.parent / "held.txt"
    held.write_text(note)
    program = _put_back(program, copy)
    for name, value in environment(program.settings).items():
        monkeypatch.setenv(name, value)

    said = CliRunner().invoke(main, ["audit", "restored", "--json"])

    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    fingerprint = log_keys.signers(program.settings.log_key)[0].verifier().fingerprint
    assert (told["redone"], told["is_copy"], told["fingerprint"]) == (1, True, fingerprint)
    again = CliRunner().invoke(main, ["audit", "restored", "--checkpoint", str(held)])
    assert (again.exit_code, "nothing was changed" in again.stdout) == (0, True)
    other = CliRunner().invoke(main, ["audit", "restored", "--checkpoint", str(program.settings.erasures)])
    assert other.exit_code == 2


def test_where_only_the_signing_key_is_gone_no_checkpoint_is_called_lost(erased, monkeypatch):
    program, *_rest = erased
    program.settings.log_key.unlink()
    for name, value in environment(program.settings).items():
        monkeypatch.setenv(name, value)

    said = CliRunner().invoke(main, ["audit", "restored"])

    assert said.exit_code == 0, said.output
    assert "the signing key of the log" in said.stdout
    assert "up to 0" not in said.stdout


def test_a_home_that_was_put_back_whole_needs_what_others_kept(erased, clock):
    program, copy, _reference, note, _secrets = erased
    directory = program.settings.home.parent / "export"
    auditing.export(program, setup.INSTALLER, directory)
    # Of this home nothing is left of after the copy: not the register, not what the signer kept.
    program.settings.erasures.unlink()
    for path in program.settings.signed_notes.iterdir():
        path.unlink()
    program = _put_back(program, copy)
    assert _restored(program).is_copy is False, "nothing here can tell"

    found = _restored(program, exports=[directory], held=[note])

    assert (found.redone, len(found.replaced), found.lost_root) == (1, 1, parse_text(read_text(note)[0]).root.hex())
    assert _all(program, SubjectKey) == []
    _sign(program, clock)
    assert _findings(program) == []


def test_keys_that_were_replaced_after_the_copy_sign_no_more_either(erased, clock):
    program, copy, *_rest = erased
    before = log_keys.public_keys(program.settings)
    clock.forward(minutes=1)
    signing.rotate_keys(program, jobs.JOBS)
    gone = [one.fingerprint for one in log_keys.public_keys(program.settings)]
    assert len(gone) == len(before) + 1
    program = _put_back(program, copy)

    found = _restored(program)

    assert sorted(found.replaced) == sorted(gone)
    _sign(program, clock)
    assert _findings(program) == []


def test_a_receipt_of_before_the_copy_stays_good(sqlite_program, actor, clock):
    program, owner = sqlite_program, actor(sqlite_program, "havendam")
    reference = submitted(program, owner, a_signal(consent=GIVEN))
    sent = disclosed(program, owner, reference, "essm", ground="X1").reference
    first = receipts.of_reference(program, setup.INSTALLER, sent).text
    copy = back_up(program)
    clock.forward(days=11 * 366)
    retention.sweep(program, jobs.JOBS)
    _sign(program, clock)
    program = _put_back(program, copy)
    _restored(program)
    assert receipts.of_reference(program, setup.INSTALLER, sent).text == first


def test_nobody_works_on_a_copy_before_it_was_made_to_forget(erased):
    program, copy, *_rest = erased
    restoring.refuse_older(program)
    program = _put_back(program, copy)
    with reading(program) as session:
        before = session.scalars(select(LogEntry.seq)).all()
    told = {**os.environ, **environment(program.settings)}

    # A process of its own: the program begins itself anew before it serves.
    command = [sys.executable, "-m", "signaltable.cli", "run", "--port", str(free_port()), "--no-reader"]
    said = subprocess.run(command, env=told, capture_output=True, text=True, timeout=300, check=False)

    assert (said.returncode, "audit restored" in said.stderr) == (1, True)
    with reading(program) as session:
        assert session.scalars(select(LogEntry.seq)).all() == before
    _restored(program)
    restoring.refuse_older(program)


def test_a_second_run_finds_nothing_to_do(erased):
    program, copy, *_rest = erased
    program = _put_back(program, copy)
    _restored(program)
    key = log_keys.signers(program.settings.log_key)
    again = _restored(program)
    assert (again.is_copy, again.redone, again.lost_size, again.replaced) == (False, 0, 0, ())
    assert len(log(program, "system:restore")) == 1
    assert log_keys.signers(program.settings.log_key) == key


def test_where_nothing_was_put_back_nothing_happens(erased):
    program, *_rest = erased
    with reading(program) as session:
        before = session.scalars(select(LogEntry.seq)).all()
    found = _restored(program)
    assert (found.is_copy, found.known) == (False, 1)
    with reading(program) as session:
        assert session.scalars(select(LogEntry.seq)).all() == before


@pytest.mark.parametrize("step", ["redo", "_go_on", "_set_lost_notes_apart"])
def test_an_interrupted_run_goes_on(erased, clock, monkeypatch, step):
    program, copy, *_rest = erased
    program = _put_back(program, copy)
    real, calls = getattr(restoring, step), []

    def dies(*args):
        calls.append(args)
        made = real(*args)
        if step != "_set_lost_notes_apart" or len(calls) == 2:
            raise KeyboardInterrupt
        return made

    monkeypatch.setattr(restoring, step, dies)
    with pytest.raises(KeyboardInterrupt):
        _restored(program)
    monkeypatch.setattr(restoring, step, real)

    _restored(program)

    ((_entry, told),) = log(program, "system:restore")
    assert told["erased"] == 1
    assert _all(program, SubjectKey) == []
    _sign(program, clock)
    assert _findings(program) == []


def test_people_who_went_on_working_on_the_copy_lose_nothing(erased, actor, clock):
    program, copy, *_rest = erased
    program = _put_back(program, copy)
    clock.forward(days=1)
    fresh = [submitted(program, actor(program, "delinde"), a_signal(capacity="care-wgbo")) for _ in range(8)]
    with reading(program) as session:
        details = session.scalars(select(LogDetail.seq)).all()
    (ranges,) = [one.entries for one in erasures.read(program.settings.erasures, program.keys).erasures]
    assert ranges[-1][1] < max(details), "the numbers were given out anew"

    found = _restored(program)

    assert found.replaced
    assert all(row(program, reference).owner_sealed for reference in fresh)
    assert len(log(program, "signal:record")) == len(fresh)
    _sign(program, clock)
    assert _findings(program) == []


def test_the_receivers_copy_and_a_draft_that_were_taken_away_are_taken_away_again(sqlite_program, actor, clock):
    program, owner = sqlite_program, actor(sqlite_program, "havendam")
    reference = submitted(program, owner, a_signal(consent=GIVEN))
    sent = disclosed(program, owner, reference, "essm", ground="X1").reference
    draft = use(program, owner, drafts.start).id
    _sign(program, clock)
    copy = back_up(program)
    use(
        program,
        actor(program, "essm"),
        referrals.give_back,
        sent,
        cause="not_our_task",
        text="Dit is niet voor ons bestemd.",
    )
    use(program, owner, drafts.discard, draft)
    program = _put_back(program, copy)

    found = _restored(program)

    assert found.redone == 2
    assert found.replaced == (), "nothing that was signed is lost"
    with reading(program) as session:
        assert session.scalars(select(Disclosure.payload_recipient)).all() == [b""]
        assert session.scalars(select(Draft)).all() == []
    _sign(program, clock)
    assert _findings(program) == []


def test_files_that_were_taken_away_are_taken_away_again(sqlite_program, actor, clock):
    program, owner = sqlite_program, actor(sqlite_program, "havendam")
    reference = submitted(program, owner)
    draft = use(program, owner, drafts.start).id
    prepared = attachments.prepare(program, owner, b"gewone woorden", "a.txt")
    for _turn in range(2):
        use(program, owner, attachments.add_to_signal, reference, prepared, looked=False)
    use(program, owner, attachments.add_to_draft, draft, prepared, looked=False)
    _sign(program, clock)
    copy = back_up(program)
    use(program, owner, attachments.remove, reference, 2, "asked")
    use(program, owner, drafts.discard, draft)
    program = _put_back(program, copy)

    found = _restored(program)

    assert found.redone == 2
    with reading(program) as session:
        assert session.scalars(select(Attachment.number)).all() == [1]
        assert len(session.scalars(select(AttachmentPart.number)).all()) == 1
    _sign(program, clock)
    assert _findings(program) == []


def test_details_of_the_log_past_their_term_go_again(sqlite_program, actor, clock):
    program = sqlite_program
    reference = submitted(program, actor(program, "havendam"))
    _sign(program, clock)
    copy = back_up(program)
    clock.forward(days=11 * 366)
    retention.sweep(program, jobs.JOBS)
    emptied = {one.seq for one in _all(program, LogErased)}
    _sign(program, clock)
    program = _put_back(program, copy)

    _restored(program)

    with reading(program) as session:
        size_of_copy = session.scalars(select(LogEntry.seq).where(LogEntry.action == "key:rotate")).first()
        kept = set(session.scalars(select(LogDetail.seq)))
    assert emptied
    assert not [seq for seq in emptied if seq < size_of_copy and seq in kept]
    assert row(program, reference).owner_sealed == b""
    _sign(program, clock)
    assert _findings(program) == []


# -- where the erasures are known from ----------------------------------------------------------------------------


def test_an_export_tells_the_same_when_the_register_is_lost(erased, clock):
    program, copy, *_rest = erased
    directory = program.settings.home.parent / "export"
    auditing.export(program, setup.INSTALLER, directory)
    program.settings.erasures.unlink()
    program = _put_back(program, copy)

    found = _restored(program, exports=[directory])

    assert found.redone == 1
    assert _all(program, SubjectKey) == []


def test_an_export_that_somebody_changed_is_not_followed(erased):
    program, copy, *_rest = erased
    directory = program.settings.home.parent / "export"
    auditing.export(program, setup.INSTALLER, directory)
    path = directory / "details.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"rule":"signal"', b'"rule":"Signal"'))
    program = _put_back(program, copy)
    with pytest.raises(restoring.UnusableInput):
        _restored(program, exports=[directory])


def test_a_register_of_another_machine_counts_too(erased):
    program, copy, *_rest = erased
    other = program.settings.home.parent / "other.jsonl"
    program.settings.erasures.rename(other)
    program = _put_back(program, copy)
    assert _restored(program).redone == 0
    assert _restored(program, registers=[other]).redone == 1


def test_a_line_that_somebody_wrote_erases_nothing_and_is_told(erased, actor):
    program, _copy, reference, *_rest = erased
    alive = submitted(program, actor(program, "havendam"))
    path = program.settings.erasures
    forged = path.read_bytes().replace(reference.encode(), alive.encode())
    path.write_bytes(forged + path.read_bytes())

    found = _restored(program)

    assert [(one.number, one.kind) for one in found.register] == [(1, "changed-line"), (2, "missing-line")]
    assert row(program, alive).owner_sealed


def test_lines_cut_off_the_register_show_against_the_log(erased, clock, actor):
    program, *_rest = erased
    submitted(program, actor(program, "havendam"))
    clock.forward(days=TERM + 1)
    retention.sweep(program, jobs.JOBS)
    path = program.settings.erasures
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 2
    assert _restored(program).untold == 0
    path.write_bytes(lines[0])
    assert _restored(program).untold == 1


def test_a_torn_line_is_told_and_the_next_erasure_takes_its_place(erased, clock, actor):
    program, *_rest = erased
    path = program.settings.erasures
    path.write_bytes(path.read_bytes() + b'{"at":17')
    register = erasures.read(path, program.keys)
    assert [(one.number, one.kind) for one in register.bad] == [(2, "torn-line")]
    submitted(program, actor(program, "havendam"))
    clock.forward(days=TERM + 1)
    retention.sweep(program, jobs.JOBS)
    register = erasures.read(path, program.keys)
    assert (len(register.erasures), register.bad) == (2, ())
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_erased_when_the_register_cannot_be_written(sqlite_program, actor, clock):
    program = sqlite_program
    submitted(program, actor(program, "havendam"))
    program.settings.erasures.mkdir()
    clock.forward(days=TERM + 1)
    with pytest.raises(OSError, match="directory"):
        retention.sweep(program, jobs.JOBS)
    assert len(_all(program, SubjectKey)) == 1
    assert log(program, "retention:erase") == []


def test_only_who_owns_the_machine_may_do_this(sqlite_program, actor):
    for login in ("beheer", "auditor"):
        with pytest.raises(Refused):
            restoring.restored(sqlite_program, actor(sqlite_program, login))


# -- another machine -----------------------------------------------------------------------------------------------


def test_on_a_machine_without_the_signing_key_the_log_goes_on_under_a_new_one(sqlite_program, actor, clock):
    program = sqlite_program
    submitted(program, actor(program, "havendam"))
    _sign(program, clock)
    (old,) = log_keys.public_keys(program.settings)
    program.settings.log_key.unlink()

    found = _restored(program)

    assert found.replaced == (old.fingerprint,)
    assert found.lost_size == 0
    assert found.is_copy
    _sign(program, clock)
    assert _findings(program) == []
    # Where the key is there and nothing was put back, nothing happens.
    assert _restored(program).replaced == ()


def test_an_export_tells_what_was_done_after_the_copy(sqlite_program, actor, clock):
    program, owner = sqlite_program, actor(sqlite_program, "havendam")
    kept = submitted(program, owner)
    _sign(program, clock)
    copy = back_up(program)
    gone = submitted(program, owner)
    use(program, owner, signals.withdraw, kept, "mistake")
    directory = program.settings.home.parent / "export"
    auditing.export(program, setup.INSTALLER, directory)
    program = _put_back(program, copy)

    found = _restored(program, exports=[directory])

    told = {(one.action, one.object) for one in found.lost}
    assert {("signal:record", gone), ("signal:withdraw", kept)} <= told
    assert not [one for one in told if one[0].endswith(":consult")]
    assert ("signal:record", kept) not in told
