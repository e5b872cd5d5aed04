"""Who saw this person's data: never before somebody who did not ask found it safe, and nothing of others in it."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signaltable import jobs
from signaltable.domain import Conflict, NotFound, Refused, State, UnusableInput
from signaltable.flow import choices, disclosing, enrich, retention, signals, subject_reports
from signaltable.flow.subject_reports import GIVEN, blocked, traces
from signaltable.models import Disclosure, Mail, Signal, SubjectReport
from signaltable.transaction import reading
from tests.disclosure_steps import disclosed
from tests.factories import a_person, a_signal
from tests.table_steps import asked, log, row, submitted, triage_it, use

WHY = "De persoon vroeg hier zelf om, aan de balie van het stadhuis."
SAFE = {
    "identity": "checked",
    "exploiter": "no",
    "arrival": "in_person",
    "investigation": "no",
    "minor": "adult",
    "others": "no",
}
OTHER = {"given_name": "Bartolomeus", "surname": "Anderman", "phone": "0698765432", "birth_date": "1988-02-03"}


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def reference(program, actor):
    """A signal about two people: the first asks, the second is somebody else."""
    people = [a_person(), a_person(role="possible_perpetrator", gender="man", identity=OTHER)]
    draft = a_signal(subjects=people, forms=["labour"], facts={"victim": "possible"})
    reference = submitted(program, actor(program, "havendam"), draft)
    triage_it(program, actor(program, "coordinator"), reference)
    return reference


def _asked_for(program, who, reference, number=1, **changes):
    said = {"asker": "self", "reason": WHY, **changes}
    return use(program, who, subject_reports.request, reference, number, **said)


def _decided(program, who, report, **changes):
    said = {"answers": SAFE, "decision": "hand_over", "reason": WHY, **changes}
    use(program, who, subject_reports.decide, report, **said)


@pytest.fixture
def officer(program, actor):
    return actor(program, "fg.havendam")


@pytest.fixture
def focal(program, actor):
    return actor(program, "havendam")


@pytest.fixture
def report(program, officer, reference):
    return _asked_for(program, officer, reference)


# -- asking -------------------------------------------------------------------------------------------------------


def test_a_request_is_recorded_and_somebody_else_hears_of_it(program, officer, focal, reference, report):
    ((entry, told),) = log(program, "report:request")
    assert (entry.object, told["report"], told["signal"]) == (report, report, reference)
    assert WHY not in str(told)
    with reading(program) as session:
        assert session.query(Mail.account_id).filter_by(template="report-check").all() == [(focal.account_id,)]
        assert WHY.encode() not in session.query(SubjectReport).one().reason_sealed


@pytest.mark.parametrize(
    ("number", "changes", "field"),
    [
        (3, {}, "subject"),
        (None, {}, "subject"),
        (1, {"asker": "neighbour"}, "asker"),
        (1, {"reason": ""}, "reason"),
        (1, {"reason": "kort"}, "reason"),
        (1, {"reason": "Het nummer is 111222333, dat staat op de kaart."}, "reason"),
    ],
)
def test_a_request_that_cannot_be_used(program, officer, reference, number, changes, field):
    with pytest.raises(UnusableInput) as refused:
        _asked_for(program, officer, reference, number, **changes)
    assert set(refused.value.problems) == {field}


def test_a_signal_of_another_agency_reads_as_none(program, actor, reference):
    other = actor(program, "fg.delinde")
    for signal in (reference, "S-0000-00"):
        with pytest.raises(UnusableInput) as refused:
            _asked_for(program, other, signal)
        assert refused.value.problems == {"subject": subject_reports.NO_SUBJECT}


def test_one_request_at_a_time_about_a_person(program, officer, focal, reference, report):
    with pytest.raises(Conflict):
        _asked_for(program, officer, reference)
    _asked_for(program, officer, reference, 2)
    _decided(program, focal, report, decision="refuse", exception="rights")
    assert _asked_for(program, officer, reference) != report


@pytest.mark.parametrize("login", ["havendam", "avim", "coordinator", "auditor", "beheer"])
def test_only_a_privacy_officer_asks(program, actor, reference, login):
    with pytest.raises(Refused):
        _asked_for(program, actor(program, login), reference)


# -- the safety check ---------------------------------------------------------------------------------------------


def test_nothing_comes_out_before_the_check(program, officer, focal, report):
    for who in (officer, focal):
        with pytest.raises(Conflict):
            use(program, who, subject_reports.report, report)


def test_whoever_asked_never_decides(program, officer, report):
    with pytest.raises(Refused):  # no such role
        _decided(program, officer, report)
    both = replace(officer, permissions=officer.permissions | {"report:decide:own-agency"})
    with pytest.raises(Refused, match="own_request"):
        _decided(program, both, report)
    assert not use(program, both, subject_reports.consult, report).may_decide


ANSWERS = {
    "identity": ("checked", "not_checked", ""),
    "exploiter": ("no", "unknown", "yes", ""),
    "arrival": ("in_person", "safe", "unsafe", ""),
    "investigation": ("no", "part", "yes", ""),
    "minor": ("adult", "self", "child", "guardian", "parent", "doubt", ""),
    "others": ("no", "part", "yes", ""),
}


def _may_be_given(answers):
    """The safety check once more, as a person would say it."""
    safe = (
        answers["identity"] == "checked"
        and answers["exploiter"] == "no"
        and answers["arrival"] in {"in_person", "safe"}
        and answers["minor"] in {"adult", "self", "guardian", "parent"}
    )
    if not safe or "" in answers.values() or "yes" in {answers["investigation"], answers["others"]}:
        return set()
    return {"partly"} if "part" in {answers["investigation"], answers["others"]} else set(GIVEN)


def test_every_combination_of_answers_blocks_what_endangers(program):
    check = program.policy.safety_check
    assert {one.id for one in check.question} == set(ANSWERS)
    for combination in itertools.product(*ANSWERS.values()):
        answers = dict(zip(ANSWERS, combination, strict=True))
        assert set(GIVEN) - blocked(check, answers) == _may_be_given(answers), answers
        assert not blocked(check, answers) & {"postpone", "refuse"}


@pytest.mark.parametrize("question", sorted(SAFE))
def test_an_answer_that_is_not_given_or_not_offered_decides_nothing(program, focal, officer, report, question):
    for answers in ({**SAFE, question: ""}, {**SAFE, question: "maybe"}):
        with pytest.raises(UnusableInput) as refused:
            _decided(program, focal, report, answers=answers)
        assert question in refused.value.problems
    with pytest.raises(Conflict):
        use(program, officer, subject_reports.report, report)


def test_what_an_answer_blocks_cannot_be_chosen(program, focal, officer, report):
    with pytest.raises(UnusableInput) as refused:
        _decided(program, focal, report, answers={**SAFE, "exploiter": "unknown"})
    assert refused.value.problems == {"decision": subject_reports.BLOCKED}
    with pytest.raises(Conflict):
        use(program, officer, subject_reports.report, report)


def test_of_a_minor_nobody_says_that_they_are_of_age(program, actor, focal, officer):
    draft = a_signal(subjects=[a_person(age="doubt", age_years=None)])
    report = _asked_for(program, officer, submitted(program, focal, draft))
    with pytest.raises(UnusableInput) as refused:
        _decided(program, focal, report)
    assert refused.value.problems == {"minor": subject_reports.IS_MINOR}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"decision": "burn"}, "decision"),
        ({"reason": "kort"}, "reason"),
        ({"decision": "refuse"}, "exception"),
        ({"decision": "postpone", "exception": "rights"}, "until"),
        ({"decision": "partly", "exception": "rights"}, "left_out"),
        ({"decision": "partly", "exception": "rights", "left_out": ["nla"]}, "left_out"),
    ],
)
def test_a_decision_that_cannot_be_used(program, focal, report, changes, field):
    with pytest.raises(UnusableInput) as refused:
        _decided(program, focal, report, **changes)
    assert field in refused.value.problems


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["hand_over", "postpone", "refuse", "unsafe", "own", "wait"]), max_size=6))
def test_in_no_order_of_steps_does_a_report_come_out_that_was_not_found_safe(
    program, focal, officer, reference, clock, steps
):
    """`safe` follows what a person would say; the program must agree after every step."""
    try:
        report = _asked_for(program, officer, reference)
    except Conflict:  # one of an earlier example is still open
        for line in use(program, officer, subject_reports.listing)[0]:
            if line.state in {"waiting", "postpone", *GIVEN}:
                _decided(program, focal, line.reference, decision="refuse", exception="rights")
        report = _asked_for(program, officer, reference)
    safe, final = False, False
    for step in steps:
        decision = {"unsafe": "hand_over", "own": "hand_over"}.get(step, step)
        who = officer if step == "own" else focal
        answers = {**SAFE, "arrival": "unsafe"} if step == "unsafe" else SAFE
        if step == "wait":
            clock.forward(days=15)
            final = final or safe
            safe = False
        else:
            later = clock.now.date() + timedelta(days=7)
            try:
                _decided(program, who, report, decision=decision, answers=answers, exception="rights", until=later)
            except (UnusableInput, Refused, Conflict):
                pass
            else:
                assert step in {"hand_over", "postpone", "refuse"}
                assert not final
                safe, final = step == "hand_over", step == "refuse"
        if safe:
            assert use(program, officer, subject_reports.report, report).reference == report
        else:
            with pytest.raises(Conflict):
                use(program, officer, subject_reports.report, report)


def test_a_decision_is_recorded_without_its_words(program, focal, officer, reference, report):
    _decided(
        program,
        focal,
        report,
        decision="postpone",
        exception="investigation",
        until=program.clock().date() + timedelta(days=30),
    )
    ((entry, told),) = log(program, "report:decide")
    assert (entry.actor, told["decision"], told["requester"]) == (focal.account_id, "postpone", officer.account_id)
    assert WHY not in str(told)
    view = use(program, officer, subject_reports.consult, report)
    assert (view.line.state, view.decision_reason, view.answers) == ("postpone", WHY, SAFE)


def test_the_list_says_nothing_but_a_reference(program, officer, reference, report):
    (line,), _more = use(program, officer, subject_reports.listing)
    assert line.reference == report
    assert reference not in str(line)


def test_another_agency_finds_nothing(program, actor, focal, report):
    for login in ("fg.delinde", "delinde"):
        other = actor(program, login)
        assert use(program, other, subject_reports.listing) == ((), None)
        for case in (subject_reports.consult, subject_reports.report):
            with pytest.raises(NotFound):
                use(program, other, case, report)
    with pytest.raises(NotFound):
        _decided(program, actor(program, "delinde"), report)


# -- the report ---------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(program, actor, focal, reference):
    """A disclosure of the first person to the inspectorate, read there; and a question to the police with an answer."""
    coordinator = actor(program, "coordinator")
    asked(program, coordinator, reference, "avim")
    return disclosed(program, focal, reference, _first_destination(program, focal, reference), chosen=[1])


def _first_destination(program, focal, reference):
    page = use(program, focal, choices.choose, reference)
    for line in page.lines:
        shown = use(program, focal, disclosing.preview, reference, line.choice.key)
        if shown.option is not None and not shown.option.second_person:
            return line.choice.destination
    raise AssertionError("no destination")


def _report(program, officer, focal, report, **changes):
    _decided(program, focal, report, **changes)
    return use(program, officer, subject_reports.report, report)


def test_the_report_names_the_receiver_and_the_fields_of_this_person(program, officer, focal, sent, reference, report):
    made = _report(program, officer, focal, report)
    (told,) = made.disclosures
    assert told.agency
    assert told.ground is not None
    assert any(name.startswith("subject.") for name in told.fields)
    assert made.kinds == ("birth_date", "given_name", "phone", "surname")
    assert made.unknown == 0


def test_the_other_person_of_the_signal_gets_nothing_of_it(program, officer, focal, sent, reference, actor):
    report = _asked_for(program, officer, reference, 2)
    made = _report(program, officer, focal, report)
    assert made.disclosures == ()
    # Their identity was opened by nobody, though that of the other was.
    assert not [one for one in made.readings if one.what == "identity:consult" and one.agency != "Gemeente Havendam"]


def test_readings_are_by_organisation_and_role_and_never_by_name(
    program, actor, officer, focal, sent, reference, report
):
    use(program, focal, signals.consult, reference)
    use(program, focal, signals.consult, reference)
    made = _report(program, officer, focal, report)
    (own,) = [one for one in made.readings if one.what == "signal:consult" and one.roles == ("focal-officer",)]
    assert (own.agency, own.times >= 2) == ("Gemeente Havendam", True)
    said = str(made)
    for secret in (focal.account_id, focal.name, *OTHER.values(), "Zorinka", reference):
        assert secret not in said


def test_answers_of_partners_and_links_are_not_in_it(program, actor, officer, focal, sent, report, reference):
    (question, *_rest) = [told["ask"] for _entry, told in log(program, "enrich:ask")]
    use(
        program,
        actor(program, "avim"),
        enrich.answer,
        question,
        answer="may_not_say",
        context="Zaak loopt bij ons.",
        checked=True,
    )
    made = _report(program, officer, focal, report)
    assert {one.what for one in made.readings} <= set(traces.READS)
    for telling in ("may_not_say", "Zaak loopt", question):
        assert telling not in str(made)


def test_partly_leaves_an_organisation_out_altogether(program, officer, focal, sent, report):
    with reading(program) as session:
        recipient = session.query(Disclosure.recipient_agency).scalar()
    made = _report(program, officer, focal, report, decision="partly", exception="investigation", left_out=[recipient])
    assert made.disclosures == ()
    title = dict(use(program, focal, subject_reports.consult, report).agencies)[recipient]
    assert title not in str(made)


def test_after_its_term_it_is_gone(program, officer, focal, report, clock):
    _decided(program, focal, report)
    clock.forward(days=13)
    use(program, officer, subject_reports.report, report)
    clock.forward(days=2)
    with pytest.raises(Conflict):
        use(program, officer, subject_reports.report, report)
    with pytest.raises(Conflict):
        _decided(program, focal, report)
    assert use(program, officer, subject_reports.consult, report).line.state == "gone"


def test_a_stricter_rule_counts_for_a_report_that_was_found_safe_before(program, officer, focal, report):
    _decided(program, focal, report, answers={**SAFE, "arrival": "safe"})
    check = program.policy.safety_check
    arrival = next(one for one in check.question if one.id == "arrival")
    stricter = [one.model_copy(update={"blocks": GIVEN}) if one.id == "safe" else one for one in arrival.answer]
    questions = [
        one.model_copy(update={"answer": tuple(stricter)}) if one is arrival else one for one in check.question
    ]
    policy = replace(program.policy, safety_check=check.model_copy(update={"question": tuple(questions)}))
    with pytest.raises(Conflict):
        use(replace(program, policy=policy), officer, subject_reports.report, report)


def test_of_an_erased_person_it_says_what_is_no_longer_known(program, officer, focal, sent, reference, clock):
    clock.forward(days=2000)
    with program.write_sessions() as session:
        session.query(Signal).filter_by(reference=reference).update({"state": State.CLOSED})
        session.commit()
    assert retention.sweep(program, jobs.JOBS).signals == 1
    report = _asked_for(program, officer, reference)
    made = _report(program, officer, focal, report)
    assert made.erased_at is not None
    assert made.kinds == ()
    assert [one.fields for one in made.disclosures] == [None]


@pytest.mark.parametrize("decision", ["", "postpone", "hand_over"])
def test_nothing_is_erased_that_somebody_still_waits_for(program, officer, focal, reference, report, clock, decision):
    clock.forward(days=2000)
    if decision == "postpone":
        until = clock.now.date() + timedelta(days=30)
        _decided(program, focal, report, decision="postpone", exception="rights", until=until)
    elif decision:
        _decided(program, focal, report, decision=decision)
    assert retention.sweep(program, jobs.JOBS).signals == 0
    assert log(program, "retention:overdue")[0][1]["objects"] == [reference]
    if decision == "hand_over":
        clock.forward(days=15)  # What can no longer be read keeps nothing.
    else:
        _decided(program, focal, report, decision="refuse", exception="rights")
    assert retention.sweep(program, jobs.JOBS).signals == 1


def test_erasing_a_signal_takes_the_words_of_its_reports_along(program, officer, focal, reference, report, clock):
    _decided(program, focal, report)
    clock.forward(days=2000)
    assert retention.sweep(program, jobs.JOBS).signals == 1
    with reading(program) as session:
        kept = session.query(SubjectReport).one()
        assert (kept.reason_sealed, kept.decision_sealed, kept.answers) == (b"", b"", {})
    assert row(program, reference).reference == reference
