"""What time does: erasing what is past its term, reminding who is late, and mails that say nothing."""

import email
from email.policy import default

import pytest
from sqlalchemy import select
from sqlalchemy.orm import undefer_group

from signaltable import jobs
from signaltable.domain import NotFound, Refused, State
from signaltable.flow import auditing, drafts, enrich, reminders, retention, signals
from signaltable.flow.moves import move
from signaltable.keys import CannotOpen
from signaltable.models import (
    Disclosure,
    JobRun,
    Link,
    Mail,
    MatchTag,
    Question,
    Signal,
    SignalMove,
    Subject,
    SubjectField,
    SubjectKey,
)
from signaltable.transaction import Program, reading, transaction
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_person, a_signal
from tests.table_steps import asked, log, row, submitted, triaged, use

TERM = 180


def _sweep(program: Program) -> retention.Swept:
    return retention.sweep(program, jobs.JOBS)


def _rows(program: Program, table) -> list:
    with reading(program) as session:
        return list(
            session.scalars(select(table).options(undefer_group("sealed")) if table is Disclosure else select(table))
        )


# -- erasing ------------------------------------------------------------------------------------------------------


def test_an_expired_draft_is_erased_and_a_fresh_one_is_kept(program, actor, clock):
    who = actor(program, "havendam")
    old = use(program, who, drafts.start).id
    clock.forward(days=29)
    fresh = use(program, who, drafts.start).id
    assert _sweep(program).drafts == 0

    clock.forward(days=1)
    assert _sweep(program).drafts == 1

    with pytest.raises(NotFound):
        use(program, who, drafts.load, old)
    assert use(program, who, drafts.load, fresh).id == fresh
    ((entry, details),) = log(program, "retention:erase")
    assert (entry.actor, details["rule"], details["count"], details["objects"]) == ("jobs", "draft", 1, [old])


def test_a_signal_past_its_term_loses_everything_about_people(program, actor, clock):
    who = actor(program, "havendam")
    reference = submitted(program, who)
    clock.forward(days=TERM)
    assert _sweep(program).signals == 0, "the last day of the term still counts"

    clock.forward(days=1)
    assert _sweep(program) == retention.Swept(0, 1, 0)

    signal = row(program, reference)
    assert (signal.state, signal.owner_sealed, signal.narrative_masked, signal.municipality) == ("expired", b"", "", "")
    assert (signal.facts, signal.form_rows, signal.consent) == ({}, {}, {})
    for table in (SubjectKey, SubjectField, MatchTag):
        assert _rows(program, table) == []
    assert [subject.erased_at for subject in _rows(program, Subject)] == [clock.now]
    ((entry, details),) = log(program, "retention:erase")
    assert (entry.object, details["rule"], details["count"]) == (reference, "signal", 1)


def test_what_was_found_in_the_account_goes_with_the_account(program, actor, clock):
    draft = a_signal(narrative="Zij is zwanger en komt uit Bulgarije.", categories=["criminal"])
    reference = submitted(program, actor(program, "havendam"), draft)
    assert row(program, reference).found == ["criminal", "health", "nationality"]
    clock.forward(days=TERM + 1)

    assert _sweep(program).signals == 1

    assert row(program, reference).found == []


def test_the_owner_still_sees_that_there_was_a_signal(program, actor, clock):
    who = actor(program, "havendam")
    reference = submitted(program, who)
    clock.forward(days=TERM + 1)
    _sweep(program)

    shown = use(program, who, signals.consult, reference)

    assert (shown.state, shown.narrative, shown.subjects[0].identity) == ("expired", "", {})
    with pytest.raises(Refused, match="signal_ended"):
        use(program, who, signals.consult, reference, with_identity=True)


def test_a_second_sweep_finds_nothing_more(program, actor, clock):
    submitted(program, actor(program, "havendam"))
    clock.forward(days=TERM + 1)
    _sweep(program)
    assert _sweep(program) == retention.Swept(0, 0, 0)
    assert len(log(program, "retention:erase")) == 1


def test_erasing_takes_links_questions_and_answers_along(program, actor, clock):
    coordinator = actor(program, "coordinator")
    first = triaged(program, actor(program, "havendam"), coordinator)
    (question,) = asked(program, coordinator, first, "avim", note="Kent u deze persoon van de haven?")
    use(
        program,
        actor(program, "avim"),
        enrich.answer,
        question,
        answer="hit",
        context="Bekend van een controle.",
        checked=True,
    )
    clock.forward(days=100)
    second = submitted(program, actor(program, "delinde"), a_signal(capacity="care-wgbo", subjects=[a_person()]))
    assert len(_rows(program, Link)) == 1

    clock.forward(days=TERM - 99)
    assert _sweep(program).signals == 1

    assert (row(program, first).state, row(program, second).state) == ("expired", "submitted")
    assert _rows(program, Link) == []
    assert [(one.note, one.context, one.answer) for one in _rows(program, Question)] == [("", "", "hit")]
    assert len(_rows(program, SubjectKey)) == 1, "the other signal keeps its own"


def test_a_withdrawn_signal_is_erased_after_its_own_term(program, actor, clock):
    who = actor(program, "havendam")
    reference = submitted(program, who)
    use(program, who, signals.withdraw, reference, "Dubbel ingevoerd.")
    clock.forward(days=31)

    assert _sweep(program).signals == 1

    assert row(program, reference).state == "withdrawn"
    assert row(program, reference).owner_sealed == b""
    ((_entry, details),) = log(program, "retention:erase")
    assert details["rule"] == "withdrawn"
    assert {move.reason for move in _rows(program, SignalMove)} == {""}


def _disclosed_signal(program, actor) -> tuple[str, str]:
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    return reference, disclosed(program, who, reference, "essm", ground="X1").reference


def _close(program, who, reference):
    with transaction(program, who) as tx:
        signal = tx.session.scalars(select(Signal).where(Signal.reference == reference)).one()
        move(tx, signal, State.CLOSED)
        tx.record(
            "signal:close", object_type="signal", object_id=reference, details={"signal": reference, "result": "closed"}
        )


def test_what_was_disclosed_is_kept_as_a_case_and_counted_as_overdue(program, actor, clock):
    reference, _disclosure = _disclosed_signal(program, actor)
    clock.forward(days=TERM + 1)

    assert _sweep(program) == retention.Swept(0, 0, 1)

    assert row(program, reference).owner_sealed != b""
    ((_entry, details),) = log(program, "retention:overdue")
    assert details["objects"] == [reference]


def test_a_closed_case_is_erased_two_years_after_closing_with_its_documents(program, actor, clock):
    reference, disclosure = _disclosed_signal(program, actor)
    clock.forward(days=30)
    _close(program, actor(program, "coordinator"), reference)
    clock.forward(days=2 * 365)
    assert _sweep(program).signals == 0

    clock.forward(days=2)
    assert _sweep(program).signals == 1

    (kept,) = _rows(program, Disclosure)
    assert (kept.payload_recipient, kept.payload_provider, kept.evidence_sealed) == (b"", b"", b"")
    assert kept.reference == disclosure
    assert kept.payload_hash
    assert kept.evidence_hashes
    ((_entry, details),) = log(program, "retention:erase")
    assert details["rule"] == "case"
    lines = auditing.check(program, actor(program, "auditor"))
    assert "disclosures" not in [line.code for line in lines if not line.ok]


def test_a_receiver_who_does_not_answer_and_the_owner_are_reminded(program, actor, clock):
    _disclosed_signal(program, actor)
    clock.forward(days=14)
    jobs.run_overdue(program)
    late = {mail.template: mail.account_id for mail in _rows(program, Mail) if "disclosure-" in mail.template}
    assert late == {
        "disclosure-overdue": actor(program, "essm").account_id,
        "disclosure-not-taken-up": actor(program, "havendam").account_id,
    }


def test_nobody_erases_by_hand(program, actor, clock):
    submitted(program, actor(program, "havendam"))
    clock.forward(days=TERM + 1)
    for login in ("beheer", "auditor", "havendam"):
        for use_case in (retention.erase_drafts, reminders.remind, retention.note_overdue):
            with pytest.raises(Refused):
                use(program, actor(program, login), use_case)
        with pytest.raises(Refused):
            use(program, actor(program, login), retention.erase_signal, retention.due_signals(program)[0])
    assert len(_rows(program, SubjectKey)) == 1


def test_what_was_erased_cannot_be_opened_from_a_copy_of_the_sealed_field(program, actor, clock):
    # A backup may still hold the sealed field; without the wrapped key it is noise.
    submitted(program, actor(program, "havendam"))
    kept = [bytes(field.sealed) for field in _rows(program, SubjectField)]
    clock.forward(days=TERM + 1)
    _sweep(program)
    assert kept
    assert _rows(program, SubjectKey) == []
    with pytest.raises(CannotOpen):
        program.keys.open("havendam", kept[0], b"anything")


def test_the_check_of_the_log_still_holds_after_erasing(program, actor, clock):
    submitted(program, actor(program, "havendam"))
    clock.forward(days=TERM + 1)
    _sweep(program)
    auditing.sign_checkpoint(program)
    lines = auditing.check(program, actor(program, "auditor"))
    assert [line.code for line in lines if not line.ok] == []


def test_the_sweep_is_accounted_for_even_when_there_is_nothing_to_erase(program, clock):
    (job,) = [job for job in jobs.jobs(program.settings) if job.name == "retention"]
    assert jobs.run_once(program, job) == "drafts:0,signals:0,answers:0,entries:0,overdue:0"
    ((_entry, details),) = log(program, "job:run")
    assert (details["job"], details["slot"]) == ("retention", "2026-11-23T02:10")


def test_old_claims_are_forgotten(program, clock):
    jobs.run_once(program, jobs.Job("example", 5, lambda _program: ""))
    clock.forward(days=31)
    _sweep(program)
    assert _rows(program, JobRun) == []


# -- reminding ----------------------------------------------------------------------------------------------------


def test_who_is_late_gets_one_reminder_a_day_and_the_log_says_so(program, actor, clock):
    coordinator = actor(program, "coordinator")
    reference = triaged(program, actor(program, "havendam"), coordinator)
    asked(program, coordinator, reference, "avim", "riec")
    use_riec = _rows(program, Question)
    answered = next(one for one in use_riec if one.agency_id == "riec")
    use(program, actor(program, "riec"), enrich.answer, answered.id, answer="no_hit")
    assert jobs.run_overdue(program) == ""

    clock.forward(days=8)
    assert jobs.run_overdue(program) == "mails:1"
    clock.forward(hours=1)
    assert jobs.run_overdue(program) == ""
    clock.forward(hours=23)
    assert jobs.run_overdue(program) == "mails:1"

    late = [mail for mail in _rows(program, Mail) if mail.template == "question-overdue"]
    assert {mail.account_id for mail in late} == {actor(program, "avim").account_id}
    entries = log(program, "deadline:overdue")
    assert [(details["rule"], details["count"]) for _entry, details in entries] == [("enrich-answer", 1)] * 2


def test_nobody_is_reminded_of_a_signal_that_ended(program, actor, clock):
    coordinator, owner = actor(program, "coordinator"), actor(program, "havendam")
    reference = triaged(program, owner, coordinator)
    asked(program, coordinator, reference, "avim")
    use(program, owner, signals.withdraw, reference, "Dubbel ingevoerd.")
    clock.forward(days=8)
    assert jobs.run_overdue(program) == ""


# -- mails --------------------------------------------------------------------------------------------------------


def test_a_mail_says_that_work_waits_and_nothing_else(program, actor):
    reference = triaged(program, actor(program, "havendam"), actor(program, "coordinator"))
    asked(program, actor(program, "coordinator"), reference, "avim", note="Kent u deze persoon van de haven?")

    assert jobs.run_outbox(program) == "written:1"
    assert jobs.run_outbox(program) == ""

    (path,) = program.settings.outbox.iterdir()
    raw = path.read_text()
    message = email.message_from_bytes(path.read_bytes(), policy=default)
    assert message["To"] == "avim@signaltable.invalid"
    assert message["Subject"] == "Er staat een taak voor u klaar"
    assert program.settings.address in message.get_content()
    for secret in (reference, "Proefveld", "Zorinka", "Havendam", "haven?", "Arjan", "Schijnbaar"):
        assert secret not in raw
    assert path.stat().st_mode & 0o077 == 0
    assert all(mail.written_at for mail in _rows(program, Mail))
