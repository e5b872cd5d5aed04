"""Signing: only what continues everything signed before, with keys that the log tells of, through crashes at any step."""

import os
import shutil
import traceback
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from audit import key_chain
from audit.entry import open_details, parse
from audit.errors import BadNote
from audit.note import ED25519, ML_DSA_44, Signer
from audit.verify import verify
from signaltable import jobs
from signaltable.audit_trail import fence
from signaltable.db import make_engine
from signaltable.domain import UnauditedWrite
from signaltable.flow import log_export, log_keys, setup, signing
from signaltable.flow.log_parts import Part
from signaltable.flow.signing import LogBroken
from signaltable.keys import KeyRing
from signaltable.models import Agency, Incident, LogCheckpoint, LogDetail, LogEntry
from signaltable.program import assemble
from signaltable.transaction import Program, Transaction, reading, transaction
from tests.databases import back_up, put_back
from tests.log_tools import owners_engine


def work(program: Program, times: int = 1) -> None:
    for _ in range(times):
        with transaction(program, jobs.JOBS) as tx:
            tx.record("login:end", details={"cause": "test"})


def notes(program: Program) -> list[str]:
    with reading(program) as session:
        return list(session.scalars(select(LogCheckpoint.note).order_by(LogCheckpoint.size)))


def told(program: Program, *actions: str) -> list[tuple[str, dict]]:
    with reading(program) as session:
        rows = session.execute(
            select(LogEntry.entry, LogDetail.details, LogDetail.salt)
            .join(LogDetail, LogDetail.seq == LogEntry.seq)
            .where(LogEntry.action.in_(actions))
            .order_by(LogEntry.seq)
        ).all()
    parsed = [(parse(row.entry), row) for row in rows]
    return [(entry.action, open_details(entry, row.details, row.salt)) for entry, row in parsed]


def chain(program: Program, given=()) -> key_chain.Chain:
    with reading(program) as session:
        announced = signing._announced(session)
    return key_chain.trusted(given, log_keys.public_keys(program.settings), notes(program), announced)


def fingerprints(path: Path) -> list[str]:
    return [key.verifier().fingerprint for key in log_keys.signers(path)]


def execute(program: Program, *statements: str, **values: object) -> None:
    """What somebody with the password of the database does, who removed the triggers first."""
    with Session(owners_engine(program.settings)) as session:
        if session.get_bind().dialect.name == "sqlite":
            for name in session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                session.execute(text(f"DROP TRIGGER {name}"))
        else:
            for table in fence.TABLES:
                session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        for statement in statements:
            session.execute(text(statement), values)
        session.commit()


# -- what is signed -----------------------------------------------------------------------------------------------


def test_every_signed_note_is_kept_outside_the_database(program):
    work(program)
    first = signing.sign_checkpoint(program)
    work(program)
    second = signing.sign_checkpoint(program)

    folder = program.settings.home / "checkpoints"
    assert [path.name for path in sorted(folder.iterdir())] == [f"{first:012d}.txt", f"{second:012d}.txt"]
    assert [path.read_text() for path in sorted(folder.iterdir())] == notes(program)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_note_that_was_not_kept_in_time_is_kept_the_next_time(sqlite_program):
    signing.sign_checkpoint(sqlite_program)
    shutil.rmtree(sqlite_program.settings.signed_notes)

    assert signing.sign_checkpoint(sqlite_program) is None
    assert [kept.note for kept in log_keys.kept_notes(sqlite_program.settings)] == notes(sqlite_program)


def test_a_database_that_was_put_back_is_not_signed(sqlite_program):
    signing.sign_checkpoint(sqlite_program)
    copy = back_up(sqlite_program)
    work(sqlite_program)
    signed = signing.sign_checkpoint(sqlite_program)
    put_back(sqlite_program, copy)

    with pytest.raises(LogBroken, match=f"of {signed} that were signed"):
        signing.sign_checkpoint(sqlite_program)
    # Also when it has grown beyond what was signed since.
    work(sqlite_program, 5)
    with pytest.raises(LogBroken, match="does not continue"):
        signing.sign_checkpoint(sqlite_program)
    assert signed not in {int(note.split("\n")[1]) for note in notes(sqlite_program)}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_entries SET leaf = :bytes WHERE seq = 2",
        "UPDATE log_entries SET entry = :bytes WHERE seq = 2",
        "UPDATE log_nodes SET hash = :bytes WHERE level = 4 AND position = 0",
        "UPDATE log_checkpoints SET note = replace(note, '=', 'A=')",
        "UPDATE log_head SET size = size - 1",
    ],
)
def test_a_log_that_somebody_changed_is_not_signed(program, statement):
    work(program, 20)
    signing.sign_checkpoint(program)
    execute(program, statement, bytes=b"\0" * 32) if ":bytes" in statement else execute(program, statement)

    with pytest.raises((LogBroken, IntegrityError)):
        go_on(program)
    assert len(notes(program)) == 1


def test_a_log_that_is_refused_is_an_incident_at_once_and_one_only(sqlite_program):
    work(sqlite_program, 20)
    assert jobs.run_checkpoint(sqlite_program)
    execute(sqlite_program, "UPDATE log_entries SET leaf = :bytes WHERE seq = 2", bytes=b"\0" * 32)
    for _ in range(3):
        work(sqlite_program)
        with pytest.raises(LogBroken):
            jobs.run_checkpoint(sqlite_program)
    with reading(sqlite_program) as session:
        (incident,) = session.scalars(select(Incident))
        assert (incident.kind, incident.place) == ("signing-stopped", "log")
        assert "nothing was signed" in incident.message


def go_on(program: Program) -> None:
    work(program)
    signing.sign_checkpoint(program)


def test_a_log_that_was_shortened_with_its_checkpoints_is_not_signed(program):
    work(program)
    signing.sign_checkpoint(program)
    work(program)
    before = signing.sign_checkpoint(program)
    execute(program, f"DELETE FROM log_checkpoints WHERE size = {before}")

    # The file of the signer still tells of it, so a log that goes on from there is the only one that is signed.
    work(program)
    assert signing.sign_checkpoint(program) == before + 2
    execute(program, f"DELETE FROM log_checkpoints WHERE size >= {before}", "UPDATE log_head SET size = 3")
    with pytest.raises(LogBroken):
        signing.sign_checkpoint(program)


def test_a_key_that_a_stranger_announced_is_not_signed_over(sqlite_program):
    """Under our signature it would count: anybody who can write rows can write an entry that is well-formed."""
    signing.sign_checkpoint(sqlite_program)
    ours = setup.signer(sqlite_program.settings).verifier()
    stranger = Signer.generate(ours.name).verifier()
    for action, more in (("key:make", {}), ("key:rotate", {"previous_fingerprint": ours.fingerprint})):
        with transaction(sqlite_program, jobs.JOBS) as tx:
            tx.record(action, details={"purpose": "log", "key_fingerprint": stranger.fingerprint} | more)
        with pytest.raises(LogBroken, match="announces a key"):
            signing.sign_checkpoint(sqlite_program)
    assert len(notes(sqlite_program)) == 1


def sign_and_write(tx: Transaction) -> None:
    signing.sign(tx)
    tx.session.execute(update(Agency).where(Agency.id == "").values(title="x"))


def test_nothing_is_kept_of_a_signature_that_was_rolled_back(sqlite_program):
    with pytest.raises(UnauditedWrite), transaction(sqlite_program, jobs.JOBS) as tx:
        sign_and_write(tx)
    assert list(log_keys.kept_notes(sqlite_program.settings)) == []
    assert signing.sign_checkpoint(sqlite_program)


# -- changing keys ------------------------------------------------------------------------------------------------


def test_a_log_changes_its_key_and_stays_one_log(program):
    signing.sign_checkpoint(program)
    old = setup.signer(program.settings)
    origin = old.name

    (new,) = signing.rotate_keys(program, setup.INSTALLER)
    work(program)
    signing.sign_checkpoint(program)

    assert fingerprints(program.settings.log_key) == [new]
    assert not log_keys.next_file(program.settings).exists()
    assert old.to_text() not in program.settings.log_key.read_text()
    assert {key.name for key in log_keys.public_keys(program.settings)} == {origin}
    for given in ((), (old.verifier(),), (setup.signer(program.settings).verifier(),)):
        found = chain(program, given)
        assert (found.unreached, found.unlisted) == ((), ())
        assert [key.fingerprint for key in found.current] == [new]
        assert [found.open_note(note).origin for note in notes(program)] == [origin] * 3
    was = old.verifier().fingerprint
    keys_of_the_log = [one for one in told(program, *key_chain.ACTIONS) if one[1]["purpose"] == "log"]
    assert keys_of_the_log == [
        ("key:make", {"purpose": "log", "key_fingerprint": was}),
        ("key:rotate", {"purpose": "log", "key_fingerprint": new, "previous_fingerprint": was}),
        ("key:destroy", {"purpose": "log", "key_fingerprint": was}),
    ]


@pytest.mark.parametrize("both", [False, True], ids=["one algorithm", "two"])
def test_every_part_of_a_log_that_changed_its_key_can_be_checked(sqlite_program, tmp_path, both):
    program = replace(sqlite_program, settings=replace(sqlite_program.settings, log_ml_dsa=both))
    signing.sign_checkpoint(program)
    old = setup.signer(program.settings).verifier()
    signing.rotate_keys(program, setup.INSTALLER)
    work(program)
    day = program.clock().date()
    parts = (
        Part(),
        Part(agency="havendam"),
        Part(first=day + timedelta(days=1)),
        Part(last=day),
        Part(first=day, last=day),
    )
    for number, part in enumerate(parts):
        log_export.export(program, setup.INSTALLER, tmp_path / str(number), part=part)
        for given in (None, old.to_text(), setup.signer(program.settings).verifier().to_text()):
            assert verify(tmp_path / str(number), public_key=given).findings == ()


STEPS = {
    "write_signers": (log_keys, "write_signers", 0),
    "sign": (signing, "_sign", 0),
    "list_keys": (log_keys, "list_keys", 0),
    "destroy_and_replace": (log_keys, "destroy_and_replace", 0),
    # What an earlier command left is told first, and there is nothing of the kind here.
    "tell": (signing, "_tell_destroyed", 1),
}


def rotate_and_die(program: Program, step: str, after: bool) -> int:
    """Change the keys in a process of its own, which ends at the step without any clearing up. Returns how it ended."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        owner, name, passing = STEPS[step]
        real, calls = getattr(owner, name), []

        def killed(*arguments, **named):
            calls.append(name)
            if len(calls) <= passing:
                return real(*arguments, **named)
            if after:
                real(*arguments, **named)
            os._exit(9)

        setattr(owner, name, killed)
        # No connection is shared with the process that goes on.
        settings = program.settings
        ring = KeyRing.load(settings.key_ring, require_private=True)
        signing.rotate_keys(
            assemble(settings, make_engine(settings.database_url), ring, program.policy), setup.INSTALLER
        )
    except BaseException:  # noqa: BLE001 -- whatever it was, this process must not go on as a test
        traceback.print_exc()
    finally:
        os._exit(1)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_change_of_keys_can_be_killed_at_every_step_and_goes_on(sqlite_program, step, after):
    signing.sign_checkpoint(sqlite_program)
    old = setup.signer(sqlite_program.settings).verifier()
    settings = sqlite_program.settings
    assert rotate_and_die(sqlite_program, step, after) == 9

    # The jobs process signs meanwhile, with whatever key counts now; then somebody gives the command again.
    work(sqlite_program)
    signing.sign_checkpoint(sqlite_program)
    assert chain(sqlite_program).unreached == ()
    signing.rotate_keys(sqlite_program, setup.INSTALLER)
    work(sqlite_program)
    signing.sign_checkpoint(sqlite_program)

    found = chain(sqlite_program, [old])
    assert (found.unreached, len(found.current)) == ((), 1)
    assert [key.fingerprint for key in found.current] == fingerprints(settings.log_key)
    assert all(found.open_note(note) for note in notes(sqlite_program))
    rotated = [details["previous_fingerprint"] for action, details in told(sqlite_program, "key:rotate")]
    assert [details["key_fingerprint"] for action, details in told(sqlite_program, "key:destroy")] == rotated
    assert old.fingerprint in rotated


def test_two_changes_of_keys_at_once_replace_a_key_once(sqlite_program):
    """The other one has told of the change, and not yet taken the old key away, when this one gets its turn."""
    signing.sign_checkpoint(sqlite_program)
    settings = sqlite_program.settings
    ended = []

    def after_the_other():
        if not ended:
            ended.append(rotate_and_die(sqlite_program, "destroy_and_replace", after=False))
        return sqlite_program.write_sessions()

    signing.rotate_keys(replace(sqlite_program, write_sessions=after_the_other), setup.INSTALLER)

    assert ended == [9]
    replaced = [details["previous_fingerprint"] for _, details in told(sqlite_program, "key:rotate")]
    assert len(replaced) == len(set(replaced)) == 1
    found = chain(sqlite_program)
    assert (found.unreached, [key.fingerprint for key in found.current]) == ((), fingerprints(settings.log_key))


def test_a_second_algorithm_is_made_told_and_signed_with_when_asked_for(sqlite_program):
    signing.sign_checkpoint(sqlite_program)
    both = replace(sqlite_program, settings=replace(sqlite_program.settings, log_ml_dsa=True))

    assert signing.sign_checkpoint(both)
    assert [key.algorithm for key in log_keys.public_keys(both.settings)] == [ED25519, ML_DSA_44]
    ed25519, ml_dsa = log_keys.public_keys(both.settings)
    found = chain(both, [ed25519])
    assert found.unreached == ()
    assert chain(both, [ml_dsa]).open_note(notes(both)[-1])
    with pytest.raises(BadNote):  # Nothing of ML-DSA-44 stands under the first.
        key_chain.trusted([ml_dsa], [ml_dsa], [], []).open_note(notes(both)[0])
    assert signing.sign_checkpoint(both) is None

    signing.rotate_keys(both, setup.INSTALLER)
    assert notes(both)[-1].count("\n— ") == 4
    assert [key.algorithm for key in log_keys.signers(both.settings.log_key)] == [ED25519, ML_DSA_44]
    assert chain(both, [ed25519]).unreached == ()
    assert len(chain(both).current) == 2
    # Switched off again, Ed25519 signs alone.
    work(sqlite_program)
    signing.sign_checkpoint(sqlite_program)
    assert notes(both)[-1].count("\n— ") == 1


def test_a_second_algorithm_that_comes_with_a_change_of_keys_is_told_before_it_is_replaced(sqlite_program, tmp_path):
    signing.sign_checkpoint(sqlite_program)
    both = replace(sqlite_program, settings=replace(sqlite_program.settings, log_ml_dsa=True))
    signing.rotate_keys(both, setup.INSTALLER)
    signing.rotate_keys(sqlite_program, setup.INSTALLER)
    for number, program in enumerate((sqlite_program, both)):
        log_export.export(program, setup.INSTALLER, tmp_path / str(number))
        for given in (None, *(key.to_text() for key in log_keys.public_keys(program.settings))):
            assert verify(tmp_path / str(number), public_key=given).findings == ()


def test_after_a_restore_only_a_new_key_signs(sqlite_program):
    signing.sign_checkpoint(sqlite_program)
    copy = back_up(sqlite_program)
    old = setup.signer(sqlite_program.settings).verifier()
    work(sqlite_program, 3)
    signing.sign_checkpoint(sqlite_program)
    lost = notes(sqlite_program)[-1]
    put_back(sqlite_program, copy)

    with transaction(sqlite_program, setup.INSTALLER) as tx:
        tx.record("system:restore", details={"size": 1})
        assert signing.sign_after_restore(tx) == [old.fingerprint]
    signing.finish_rotation(sqlite_program, setup.INSTALLER)
    signing.settle(sqlite_program)
    work(sqlite_program)
    assert signing.sign_checkpoint(sqlite_program)

    new = setup.signer(sqlite_program.settings).verifier()
    found = chain(sqlite_program, [new])
    assert found.unreached == ()
    assert all(found.open_note(note) for note in notes(sqlite_program))
    with pytest.raises(BadNote):
        found.open_note(lost)  # Signed over what no longer is: whoever kept it is told so.
    assert chain(sqlite_program, [old]).unreached == (new,)
