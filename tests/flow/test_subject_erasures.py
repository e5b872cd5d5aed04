"""Erasing one person on request: who may, what stands in the way, what is gone afterwards, and who is told."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import undefer_group

from signaltable.db import Base
from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import (
    disclosures,
    duties,
    duty_kinds,
    referrals,
    restoring,
    sealed_columns,
    signals,
    subject_erasures,
    subject_reports,
)
from signaltable.flow.identity_requests import viewing
from signaltable.flow.setup import INSTALLER
from signaltable.models import Disclosure, Duty, Link, MatchTag, Subject, SubjectErasure, SubjectField, SubjectKey
from signaltable.transaction import reading
from tests.databases import back_up, put_back
from tests.disclosure_steps import disclosed
from tests.factories import a_person, a_signal
from tests.identity_steps import CONSENTED, approved, on_the_table, opened
from tests.table_steps import log, row, submitted, use

WHY = "De cliënt vroeg dit zelf, bij ons aan de balie."
BECAUSE = "Niemand heeft de gegevens nog nodig en zij is veilig."
SAFE = {"asker": "checked", "danger": "no", "needed": "no"}


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def officer(program, actor):
    return actor(program, "fg.havendam")


@pytest.fixture
def focal(program, actor):
    return actor(program, "havendam")


def two_people(**changes):
    other = a_person(role="witness", identity={"given_name": "Pavlína", "surname": "Andersma"})
    story = "Zorinka Proefveld krijgt geen loon. Pavlína Andersma zag dat."
    return a_signal(consent=CONSENTED, subjects=[a_person(), other], narrative=story, **changes)


def asked_for(program, officer, reference, number=1, ground="consent_withdrawn"):
    return use(program, officer, subject_erasures.request, reference, number, ground=ground, reason=WHY)


def erased(program, officer, focal, reference, number=1):
    made = asked_for(program, officer, reference, number)
    return use(program, focal, subject_erasures.erase, made, answers=SAFE, reason=BECAUSE)


def subject(program, reference, number=1):
    with reading(program) as session:
        signal = row(program, reference)
        return session.scalars(select(Subject).where(Subject.signal_id == signal.id, Subject.number == number)).one()


def test_who_asks_never_decides_and_others_never_ask(program, actor, officer, focal):
    reference = submitted(program, focal, two_people())
    with pytest.raises(UnusableInput) as problem:
        asked_for(program, actor(program, "fg.delinde"), reference)
    assert set(problem.value.problems) == {"subject"}, "a signal of others reads as one that does not exist"
    for login in ("havendam", "coordinator", "auditor", "beheer"):
        with pytest.raises(Refused):
            asked_for(program, actor(program, login), reference)
    made = asked_for(program, officer, reference)
    with pytest.raises(Conflict):
        asked_for(program, officer, reference)
    with pytest.raises(Refused) as refusal:
        use(program, officer, subject_erasures.erase, made, answers=SAFE, reason=BECAUSE)
    assert refusal.value.reason == "no_permission"
    with pytest.raises(NotFound):
        use(program, actor(program, "delinde"), subject_erasures.erase, made, answers=SAFE, reason=BECAUSE)
    assert len(use(program, focal, lambda tx: list(subject_erasures.work(tx)))) == 1


def test_what_is_missing_is_told_and_answers_that_are_not_safe_keep_the_person(program, officer, focal):
    reference = submitted(program, focal, two_people())
    with pytest.raises(UnusableInput) as problem:
        use(program, officer, subject_erasures.request, reference, 9, ground="zomaar", reason="kort")
    assert set(problem.value.problems) == {"subject", "ground", "reason"}
    made = asked_for(program, officer, reference)
    for answers, places in (
        ({}, {"asker", "danger", "needed"}),
        ({**SAFE, "danger": "unknown"}, {"decision"}),
        ({**SAFE, "needed": "yes"}, {"decision"}),
        ({**SAFE, "asker": "not_checked"}, {"decision"}),
    ):
        with pytest.raises(UnusableInput) as found:
            use(program, focal, subject_erasures.erase, made, answers=answers, reason=BECAUSE)
        assert set(found.value.problems) == places
    assert subject(program, reference).erased_at is None


def test_everything_that_names_the_person_goes_and_the_others_stay(program, officer, focal):
    first, second = (submitted(program, focal, two_people()) for _ in range(2))
    linked = subject(program, first).id
    with reading(program) as session:
        assert session.scalars(select(Link).where((Link.subject_a == linked) | (Link.subject_b == linked))).all()
    assert erased(program, officer, focal, first) == 0
    gone = subject(program, first)
    assert (gone.erased_at is not None, gone.age_band) == (True, "unknown")
    with reading(program) as session:
        for table in (SubjectKey, SubjectField, MatchTag):
            assert session.scalars(select(table.subject_id).where(table.subject_id == gone.id)).all() == []
        assert (
            session.scalars(select(Link).where((Link.subject_a == gone.id) | (Link.subject_b == gone.id))).all() == []
        )
    own = use(program, focal, signals.consult, first, with_identity=True)
    assert "Proefveld" not in own.narrative
    assert "Zorinka" not in own.narrative
    assert "Andersma" in own.narrative
    assert [one.identity.get("surname") for one in own.subjects] == [None, "Andersma"]
    assert (
        use(program, focal, signals.consult, second, with_identity=True).subjects[0].identity["surname"] == "Proefveld"
    )
    assert [entry[1]["cause"] for entry in log(program, "subject:erase")] == ["request"]
    _entry, details = log(program, "subject:decide")[-1]
    assert (details["result"], details["subject"]) == ("erased", 1)
    assert WHY not in json.dumps(details)


def places_that_say(program, *words):
    """Every column in which one of these words stands, as it is or after opening it with all keys that there are."""
    found = set()
    with reading(program) as session:
        for one in (one for one in sealed_columns.COLUMNS if not one.data_key):
            for stored in session.execute(sealed_columns.query_of(one)).mappings():
                for sealed in sealed_columns.envelopes(one, stored):
                    said = program.keys.open(sealed.agency_id, sealed.sealed, sealed.place.encode()).decode()
                    found |= {one.stage for word in words if word in said}
        for table in Base.metadata.sorted_tables:
            said = repr(session.execute(select(table)).all())
            found |= {table.name for word in words if word in said}
    return found


def test_no_word_that_was_typed_opens_anywhere_afterwards(program, officer, focal):
    waits = replace(program, settings=replace(program.settings, text_reader="on"))
    draft = two_people(mask_words=["Zorinka"], reachable="via Zorinka, 06 12 34 56 78")
    reference = submitted(waits, focal, draft)
    words = ("Zorinka", "Proefveld", "0612345678", "12 34 56")
    assert places_that_say(waits, *words) == {"signals.owner_sealed", "text_checks.found_sealed"}
    erased(waits, officer, focal, reference)
    assert places_that_say(waits, *words) == set()
    assert places_that_say(waits, "Andersma") == {"signals.owner_sealed", "text_checks.found_sealed"}


def test_a_copy_that_is_put_back_loses_what_was_disclosed_of_the_person_again(program, officer, focal):
    reference = submitted(program, focal, two_people())
    disclosed(program, focal, reference, "essm", chosen=[1])
    copy = back_up(program)
    erased(program, officer, focal, reference)
    put_back(program, copy)
    assert "disclosures.payload_provider" in places_that_say(program, "Proefveld")
    restoring.restored(program, INSTALLER)
    assert places_that_say(program, "Proefveld") == {"disclosures.payload_recipient"}


def test_receivers_of_what_named_the_person_are_asked_to_erase_it_too(program, actor, officer, focal):
    reference = submitted(program, focal, two_people())
    named = disclosed(program, focal, reference, "essm", chosen=[1])
    made = asked_for(program, officer, reference)
    seen = use(program, focal, subject_erasures.consult, made).hanging
    assert [(one.reference, one.held) for one in seen.given] == [(named.reference, True)]
    assert (seen.others, seen.report_open) == (1, False)
    assert use(program, focal, subject_erasures.erase, made, answers=SAFE, reason=BECAUSE) == 1
    with reading(program) as session:
        sent = session.scalars(
            select(Disclosure).where(Disclosure.reference == named.reference).options(undefer_group("sealed"))
        ).one()
        owed = session.scalars(select(Duty).where(Duty.kind == duty_kinds.ERASED)).one()
        assert (sent.payload_provider, owed.agency_id, owed.due_at is not None) == (b"", "essm", True)
        assert sent.payload_recipient, "the receiver says itself what it does with its copy"
        duty_id = owed.id
    assert use(program, focal, disclosures.read_own, named.reference).content is None
    receiver = actor(program, "essm")
    use(program, receiver, referrals.accept, named.reference)
    use(program, receiver, duties.fulfil, duty_id, result=duty_kinds.DESTROYED, on=program.clock().date(), note="")
    with reading(program) as session:
        assert session.scalars(select(Disclosure.payload_recipient)).one() == b""


def test_an_open_report_and_a_view_that_is_open(program, actor, officer, focal):
    reference = on_the_table(program, actor, two_people())
    care = actor(program, "essm")
    view = approved(program, care, officer, reference)
    opened(program, care, view)
    report = use(program, officer, subject_reports.request, reference, 1, asker="self", reason=WHY)
    made = asked_for(program, officer, reference)
    assert use(program, focal, subject_erasures.consult, made).hanging.report_open
    with pytest.raises(Conflict) as conflict:
        use(program, focal, subject_erasures.erase, made, answers=SAFE, reason=BECAUSE)
    assert conflict.value.reason == "report_open"
    refuse = {question.id: question.answer[-1].id for question in program.policy.safety_check.question}
    use(
        program,
        focal,
        subject_reports.decide,
        report,
        answers=refuse,
        decision="refuse",
        reason=BECAUSE,
        exception=program.policy.safety_check.exception[0].id,
    )
    assert use(program, focal, subject_erasures.consult, made).hanging.identity_requests == 1
    use(program, focal, subject_erasures.erase, made, answers=SAFE, reason=BECAUSE)
    with pytest.raises(Refused) as closed:
        use(program, care, viewing.look, view, program.clock())
    assert closed.value.reason == "not_open"
    with pytest.raises(Conflict):
        use(program, focal, subject_erasures.refuse, made, answers=SAFE, exception="danger", reason=BECAUSE)


def test_a_refusal_names_what_it_rests_on_and_stays(program, officer, focal):
    reference = submitted(program, focal, two_people())
    made = asked_for(program, officer, reference)
    with pytest.raises(UnusableInput) as problem:
        use(program, focal, subject_erasures.refuse, made, answers={}, exception="", reason=BECAUSE)
    assert set(problem.value.problems) == {"exception"}
    use(
        program,
        focal,
        subject_erasures.refuse,
        made,
        answers={"needed": "yes"},
        exception="legal_claims",
        reason=BECAUSE,
    )
    page = use(program, officer, subject_erasures.consult, made)
    assert (page.line.state, page.exception, page.decision_reason) == ("refused", "legal_claims", BECAUSE)
    assert subject(program, reference).erased_at is None
    with reading(program) as session:
        kept = session.scalars(select(SubjectErasure).options(undefer_group("sealed"))).one()
        assert WHY.encode() not in kept.asked_sealed
    again = asked_for(program, officer, reference)
    assert [line.reference for line in use(program, officer, subject_erasures.listing)[0]] in (
        [again, made],
        [made, again],
    )
