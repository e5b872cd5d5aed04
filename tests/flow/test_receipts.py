"""Receipts: the same small file for sender and receiver, for ever, that tells the receiver nothing more than its page."""

import json
import stat
import subprocess
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from audit import receipt
from audit.entry import Entry
from audit.note import Verifier
from signaltable import jobs
from signaltable.cli import main
from signaltable.domain import NotFound, Refused
from signaltable.flow import log_keys, receipts, referrals, signing
from signaltable.models import LogCheckpoint, LogEntry, Signal
from signaltable.transaction import reading
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_signal
from tests.log_tools import tamper
from tests.table_steps import log, submitted, use

# What an entry may tell the receiver; the page says so in words. A new field of an entry has to be weighed here first.
TOLD = {
    "format", "event_id", "seq", "recorded_at", "occurred_at", "action", "outcome", "actor", "agency", "role",
    "channel", "strength", "object_type", "object", "trace_id", "span_id", "source", "retention_class",
    "details_commitment",
}  # fmt: skip


@pytest.fixture
def sent(sqlite_program, actor):
    """Two disclosures of one signal to two receivers, made in one trace; their references."""
    program = sqlite_program
    owner = replace(actor(program, "havendam"), trace_id="ab" * 16, span_id="cd" * 8, parent_span_id="ef" * 8)
    reference = submitted(program, owner, a_signal(consent=GIVEN))
    one, other = (disclosed(program, owner, reference, to).reference for to in ("essm", "fairwork"))
    return program, owner, one, other, reference


def _only(program, who, case, reference):
    (one,) = use(program, who, case, reference)
    return one


def _proven(program, text: str) -> Entry:
    return receipt.verify(text, log_keys.public_keys(program.settings)).entry


def test_sender_and_receiver_get_the_same_file_and_it_never_changes(sent, actor):
    program, owner, reference, _other, _signal = sent
    essm = actor(program, "essm")
    assert not _only(program, owner, receipts.for_sender, reference).ready
    signing.sign_checkpoint(program)
    seq = _only(program, owner, receipts.for_sender, reference).seq

    first = use(program, owner, receipts.fetch_as_sender, reference, seq)

    use(program, essm, referrals.accept, reference)
    signing.sign_checkpoint(program)
    assert use(program, essm, receipts.fetch_as_receiver, reference, seq) == first
    made = _proven(program, first.text)
    assert (made.action, made.object, made.agency) == ("signal:disclose", reference, "havendam")
    assert first.name == f"{reference}-{seq}.tlog-proof"
    with reading(program) as session:
        oldest = session.scalars(
            select(LogCheckpoint).where(LogCheckpoint.size > seq).order_by(LogCheckpoint.size)
        ).first()
    assert first.text.endswith("\n\n" + oldest.note)
    told = [details for _entry, details in log(program, "receipt:fetch")]
    assert [(one["disclosure"], one["entry"], one["view"]) for one in told] == [
        (reference, seq, "provider"),
        (reference, seq, "receiver"),
    ]


def test_what_came_back_has_its_proof_too(sent, actor):
    program, owner, reference, other, _signal = sent
    essm, fairwork = actor(program, "essm"), actor(program, "fairwork")
    use(program, essm, referrals.accept, reference)
    use(program, essm, referrals.feed_back, reference, result="taken_up")
    use(program, fairwork, referrals.give_back, other, cause="no_room", text="Er is geen plaats.")
    signing.sign_checkpoint(program)
    for who, case, fetch in (
        (owner, receipts.for_sender, receipts.fetch_as_sender),
        (essm, receipts.for_receiver, receipts.fetch_as_receiver),
    ):
        lines = use(program, who, case, reference)
        assert [one.action for one in lines] == ["signal:disclose", "disclosure:accept", "disclosure:feedback"]
        for one in lines:
            assert _proven(program, use(program, who, fetch, reference, one.seq).text).action == one.action
    assert [one.action for one in use(program, fairwork, receipts.for_receiver, other)][-1] == "disclosure:return"


def test_two_receivers_find_nothing_by_which_to_join_their_lists(sent, actor):
    program, _owner, reference, other, signal = sent
    signing.sign_checkpoint(program)
    told = []
    for login, one in (("essm", reference), ("fairwork", other)):
        seq = _only(program, actor(program, login), receipts.for_receiver, one).seq
        text = use(program, actor(program, login), receipts.fetch_as_receiver, one, seq).text
        raw = receipt.verify(text, log_keys.public_keys(program.settings)).entry_bytes
        with reading(program) as session:
            row = session.scalars(select(Signal).where(Signal.reference == signal)).one()
            secrets = (signal, row.id, "ab" * 16, "cd" * 8, "ef" * 8)
        assert [one for one in secrets if one.encode() in raw] == []
        told.append(json.loads(raw))
    assert {name for one in told for name in one} <= TOLD
    same = {name for name in told[0] if told[0][name] == told[1].get(name)}
    # Who sent it, and how: their own pages tell both receivers the agency. Nothing else of the two is the same.
    assert same <= {
        "format", "action", "outcome", "actor", "agency", "role", "channel", "strength", "object_type", "source",
        "retention_class", "occurred_at", "recorded_at",
    }  # fmt: skip


def test_the_log_itself_still_knows_of_which_work_a_disclosure_was_part(sent):
    program, _owner, reference, _other, _signal = sent
    told = {entry.object: details for entry, details in log(program, "signal:disclose")}
    assert told[reference]["caused_by"] == f"{'ab' * 16}-{'cd' * 8}"


@pytest.mark.parametrize("login", ["fairwork", "avim", "delinde", "coordinator", "auditor", "fg.havendam", "beheer"])
def test_nobody_else_gets_a_receipt(sent, actor, login):
    program, owner, reference, _other, _signal = sent
    signing.sign_checkpoint(program)
    seq = _only(program, owner, receipts.for_sender, reference).seq
    before = len(log(program, "access:refuse"))
    for fetch in (receipts.fetch_as_sender, receipts.fetch_as_receiver):
        with pytest.raises(Refused):
            use(program, actor(program, login), fetch, reference, seq)
    assert len(log(program, "access:refuse")) == before + 2


def test_the_receiver_cannot_come_in_as_sender_nor_the_sender_as_receiver(sent, actor):
    program, owner, reference, _other, _signal = sent
    signing.sign_checkpoint(program)
    seq = _only(program, owner, receipts.for_sender, reference).seq
    with pytest.raises(Refused):
        use(program, actor(program, "essm"), receipts.fetch_as_sender, reference, seq)
    with pytest.raises(Refused):
        use(program, owner, receipts.fetch_as_receiver, reference, seq)


def test_no_receipt_of_another_entry_or_of_one_that_is_not_covered_yet(sent, actor):
    program, owner, reference, other, _signal = sent
    essm = actor(program, "essm")
    mine = _only(program, owner, receipts.for_sender, reference)
    foreign = _only(program, owner, receipts.for_sender, other).seq
    with pytest.raises(NotFound):
        use(program, essm, receipts.fetch_as_receiver, reference, mine.seq)
    assert program.clock() < mine.due_at
    signing.sign_checkpoint(program)
    for seq in (foreign, 0, -1, 10**30):
        with pytest.raises(NotFound):
            use(program, essm, receipts.fetch_as_receiver, reference, seq)


def test_a_receipt_from_before_a_new_key_keeps_verifying_with_the_old_one(sent):
    program, owner, reference, _other, _signal = sent
    signing.sign_checkpoint(program)
    old_key = Verifier.from_text(program.settings.log_public_key.read_text().strip())
    seq = _only(program, owner, receipts.for_sender, reference).seq
    before = use(program, owner, receipts.fetch_as_sender, reference, seq)

    signing.rotate_keys(program, jobs.JOBS)

    assert use(program, owner, receipts.fetch_as_sender, reference, seq) == before
    assert receipt.verify(before.text, [old_key]).entry.object == reference


def test_a_log_that_was_changed_gives_no_receipt(sent):
    program, owner, reference, _other, _signal = sent
    signing.sign_checkpoint(program)
    seq = _only(program, owner, receipts.for_sender, reference).seq
    with reading(program) as session:
        raw = session.scalar(select(LogEntry.entry).where(LogEntry.seq == seq))
    tamper(
        program,
        "UPDATE log_entries SET entry = :raw WHERE seq = :seq",
        raw=raw.replace(b"havendam", b"delindee"),
        seq=seq,
    )
    with pytest.raises(receipts.NotProven):
        use(program, owner, receipts.fetch_as_sender, reference, seq)


# -- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def run(sqlite_program, monkeypatch):
    monkeypatch.setenv("SIGNALTABLE_HOME", str(sqlite_program.settings.home))
    monkeypatch.setenv("DATABASE_URL", sqlite_program.settings.database_url)
    return lambda *arguments: CliRunner().invoke(main, ["audit", "receipt", *map(str, arguments)])


def test_the_command_signs_when_it_must_and_writes_a_file_that_verifies_offline(sent, run, tmp_path):
    program, owner, reference, _other, _signal = sent
    target = tmp_path / "proof.tlog-proof"

    made = run(reference, "--out", target)

    assert made.exit_code == 0, made.output
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    command = [
        sys.executable,
        "-m",
        "audit",
        "receipt",
        str(target),
        "--public-key",
        str(program.settings.log_public_key),
    ]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    seq = _only(program, owner, receipts.for_sender, reference).seq
    assert use(program, owner, receipts.fetch_as_sender, reference, seq).text == target.read_text()
    again = tmp_path / "again.tlog-proof"
    assert run(reference, "--out", again).exit_code == 0
    assert again.read_bytes() == target.read_bytes()


def test_the_command_refuses_to_overwrite(sent, run, tmp_path):
    _program, _owner, reference, *_rest = sent
    target = tmp_path / "mine.txt"
    target.write_text("keep")
    made = run(reference, "--out", target)
    assert (made.exit_code, len(made.stderr.splitlines()), target.read_text()) == (2, 1, "keep")


@pytest.mark.parametrize("reference", ["D-0000-00", "S-0000-00", "'; --", "D-" + "7" * 500])
def test_an_unknown_reference_is_one_line_and_leaves_no_file(sent, run, tmp_path, reference):
    made = run(reference, "--out", tmp_path / "proof")
    assert (made.exit_code, len(made.stderr.splitlines()), made.stdout) == (1, 1, "")
    assert not (tmp_path / "proof").exists()


def test_without_a_place_for_the_file_it_is_one_line(sent, run, tmp_path):
    _program, _owner, reference, *_rest = sent
    for arguments in ((reference,), (reference, "--out", tmp_path / "no" / "folder")):
        made = run(*arguments)
        assert (made.exit_code, len(made.stderr.splitlines())) == (2, 1)
