"""What the log tells beside its entries goes at the end of its term and with an erased signal; every proof stays."""

import threading
import time
from dataclasses import replace
from datetime import timedelta
from itertools import chain

import pytest
from sqlalchemy import select, text

from audit.verify import verify
from audit.vocabulary import ACTIONS
from signaltable import jobs
from signaltable.domain import Refused, State
from signaltable.flow import auditing, enrich, fsck, log_erasing, retention, setup, signals
from signaltable.flow.moves import move
from signaltable.models import (
    Disclosure,
    Duty,
    Incident,
    LogDetail,
    LogEntry,
    LogErased,
    LogTerm,
    Question,
    Sample,
    SampleItem,
    Signal,
    Subject,
    SubjectReport,
)
from signaltable.transaction import reading, transaction
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_person, a_signal
from tests.table_steps import asked, log, row, submitted, triaged, use, visitor

YEAR = 366
TERM = 180


def _sweep(program):
    return retention.sweep(program, jobs.JOBS)


def _with_details(program):
    """Action -> the entries that still have details."""
    with reading(program) as session:
        rows = session.execute(select(LogEntry.action, LogEntry.seq).join(LogDetail, LogDetail.seq == LogEntry.seq))
        told = {}
        for action, seq in rows:
            told.setdefault(action, []).append(seq)
    return told


def _classes(program):
    return {ACTIONS[action].retention_class for action in _with_details(program)}


def _emptied(program):
    with reading(program) as session:
        return {one.seq: one.by_seq for one in session.scalars(select(LogErased))}


def _told_ranges(program):
    """Entry -> the entries that it says were emptied."""
    return {
        entry.seq: set(chain.from_iterable(range(first, last + 1) for first, last in details.get("entries", ())))
        for entry, details in log(program, "retention:erase")
    }


def _proven(program, tmp_path, name="export"):
    """The log in an export, verified as an outsider does; and nothing is wrong according to the program either."""
    auditing.export(program, setup.INSTALLER, tmp_path / name)
    report = verify(tmp_path / name, public_key=program.settings.log_public_key.read_text().strip())
    assert report.findings == ()
    assert fsck.inspect(program).findings == ()
    return report


def _put(program, *rows):
    with transaction(program, jobs.JOBS) as tx:
        tx.session.add_all(rows)
        tx.record("job:run", object_type="job", details={"job": "test", "slot": "test"})


# -- the end of the term ------------------------------------------------------------------------------------------


def test_each_class_goes_at_its_own_term_and_what_explains_the_log_never(program, actor, clock, tmp_path):
    visitor(program, "havendam")
    owner = actor(program, "havendam")
    reference = submitted(program, owner, a_signal(consent=GIVEN))
    use(program, owner, signals.consult, reference)
    disclosed(program, owner, reference, "essm", ground="X1")
    use(program, actor(program, "coordinator"), _close, reference)
    assert _classes(program) == {"login", "access", "case", "disclosure", "program"}
    made = set(_with_details(program)["signal:disclose"])

    clock.forward(days=2 * YEAR)
    _sweep(program)
    assert "login" not in _classes(program)
    assert "signal:disclose" in _with_details(program)

    clock.forward(days=9 * YEAR)
    _sweep(program)
    assert made <= _emptied(program).keys()
    # Of the years before only what explains the log itself; the sweep told what it did since.
    assert _classes(program) <= {"program", "access"}
    report = _proven(program, tmp_path)
    assert report.destroyed == len(_emptied(program))
    assert {"system:init", "policy:load", "account:record"} <= _with_details(program).keys()


def _close(tx, reference):
    signal = tx.session.scalars(select(Signal).where(Signal.reference == reference)).one()
    move(tx, signal, State.CLOSED)
    tx.record(
        "signal:close", object_type="signal", object_id=reference, details={"signal": reference, "result": "closed"}
    )


def test_the_last_day_of_a_term_still_counts(sqlite_program, actor, clock):
    program = sqlite_program
    visitor(program, "havendam")
    # Half past eleven in the evening in the Netherlands.
    clock.now = clock.now.replace(year=2028, day=22, hour=22)
    _sweep(program)
    assert "login" in _classes(program)
    clock.forward(hours=1)
    _sweep(program)
    assert "login" not in _classes(program)


def test_the_log_tells_of_every_emptied_entry_and_of_no_other(sqlite_program, actor, clock, monkeypatch):
    program = sqlite_program
    monkeypatch.setattr(log_erasing, "BATCH", 3)
    for _ in range(4):
        visitor(program, "havendam")
    clock.forward(days=3 * YEAR)
    _sweep(program)
    told = _told_ranges(program)
    emptied = _emptied(program)
    assert len([entry for entry, said in told.items() if said]) > 1
    for entry, said in told.items():
        assert said == {seq for seq, by in emptied.items() if by == entry}
    assert _sweep(program).entries == 0


def test_a_crash_between_batches_loses_nothing_and_does_nothing_twice(sqlite_program, clock, monkeypatch, tmp_path):
    program = sqlite_program
    monkeypatch.setattr(log_erasing, "BATCH", 3)
    for _ in range(4):
        visitor(program, "havendam")
    clock.forward(days=3 * YEAR)
    real, calls = log_erasing.audit_trail.destroy, []

    def dies(*args, **options):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(log_erasing.audit_trail, "destroy", dies)
    with pytest.raises(KeyboardInterrupt):
        _sweep(program)
    before = len(_emptied(program))
    assert before == 3

    _sweep(program)

    assert "login" not in _classes(program)
    assert sum(len(said) for said in _told_ranges(program).values()) == len(_emptied(program)) > before
    _proven(program, tmp_path)


def test_an_erasure_while_an_export_is_made_is_in_the_export(sqlite_program, actor, clock, tmp_path):
    # Given a log of which everything but the program's own entries has come to its end, and a sweep that runs after signing
    submitted(sqlite_program, actor(sqlite_program, "havendam"), a_signal())
    clock.forward(days=11 * YEAR)
    left = iter([True])

    def read_sessions():
        if any(True for one in log(sqlite_program, "checkpoint:sign")) and next(left, False):
            _sweep(sqlite_program)
        return sqlite_program.read_sessions()

    _proven(replace(sqlite_program, read_sessions=read_sessions), tmp_path)
    assert _emptied(sqlite_program)


@pytest.fixture
def old_case(sqlite_program, actor, clock):
    """A closed case of eleven years ago, of which nothing was erased yet: program, signal and disclosure."""
    program, owner = sqlite_program, actor(sqlite_program, "havendam")
    reference = submitted(program, owner, a_signal(consent=GIVEN))
    sent = disclosed(program, owner, reference, "essm", ground="X1").reference
    use(program, actor(program, "coordinator"), _close, reference)
    use(program, jobs.JOBS, _end_duties)
    clock.forward(days=11 * YEAR)
    return program, reference, sent


def _end_duties(tx):
    for duty in tx.session.scalars(select(Duty)):
        duty.fulfilled_at = tx.now
    tx.record("job:run", object_type="job", details={"job": "test", "slot": "test"})


def _details_left(program, reference, sent):
    with reading(program) as session:
        return set(
            session.scalars(
                select(LogEntry.action)
                .join(LogDetail, LogDetail.seq == LogEntry.seq)
                .where(
                    LogEntry.object.in_((reference, sent)), LogEntry.action.in_(("signal:record", "signal:disclose"))
                ),
            ),
        )


def _empty(program):
    return log_erasing.empty_expired(program, jobs.JOBS)


def test_nothing_waits_once_everything_is_finished(old_case):
    program, reference, sent = old_case
    assert _empty(program).waiting == 0
    assert _details_left(program, reference, sent) == set()
    assert log(program, "retention:overdue") == []


def _duty(program, reference, sent):
    with reading(program) as session:
        disclosure = session.scalars(select(Disclosure.id).where(Disclosure.reference == sent)).one()
    return [Duty(id="d1", disclosure_id=disclosure, agency_id="havendam", kind="inform", created_at=program.clock())]


def _sample(program, reference, sent):
    with reading(program) as session:
        auditor = session.scalars(select(LogEntry.actor).where(LogEntry.actor != "")).first()
        account = session.execute(select(Signal.submitter)).scalars().first()
    assert auditor
    drawn = Sample(
        id="s1",
        reference="P-1",
        auditor=account,
        seed="1",
        filters={},
        population=1,
        log_size=1,
        log_root="",
        population_hash="",
        left_out=0,
        size=1,
        drawn_at=program.clock(),
    )
    return [drawn, SampleItem(sample_id="s1", position=0, disclosure=sent)]


def _incident(place):
    def rows(program, reference, sent):
        told = place.format(reference=reference, entry=_with_details(program)["signal:disclose"][0])
        now = program.clock()
        return [Incident(id="i1", kind="x", place=told, message="m", opened_at=now, seen_at=now)]

    return rows


def _report(program, reference, sent):
    with reading(program) as session:
        subject = session.scalars(select(Subject.id)).first()
    return [
        SubjectReport(
            id="r1",
            reference="O-1",
            agency_id="havendam",
            subject_id=subject,
            requested_by="x",
            requested_at=program.clock(),
        )
    ]


def _postponed(program, reference, sent):
    (row,) = _report(program, reference, sent)
    row.decision, row.decided_at = "postpone", program.clock()
    return [row]


def _to_read(program, reference, sent):
    (row,) = _report(program, reference, sent)
    row.decision, row.decided_at = "hand_over", program.clock()
    row.available_until = program.clock() + timedelta(days=1)
    return [row]


BOTH = {"signal:record", "signal:disclose"}


@pytest.mark.parametrize(
    ("open_thing", "kept"),
    [
        (_duty, BOTH),
        (_sample, BOTH),
        (_incident("signals {reference}"), {"signal:record"}),
        (_incident("entry {entry}"), {"signal:disclose"}),
        (_incident("entries 0..{entry}"), BOTH),
        (_incident("log_head"), BOTH),
        (_report, BOTH),
        (_postponed, BOTH),
        (_to_read, BOTH),
    ],
)
def test_details_that_something_open_needs_wait_and_the_log_says_how_many(old_case, open_thing, kept):
    program, reference, sent = old_case
    _put(program, *open_thing(program, reference, sent))

    waiting = _empty(program).waiting

    assert _details_left(program, reference, sent) >= kept
    told = log(program, "retention:overdue")
    assert sum(details["count"] for _entry, details in told) == waiting > 0
    assert {details["rule"] for _entry, details in told} <= set(log_erasing.TERMS.values())


def test_a_case_that_nobody_closed_keeps_its_details(sqlite_program, actor, clock):
    program, owner = sqlite_program, actor(sqlite_program, "havendam")
    reference = submitted(program, owner, a_signal(consent=GIVEN))
    sent = disclosed(program, owner, reference, "essm", ground="X1").reference
    use(program, jobs.JOBS, _end_duties)
    clock.forward(days=11 * YEAR)
    _empty(program)
    assert _details_left(program, reference, sent) == BOTH


# -- with an erased signal ----------------------------------------------------------------------------------------


def test_an_erased_signal_leaves_its_entries_provable_and_empty(program, actor, clock, tmp_path):
    owner, coordinator = actor(program, "havendam"), actor(program, "coordinator")
    reference = triaged(program, owner, coordinator)
    other = triaged(
        program,
        owner,
        coordinator,
        a_signal(subjects=[a_person(identity={"given_name": "Iemand", "surname": "Anders"})]),
    )
    use(program, owner, signals.consult, reference, with_identity=True)
    clock.forward(days=100)
    later = submitted(
        program, owner, a_signal(subjects=[a_person(identity={"given_name": "Nog", "surname": "Iemand"})])
    )
    clock.forward(days=TERM - 99)

    assert _sweep(program).signals == 2

    left = _with_details(program)
    with reading(program) as session:
        kept = set(session.scalars(select(LogEntry.object).where(LogEntry.seq.in_(left["signal:record"]))))
        named = session.execute(
            select(LogTerm.value, LogEntry.action)
            .join(LogEntry, LogEntry.seq == LogTerm.seq)
            .where(LogTerm.name == "subject"),
        ).all()
    assert kept == {later}
    # Where the erased are still named, it is what left, and that they were erased.
    of_erased = {ACTIONS[one.action].retention_class for one in named if not one.value.startswith(later)}
    assert of_erased <= {"disclosure", "program"}
    assert {row(program, one).state for one in (reference, other)} == {"expired"}
    for entry, details in log(program, "retention:erase"):
        assert details["count"] == 1
        assert (
            set(_told_ranges(program)[entry.seq])
            == {seq for seq, by in _emptied(program).items() if by == entry.seq}
            != set()
        )
    assert _proven(program, tmp_path).destroyed == len(_emptied(program))


def test_what_left_stays_accounted_for_after_its_signal_is_erased(sqlite_program, actor, clock, tmp_path):
    program, owner = sqlite_program, actor(sqlite_program, "havendam")
    reference = submitted(program, owner, a_signal(consent=GIVEN))
    disclosed(program, owner, reference, "essm", ground="X1")
    use(program, actor(program, "coordinator"), _close, reference)
    with pytest.raises(Refused):
        use(program, actor(program, "avim"), signals.consult, reference)
    clock.forward(days=2 * YEAR)

    assert _sweep(program).signals == 1

    left = _with_details(program)
    assert "signal:disclose" in left
    assert not {"signal:record", "signal:route", "disclosure:prepare", "signal:close"} & left.keys()
    # Who tried to read it and was refused is told of the one who tried.
    assert any(entry.object == reference for entry, _details in log(program, "access:refuse"))
    _proven(program, tmp_path)


def test_a_link_with_an_erased_signal_tells_nothing_any_more(sqlite_program, actor, clock):
    program = sqlite_program
    submitted(program, actor(program, "havendam"))
    clock.forward(days=100)
    second = submitted(program, actor(program, "delinde"), a_signal(capacity="care-wgbo", subjects=[a_person()]))
    assert len(log(program, "link:propose")) == 1
    clock.forward(days=TERM - 99)
    assert _sweep(program).signals == 1
    assert log(program, "link:propose") == []
    assert any(entry.object == second for entry, _details in log(program, "signal:record"))


def test_an_account_of_rows_that_still_stand_outlives_the_details_that_gave_it(old_case, tmp_path):
    program, *_rest = old_case
    with reading(program) as session:
        assert session.scalars(select(Signal)).all()
    _sweep(program)
    # Signal, moves and disclosure are rows still; their digests stood in details that are gone.
    _proven(program, tmp_path)


def _wait_until_it_waits(program):
    """Until a writer beside this one waits for a lock; SQLite does not tell, there it gets a moment to come so far."""
    if program.settings.database_url.startswith("sqlite"):
        time.sleep(0.2)
        return
    for _try in range(3600):
        with reading(program) as session:
            waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if session.scalar(waiting):
                return
        time.sleep(0.05)
    raise AssertionError("nobody waits")


def test_details_are_emptied_while_somebody_changes_the_row_that_they_tell_of(program, actor):
    reference = submitted(program, actor(program, "havendam"))
    ((entry, _details),) = log(program, "signal:record")
    done = []

    def empty():
        with transaction(program, jobs.JOBS) as tx:
            said = {"rule": "log-case", "object_type": "entry", "classes": ["case"]}
            done.append(log_erasing.destroy(tx, [entry.seq], said))

    both = [threading.Thread(target=empty) for _ in range(2)]
    with transaction(program, jobs.JOBS) as tx:
        tx.session.scalars(select(Signal).where(Signal.reference == reference)).one().urgency = "immediate"
        tx.record("job:run", object_type="job", details={"job": "test", "slot": "test"})
        tx.append_now()  # From here on the log says what the row will hold, and nobody else sees either.
        for one in both:
            one.start()
        _wait_until_it_waits(program)
    for one in both:
        one.join()

    assert sorted(done) == [0, 1]
    (told,) = log(program, "retention:erase")
    assert _emptied(program) == {entry.seq: told[0].seq}
    assert fsck.inspect(program).findings == ()


# -- answers of partners ------------------------------------------------------------------------------------------


def _answered(program, actor, reference):
    (question,) = asked(
        program, actor(program, "coordinator"), reference, "avim", note="Kent u deze persoon van de haven?"
    )
    use(
        program,
        actor(program, "avim"),
        enrich.answer,
        question,
        answer="hit",
        context="Bekend van een controle.",
        checked=True,
    )
    return question


def _texts(program):
    with reading(program) as session:
        return [(one.note, one.context, one.answer) for one in session.scalars(select(Question))]


def test_the_words_of_a_partner_go_at_the_end_of_their_own_term(sqlite_program, actor, clock):
    program = sqlite_program
    reference = triaged(program, actor(program, "havendam"), actor(program, "coordinator"))
    question = _answered(program, actor, reference)
    # Watched on, the signal is kept longer than the answer.
    use(program, jobs.JOBS, _keep_longer, reference, clock.now.date().replace(year=2028))
    clock.forward(days=TERM - 1)
    assert _sweep(program).answers == 0
    clock.forward(days=1)
    assert _sweep(program).answers == 1
    assert _texts(program) == [("", "", "hit")]
    assert row(program, reference).owner_sealed
    ((_entry, details),) = log(program, "retention:erase")
    assert (details["rule"], details["object_type"], details["objects"]) == ("enrichment", "question", [question])
    assert _sweep(program).answers == 0


def _keep_longer(tx, reference, day):
    signal = tx.session.scalars(select(Signal).where(Signal.reference == reference)).one()
    signal.keep_until = day
    tx.record("job:run", object_type="job", details={"job": "test", "slot": "test"})


def test_the_answers_in_a_case_are_kept_as_long_as_the_case(sqlite_program, actor, clock):
    program, owner = sqlite_program, actor(sqlite_program, "havendam")
    reference = triaged(program, owner, actor(program, "coordinator"), a_signal(consent=GIVEN))
    _answered(program, actor, reference)
    disclosed(program, owner, reference, "essm", ground="X1")
    clock.forward(days=TERM + 1)
    assert _sweep(program).answers == 0
    assert _texts(program)[0][1] == "Bekend van een controle."
