"""The log in use: who sees what of it, its proofs, the check that finds a change, exports, and the jobs that sign."""

import json
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from audit import receipt
from audit.note import Verifier
from signaltable import jobs
from signaltable.db import make_engine
from signaltable.domain import Channel, Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import auditing, enrich, linking, signals
from signaltable.flow.auditing import Filters
from signaltable.flow.claims import claim
from signaltable.flow.signing import LogBroken
from signaltable.keys import KeyRing
from signaltable.models import JobRun, LogCheckpoint, LogEntry
from signaltable.program import assemble
from signaltable.transaction import Program, reading, transaction
from tests.databases import environment
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_person, a_signal
from tests.log_tools import tamper
from tests.table_steps import asked, submitted, triage_it
from tests.table_steps import use as by

CANARY = "Kanarinda Vogelvrij"


def _submit(program: Program, who) -> str:
    with transaction(program, who) as tx:
        return signals.submit(
            tx,
            a_signal(
                capacity="care-wgbo" if who.agency_kind == "care" else "municipality-wmo",
                narrative=f"{CANARY} krijgt haar loon niet.",
                subjects=[a_person(identity={"given_name": "Kanarinda", "surname": "Vogelvrij"})],
            ),
        ).reference


def _checked(program: Program, who) -> dict[str, auditing.CheckLine]:
    return {line.code: line for line in auditing.check(program, who)}


def _wrong(program: Program, who) -> set[str]:
    return {code for code, line in _checked(program, who).items() if not line.ok}


# -- reading ------------------------------------------------------------------------------------------------------


def test_the_auditor_reads_who_did_what_without_names_or_content(program, actor):
    reference = _submit(program, actor(program, "havendam"))

    with transaction(program, actor(program, "auditor")) as tx:
        page = auditing.entries(tx, Filters(object=reference))

    recorded = page.lines[-1]
    assert (recorded.action, recorded.agency, recorded.roles) == (
        "signal:record",
        "Gemeente Havendam",
        ("focal-officer",),
    )
    assert recorded.summary.nl == "Een signaal is vastgelegd"
    assert "Hanneke" not in repr(page)
    assert "Kanarinda" not in repr(page)


def test_pages_follow_each_other_without_gaps(program, actor):
    auditor = actor(program, "auditor")
    with transaction(program, auditor) as tx:
        first = auditing.entries(tx, Filters())
    seen, older = [line.seq for line in first.lines], first.older
    assert first.newer is None
    while older is not None:
        with transaction(program, auditor) as tx:
            page = auditing.entries(tx, Filters(), before=older)
        seen += [line.seq for line in page.lines]
        older = page.older
    assert seen == list(range(first.lines[0].seq, -1, -1))

    with transaction(program, auditor) as tx:
        back = auditing.entries(tx, Filters(), after=first.lines[-1].seq - 1)
    assert [line.seq for line in back.lines] == [line.seq for line in first.lines]


def test_filters_leave_what_was_asked_for(program, actor, clock):
    _submit(program, actor(program, "havendam"))
    clock.forward(hours=2)
    with pytest.raises(Refused), transaction(program, actor(program, "delinde")) as tx:
        auditing.entries(tx, Filters())

    def found(**filters):
        with transaction(program, actor(program, "auditor")) as tx:
            return [(line.action, line.agency_id) for line in auditing.entries(tx, Filters(**filters)).lines]

    assert found(agency="delinde") == [("access:refuse", "delinde")]
    assert found(outcome="refused") == [("access:refuse", "delinde")]
    assert found(action="signal:record") == [("signal:record", "havendam")]
    assert found(action="signal:record", since=clock.now - timedelta(hours=1)) == []
    assert found(action="signal:record", until=clock.now - timedelta(hours=1)) == [("signal:record", "havendam")]


def test_the_receiver_filter_finds_refusals_too(program, actor):
    details = {"signal": "S-1", "recipient": "avim", "purpose": "P1", "reasons": ["no_ground"], "policy_digest": "00"}
    with pytest.raises(Refused), transaction(program, actor(program, "havendam")):
        raise Refused("no_ground", action="disclosure:refuse", object_type="signal", object_id="S-1", details=details)

    def found(receiver):
        with transaction(program, actor(program, "auditor")) as tx:
            return [line.action for line in auditing.entries(tx, Filters(receiver=receiver)).lines]

    assert found("avim") == ["disclosure:refuse"]
    assert found("riec") == []


def test_a_privacy_officer_sees_the_own_agency_only(program, actor):
    _submit(program, actor(program, "havendam"))
    _submit(program, actor(program, "delinde"))
    officer = actor(program, "fg.havendam")

    with transaction(program, officer) as tx:
        page = auditing.entries(tx, Filters())
    assert {line.agency_id for line in page.lines} == {"havendam"}

    with reading(program) as session:
        foreign = session.scalars(select(LogEntry.seq).where(LogEntry.agency == "delinde")).first()
        own = session.scalars(select(LogEntry.seq).where(LogEntry.agency == "havendam")).first()
    with transaction(program, officer) as tx:
        assert auditing.entry(tx, own).line.agency_id == "havendam"
    for use in (auditing.entry, auditing.proof):
        with pytest.raises(Refused) as refused, transaction(program, officer) as tx:
            use(tx, foreign)
        assert refused.value.reason == "other_agency"


def test_a_privacy_officer_does_not_learn_which_signal_of_another_a_link_or_question_is_about(program, actor):
    coordinator, owner, other = (actor(program, login) for login in ("coordinator", "havendam", "delinde"))
    foreign = submitted(program, other, a_signal(capacity="care-wgbo"))
    own = submitted(program, owner)
    (link,) = by(program, owner, linking.own_links)
    by(program, owner, linking.decide, link.id, confirmed=True)
    triage_it(program, coordinator, foreign)
    (question,) = asked(program, coordinator, foreign, owner.agency_id)
    by(program, owner, enrich.read_question, question)
    by(program, owner, enrich.compare, question, {"surname": "Verzonnen"})
    by(program, owner, enrich.answer, question, answer="hit")
    officer = actor(program, "fg.havendam")
    with transaction(program, officer) as tx:
        lines = auditing.entries(tx, Filters()).lines
        told = {line.action: str(auditing.entry(tx, line.seq)) for line in lines}
    assert {"link:propose", "link:confirm", "enrich:consult", "enrich:compare", "enrich:answer"} <= set(told)
    assert not [action for action, text in told.items() if foreign in text]
    assert own in told["link:propose"]
    with transaction(program, actor(program, "auditor")) as tx:
        assert {line.action for line in lines if foreign in str(auditing.entry(tx, line.seq))} >= {
            "link:propose",
            "link:confirm",
            "enrich:consult",
            "enrich:compare",
            "enrich:answer",
        }


@pytest.mark.parametrize("login", ["havendam", "coordinator", "voorzitter", "essm", "beheer"])
def test_nobody_else_comes_near_the_log(program, actor, login):
    who = actor(program, login)
    uses = [
        lambda tx: auditing.entries(tx, Filters()),
        lambda tx: auditing.entry(tx, 0),
        lambda tx: auditing.proof(tx, 0),
        auditing.head,
        auditing.disclosures,
        auditing.request_export,
        auditing.public_key,
    ]
    for use in uses:
        with pytest.raises(Refused), transaction(program, who) as tx:
            use(tx)
    with pytest.raises(Refused):
        auditing.check(program, who)
    with reading(program) as session:
        refused = session.scalars(select(LogEntry).where(LogEntry.actor == who.account_id)).all()
    assert [row.outcome for row in refused] == ["refused"] * (len(uses) + 1)


def test_consulting_the_log_stands_in_the_log(program, actor):
    auditor = actor(program, "auditor")
    with transaction(program, auditor) as tx:
        auditing.entries(tx, Filters(agency="havendam"))
    with transaction(program, auditor) as tx:
        view = auditing.entry(tx, auditing.entries(tx, Filters(action="log:consult")).lines[0].seq)
    assert view.line.actor == auditor.account_id
    told = {name: view.details[name] for name in ("view", "filters")}
    assert told == {"view": "log", "filters": ["agency"]}


# -- proofs -------------------------------------------------------------------------------------------------------


def test_an_entry_is_proven_by_a_file_that_needs_only_the_public_key(program, actor):
    auditor = actor(program, "auditor")
    _submit(program, actor(program, "havendam"))
    with pytest.raises(NotFound), transaction(program, auditor) as tx:
        auditing.proof(tx, 3)

    jobs.run_checkpoint(program)

    with transaction(program, auditor) as tx:
        proven = auditing.proof(tx, 3)
        view = auditing.entry(tx, 3)
        key = Verifier.from_text(auditing.public_key(tx).strip())
    assert proven.verified
    assert view.proof == proven
    assert receipt.verify(proven.text, [key]).entry.seq == 3


def test_a_changed_entry_has_no_valid_proof_and_is_marked(program, actor):
    jobs.run_checkpoint(program)
    tamper(program, "UPDATE log_entries SET entry = :entry WHERE seq = 3", entry=b'{"other":"bytes"}')

    with transaction(program, actor(program, "auditor")) as tx:
        view = auditing.entry(tx, 3)
        line = next(line for line in auditing.entries(tx, Filters(), before=5).lines if line.seq == 3)
    assert not view.leaf_fits
    assert not view.proof.verified
    assert line.damaged


def test_a_checkpoint_covers_its_own_announcement_and_an_idle_log_does_not_grow(program):
    size = auditing.sign_checkpoint(program)

    with reading(program) as session:
        last = session.scalars(select(LogEntry).order_by(LogEntry.seq.desc()).limit(1)).one()
        assert last.action == "checkpoint:sign"
        assert last.seq == size - 1
        assert session.scalars(select(LogCheckpoint.size)).all() == [size]
    assert auditing.sign_checkpoint(program) is None


def test_a_log_that_was_rewritten_is_not_signed(program):
    auditing.sign_checkpoint(program)
    tamper(program, "UPDATE log_entries SET leaf = :leaf WHERE seq = 2", leaf=b"\0" * 32)

    _fill(program)

    with pytest.raises(LogBroken):
        auditing.sign_checkpoint(program)
    with reading(program) as session:
        assert len(session.scalars(select(LogCheckpoint.size)).all()) == 1


def _fill(program: Program) -> None:
    with transaction(program, jobs.JOBS) as tx:
        tx.record("login:end", details={"cause": "test"})


# -- the check ----------------------------------------------------------------------------------------------------


def test_an_honest_log_passes_every_check(program, actor):
    for login in ("havendam", "delinde"):
        _submit(program, actor(program, login))
    jobs.run_checkpoint(program)
    _submit(program, actor(program, "havendam"))

    lines = _checked(program, actor(program, "auditor"))

    assert [code for code, line in lines.items() if not line.ok] == []
    assert lines["rows"].checked > 100
    assert lines["details"].checked == lines["leaves"].checked == lines["numbers"].checked > 20


@pytest.mark.parametrize(
    ("statement", "values", "found"),
    [
        (
            "UPDATE log_entries SET entry = :raw WHERE seq = 4",
            {"raw": b"{}"},
            {"leaves": "entry 4", "columns": "entry 4"},
        ),
        ("UPDATE log_entries SET agency = 'riec' WHERE seq = 4", {}, {"columns": "entry 4 agency"}),
        ("UPDATE log_details SET details = :raw WHERE seq = 4", {"raw": b"{}"}, {"details": "entry 4"}),
        ("DELETE FROM log_details WHERE seq = 4", {}, {"kept": "entry 4"}),
        ("UPDATE agencies SET kind = 'police' WHERE id = 'riec'", {}, {"rows": "agencies riec"}),
    ],
    ids=["entry", "column", "details", "details-gone", "row"],
)
def test_the_check_finds_what_somebody_changed(program, actor, statement, values, found):
    # Details of what happened to which kind stand in test_fsck; here it is the line on the page that counts.
    _submit(program, actor(program, "havendam"))
    jobs.run_checkpoint(program)
    tamper(program, statement, **values)

    lines = _checked(program, actor(program, "auditor"))

    assert not lines["fence"].ok
    for code, place in found.items():
        assert place in lines[code].places


def _disclose(program: Program, who) -> str:
    reference = submitted(program, who, a_signal(consent=GIVEN))
    return disclosed(program, who, reference, "essm", ground="X1").reference


def test_the_auditor_lists_disclosures_and_finds_them_by_receiver(program, actor):
    made = [_disclose(program, actor(program, "havendam")) for _ in range(2)]
    with transaction(program, actor(program, "auditor")) as tx:
        page = auditing.disclosures(tx)
        found = auditing.entries(tx, Filters(receiver="essm", action="signal:disclose"))
        told = auditing.entries_of(tx, [made[0]])
    assert {line.reference for line in page.lines} == set(made)
    assert (page.following, page.count, page.more) == (None, 2, False)
    assert {(line.provider, line.recipient) for line in page.lines} == {("Gemeente Havendam", "ESSM, zorgcoördinatie")}
    assert {line.object for line in found.lines} == set(made)
    assert [line.action for line in told] == ["signal:disclose"]


def test_a_log_that_nobody_signs_any_more_is_found(program, actor, clock):
    _submit(program, actor(program, "havendam"))
    clock.forward(hours=1)
    assert _wrong(program, actor(program, "auditor")) == {"signing"}


# -- exports ------------------------------------------------------------------------------------------------------


def _verify(directory: Path, *more: str) -> tuple[int, dict]:
    done = subprocess.run(
        [sys.executable, "-m", "audit", "verify", str(directory), "--json", *more],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def test_an_export_verifies_elsewhere_with_only_the_public_key(program, actor, tmp_path):
    _submit(program, actor(program, "havendam"))

    summary = auditing.export(program, jobs.JOBS, tmp_path / "export")

    code, found = _verify(tmp_path / "export", "--public-key", str(program.settings.log_public_key))
    assert (code, found["findings"]) == (0, [])
    assert found["entries"] == found["size"] == summary["entries"] == summary["size"]
    told = (tmp_path / "export" / "entries.jsonl").read_text().splitlines()
    assert [json.loads(line)["action"] for line in told[-2:]] == ["log:export", "checkpoint:sign"]
    everything = b"".join(path.read_bytes() for path in (tmp_path / "export").rglob("*") if path.is_file())
    assert b"Kanarinda" not in everything
    assert b"Hanneke" not in everything


def test_an_export_is_whole_while_others_write(program, actor, tmp_path):
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            _fill(program)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        for number in range(2):
            auditing.export(program, jobs.JOBS, tmp_path / str(number))
    finally:
        stop.set()
        for writer in writers:
            writer.join()

    for number in range(2):
        code, found = _verify(tmp_path / str(number))
        assert (code, found["findings"]) == (0, [])


def test_a_tampered_export_is_found(program, tmp_path):
    auditing.export(program, jobs.JOBS, tmp_path / "export")
    lines = (tmp_path / "export" / "entries.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "export" / "entries.jsonl").write_text("".join(lines[:-3] + lines[-2:]))

    code, found = _verify(tmp_path / "export")

    assert code == 1
    assert "missing-entry" in {finding["kind"] for finding in found["findings"]}


def test_a_directory_in_use_is_refused_before_anything_is_recorded(program, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with reading(program) as session:
        before = session.scalars(select(LogEntry.seq)).all()

    with pytest.raises(UnusableInput):
        auditing.export(program, jobs.JOBS, tmp_path)

    with reading(program) as session:
        assert session.scalars(select(LogEntry.seq)).all() == before
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_over_the_web_nobody_without_the_right_exports(program, actor, tmp_path):
    with pytest.raises(Refused):
        auditing.export(program, actor(program, "beheer"), tmp_path / "export")
    assert not (tmp_path / "export").exists()


def test_an_auditor_asks_for_an_export_and_gets_it(program, actor, tmp_path):
    auditor = actor(program, "auditor")
    with transaction(program, auditor) as tx:
        request = auditing.request_export(tx)
    with pytest.raises(Conflict), transaction(program, auditor) as tx:
        auditing.request_export(tx)
    with pytest.raises(NotFound), transaction(program, auditor) as tx:
        auditing.export_file(tx, request)

    assert jobs.run_requests(program) == "made:1"
    assert jobs.run_requests(program) == ""

    with transaction(program, auditor) as tx:
        assert auditing.export_state(tx, request).state == "ready"
        path = auditing.export_file(tx, request)
    with zipfile.ZipFile(path) as packed:
        packed.extractall(tmp_path / "got")
    assert _verify(tmp_path / "got" / "logboek")[0] == 0
    assert "verify logboek" in (tmp_path / "got" / "LEESMIJ.txt").read_text()
    with reading(program) as session:
        actions = session.scalars(
            select(LogEntry.action).where(LogEntry.object == request).order_by(LogEntry.seq)
        ).all()
    assert actions == ["log:request", "log:export", "log:consult"]


def test_an_export_that_cannot_be_made_says_so_and_does_not_stop_the_jobs(program, actor):
    with transaction(program, actor(program, "auditor")) as tx:
        request = auditing.request_export(tx)
    program.settings.exports.write_text("a file where a folder belongs")

    assert jobs.run_requests(program).startswith("error:")
    assert jobs.run_requests(program) == ""

    with transaction(program, actor(program, "auditor")) as tx:
        assert auditing.export_state(tx, request).state == "failed"
        auditing.request_export(tx)
    with reading(program) as session:
        told = session.scalars(select(LogEntry.outcome).where(LogEntry.action == "job:run")).all()
    assert told == ["error"]


def test_an_export_is_for_the_one_who_asked_and_for_a_day(program, actor, clock):
    auditor = actor(program, "auditor")
    with transaction(program, auditor) as tx:
        request = auditing.request_export(tx)
    jobs.run_requests(program)

    with pytest.raises(NotFound), transaction(program, replace(auditor, account_id="another")) as tx:
        auditing.export_file(tx, request)

    clock.forward(hours=25)
    jobs.run_requests(program)
    assert list(program.settings.exports.iterdir()) == []


# -- jobs ---------------------------------------------------------------------------------------------------------


def _processes(program: Program, count: int) -> list[Program]:
    """Programs with connections of their own, as separate processes have."""
    settings = program.settings
    return [
        replace(
            assemble(
                settings, make_engine(settings.database_url), KeyRing.load(settings.key_ring, require_private=True)
            ),
            clock=program.clock,
        )
        for _ in range(count)
    ]


def test_two_processes_do_a_turn_once(program):
    outcomes: list[str] = []
    done: list[str] = []
    barrier = threading.Barrier(4)
    job = jobs.Job("example", 5, lambda _program: done.append("once") or "ok")

    def run(own: Program) -> None:
        barrier.wait()
        outcomes.append(jobs.run_once(own, job))

    threads = [threading.Thread(target=run, args=(own,)) for own in _processes(program, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["ok", "taken", "taken", "taken"]
    assert done == ["once"]


def test_the_next_turn_runs_again(program, clock):
    job = jobs.Job("example", 5, lambda _program: "ok")
    assert jobs.run_once(program, job) == "ok"
    assert jobs.run_once(program, job) == jobs.TAKEN
    clock.forward(minutes=5)
    assert jobs.run_once(program, job) == "ok"


def test_a_job_that_breaks_is_recorded_once_and_stops_nothing(program, clock):
    def break_down(_program: Program) -> str:
        raise LookupError("a text that may hold personal data")

    job = jobs.Job("example", 5, break_down)
    for _ in range(3):
        assert jobs.run_once(program, job) == "error:LookupError"
        clock.forward(minutes=5)

    with reading(program) as session:
        rows = session.scalars(select(LogEntry).where(LogEntry.action == "job:run")).all()
        assert [(row.object, row.outcome) for row in rows] == [("example", "error")]
        assert b"personal" not in rows[0].entry
        assert session.scalars(select(JobRun.outcome).where(JobRun.job == "example")).all() == ["error:LookupError"] * 3


def test_a_claim_of_a_process_that_died_can_be_taken_over(program, clock):
    assert claim(program, jobs.JOBS, "export", "one", lost_after=timedelta(minutes=10))
    assert not claim(program, jobs.JOBS, "export", "one", lost_after=timedelta(minutes=10))
    clock.forward(minutes=11)
    assert claim(program, jobs.JOBS, "export", "one", lost_after=timedelta(minutes=10))


def test_all_jobs_run_on_an_empty_table(program):
    outcomes = {job.name: jobs.run_once(program, job) for job in jobs.jobs(program.settings)}
    assert not [outcome for outcome in outcomes.values() if outcome.startswith("error:")]
    assert outcomes["checkpoint"].startswith("signed:")


def test_the_process_ends_cleanly_when_told_to(sqlite_program):
    told = {**environment(sqlite_program.settings), "PATH": "/usr/bin:/bin"}
    process = subprocess.Popen([sys.executable, "-m", "signaltable.jobs"], env=told, stderr=subprocess.PIPE)
    signed = threading.Event()

    def wait() -> None:
        while not signed.wait(0.2):
            with reading(sqlite_program) as session:
                if session.scalars(select(LogCheckpoint)).first():
                    return signed.set()
        return None

    watcher = threading.Thread(target=wait, daemon=True)
    watcher.start()
    assert signed.wait(300)
    process.terminate()
    assert process.wait(180) == 0
    assert process.stderr.read() == b""


def test_the_jobs_have_no_way_to_a_case():
    assert jobs.JOBS.channel is Channel.JOB
    assert jobs.JOBS.permissions == {"log:export:all"}
