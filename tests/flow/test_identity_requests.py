"""Asking who somebody is: who may ask, who decides, who sees it and how long, and what ends it."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import undefer_group

from signaltable import jobs
from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import (
    auditing,
    budget,
    disclosing,
    enrich,
    referrals,
    retention,
    signals,
    subject_reports,
    withdrawing,
)
from signaltable.flow.auditing import filters
from signaltable.flow.identity_requests import asking, deciding, ending, lists, viewing
from signaltable.flow.setup import INSTALLER
from signaltable.flow.weighing import MissingEvidence
from signaltable.models import (
    Account,
    AccountRole,
    IdentityRequest,
    Mail,
    Subject,
    SubjectKey,
    TableMember,
)
from signaltable.transaction import reading, transaction
from tests.disclosure_steps import disclosed, key_for
from tests.factories import a_person, a_signal
from tests.identity_steps import (
    AGREED,
    CONSENTED,
    WHY,
    approved,
    asked_for,
    name_at_table,
    offers,
    on_the_table,
    opened,
    page_of,
)
from tests.table_steps import asked, log, submitted, triaged, use

NAME = "Proefveld"


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def essm(program, actor):
    return actor(program, "essm")


@pytest.fixture
def officer(program, actor):
    return actor(program, "fg.havendam")


@pytest.fixture
def case(program, actor):
    return on_the_table(program, actor)


def stored(program, reference):
    with reading(program) as session:
        query = select(IdentityRequest).where(IdentityRequest.reference == reference)
        found = session.scalars(query.options(undefer_group("sealed"))).one()
        session.expunge(found)
        return found


def change(program, statement):
    """Somebody else changes something; the log is told, as for every change."""
    with transaction(program, replace(INSTALLER, trace_id="")) as tx:
        tx.session.execute(statement)
        tx.record("account:change", object_type="account", details={"account": "x", "changed": ["name"]})


def refused(program, who, use_case, *args, **options):
    """The reason of the refusal that the log keeps."""
    with pytest.raises(Refused) as refusal:
        use(program, who, use_case, *args, **options)
    newest = max((entry for entry, _ in log(program, refusal.value.action)), key=lambda entry: entry.seq)
    assert (newest.outcome, newest.actor) == ("refused", who.account_id)
    return refusal.value.reason


# -- asking -------------------------------------------------------------------------------------------------------


def test_only_grounds_for_the_own_agency_are_offered_and_never_a_consultation(program, actor, case, essm):
    police, care = offers(program, actor(program, "avim"), case), offers(program, essm, case)
    assert {one.purpose for one in care.offers} == {"P2"}
    assert {one.purpose for one in police.offers} == {"P3", "P3b", "P6", "P7"}
    assert "P1" not in {one.purpose for page in (police, care) for one in (*page.offers, *page.refused)}
    # Only sealed fields of this one subject can be asked.
    assert {name for one in care.offers for name in one.fields} == {
        "subject.given_name",
        "subject.surname",
        "subject.birth_date",
        "subject.phone",
    }
    # Without any ground the page gives the reasons, and the log has them.
    page = offers(program, actor(program, "coordinator"), case)
    assert page.offers == ()
    assert all(one.reasons for one in page.refused)
    entry, details = log(program, "identity:list")[-1]
    assert (entry.outcome, details["count"]) == ("refused", 0)
    assert details["reasons"]


def test_a_request_waits_with_its_words_sealed_and_mails_without_content(program, case, essm, officer):
    made = asked_for(program, essm, case)
    row = stored(program, made.reference)
    assert (made.state, row.ground, row.purpose, row.wrapped) == ("waiting", "G2", "P2", b"")
    assert set(json.loads(row.asked_sealed)) == {"essm", "havendam"}
    assert WHY.encode() not in row.asked_sealed
    with reading(program) as session:
        told = set(session.scalars(select(Mail.account_id).where(Mail.template == "identity-request")))
    assert officer.account_id in told
    assert essm.account_id not in told
    _entry, details = log(program, "identity:request")[-1]
    assert (details["recipient"], details["ground"], details["subject"]) == ("essm", "G2", 1)
    assert WHY not in json.dumps(details)


def test_what_is_still_to_fill_in_comes_back_and_nothing_is_stored(program, case, essm):
    with pytest.raises(MissingEvidence) as found:
        asked_for(program, essm, case, evidence={"NEC": {"motivation": "kort"}})
    assert {unmet.code for unmet in found.value.missing} >= {"NEC"}
    page = offers(program, essm, case)
    with pytest.raises(UnusableInput) as problem:
        use(
            program, essm, asking.ask, "zaak", case, page.whom.known_as,
            choice=page.offers[0].key, evidence={}, motivation="te kort",
        )  # fmt: skip
    assert set(problem.value.problems) == {"motivation"}
    assert use(program, essm, lists.own)[0] == []


def test_the_rules_say_no_and_the_request_is_kept_as_refused(program, case, essm):
    page = offers(program, essm, case)
    made = use(
        program, essm, asking.ask, "zaak", case, page.whom.known_as, choice="P3.X8", evidence={}, motivation=WHY
    )  # fmt: skip
    assert made.state == "no_ground"
    entry, details = log(program, "identity:request")[-1]
    assert (entry.outcome, details["ground"]) == ("refused", "X8")
    assert details["reasons"]
    assert [line.state for line in use(program, essm, lists.own)[0]] == ["no_ground"]
    # What no form ever offers is no request at all.
    for choice in ("P1.D1", "P2.ZZ", "P2", "zonder"):
        with pytest.raises(Refused) as refusal:
            use(
                program, essm, asking.ask, "zaak", case, page.whom.known_as, choice=choice, evidence={}, motivation=WHY
            )  # fmt: skip
        assert refusal.value.reason == "not_offered"


def test_who_may_not_ask(program, actor, case):
    for login, reason in (
        ("havendam", "own_signal"),
        ("fg.havendam", "own_signal"),
        ("voorzitter", "no_permission"),
        ("auditor", "no_permission"),
    ):
        who = actor(program, login)
        name = name_at_table(program, who, case)
        assert refused(program, who, asking.prepare, "zaak", case, name) == reason


def test_members_of_the_table_ask_only_once_it_is_on_an_agenda(program, actor, essm):
    reference = triaged(program, actor(program, "havendam"), actor(program, "coordinator"), a_signal(consent=CONSENTED))
    name = name_at_table(program, essm, reference)
    assert refused(program, essm, asking.prepare, "zaak", reference, name) == "other_table"
    coordinator = actor(program, "coordinator")
    assert use(program, coordinator, asking.prepare, "zaak", reference, name).whom.known_as == name


def test_who_was_asked_a_question_asks_about_that_subject(program, actor):
    coordinator, police = actor(program, "coordinator"), actor(program, "avim")
    reference = triaged(program, actor(program, "havendam"), coordinator, a_signal(consent=CONSENTED))
    (question,) = asked(program, coordinator, reference, "avim")
    (line,) = use(program, police, enrich.open_questions).open
    from_question = line.subject
    page = use(program, police, asking.prepare, "vraag", question, from_question)
    assert page.offers
    with pytest.raises(NotFound):
        use(program, actor(program, "essm"), asking.prepare, "vraag", question, from_question)
    with pytest.raises(NotFound):
        use(program, police, asking.prepare, "vraag", question, name_at_table(program, police, reference))


def test_who_received_a_disclosure_asks_from_there(program, actor, essm):
    owner = actor(program, "havendam")
    reference = submitted(program, owner, a_signal(consent=CONSENTED))
    made = disclosed(program, owner, reference, "essm")
    content = use(program, essm, referrals.read, made.reference).content
    page = use(program, essm, asking.prepare, "verstrekking", made.reference, content.subjects[0].pseudonym)
    assert page.offers
    use(program, essm, referrals.give_back, made.reference, cause="not_our_task", text="Dit is niet onze taak.")
    with pytest.raises(NotFound):
        use(program, essm, asking.prepare, "verstrekking", made.reference, content.subjects[0].pseudonym)


def test_one_request_at_a_time_and_no_more_than_the_budget(program, case, essm):
    first = asked_for(program, essm, case)
    with pytest.raises(Conflict):
        asked_for(program, essm, case)
    for _time in range(budget_of(program).person - 1):
        use(program, essm, ending.give_up, first.reference)
        first = asked_for(program, essm, case)
    use(program, essm, ending.give_up, first.reference)
    with pytest.raises(Refused) as refusal:
        asked_for(program, essm, case)
    assert refusal.value.reason == budget.OF_PERSON


def budget_of(program):
    return program.policy.budgets[budget.IDENTITY_REQUEST]


# -- deciding -----------------------------------------------------------------------------------------------------


def test_the_second_person_is_of_the_owner_somebody_else_and_of_another_role(program, actor, case, essm, officer):
    by_focal = asked_for(program, actor(program, "delinde"), case).reference
    assert refused(program, actor(program, "havendam"), deciding.agree, by_focal, AGREED) == "same_role"
    assert use(program, officer, deciding.agree, by_focal, AGREED) == "approved"
    made = asked_for(program, essm, case).reference
    for login in ("essm", "voorzitter", "avim", "coordinator", "delinde"):
        with pytest.raises((NotFound, Refused)):
            use(program, actor(program, login), deciding.agree, made, AGREED)
    change(program, update(Account).where(Account.id == essm.account_id).values(agency_id="havendam"))
    moved = replace(essm, agency_id="havendam", roles=frozenset({"privacy-officer"}), permissions=officer.permissions)
    assert refused(program, moved, deciding.agree, made, AGREED) == "own_request"
    # A label of several roles holds each of them.
    change(program, update(Account).where(Account.id == essm.account_id).values(agency_id="essm"))
    use(program, essm, ending.give_up, made)
    both = essm.roles | {"care-coordinator", "privacy-officer"}
    for one in sorted(both - essm.roles):
        change(program, insert(AccountRole).values(account_id=essm.account_id, role=one))
    made = asked_for(program, replace(essm, roles=both), case).reference
    assert use(program, officer, lists.waiting) == []
    assert refused(program, officer, deciding.agree, made, AGREED) == "same_role"


def test_one_decision_only_however_many_people_press(program, actor, case, essm, officer):
    made = asked_for(program, essm, case).reference
    use(program, officer, deciding.refuse, made, "Uw taak vraagt hier geen naam; wij bellen zelf.")
    for act in (deciding.agree, deciding.refuse):
        with pytest.raises(Conflict):
            use(program, actor(program, "havendam"), act, made, AGREED)
    page = page_of(program, essm, made)
    assert (page.line.state, page.answer) == ("refused", "Uw taak vraagt hier geen naam; wij bellen zelf.")
    assert refused(program, essm, viewing.open_first, made, program.clock()) == "not_open"


def test_rules_that_changed_meanwhile_refuse_at_the_approval(program, case, essm, officer):
    made = asked_for(program, essm, case).reference
    grounds = program.policy.grounds
    without = replace(program, policy=without_ground(program.policy, "G2"))
    assert grounds.find("G2", program.clock().date()) is not None
    assert use(without, officer, deciding.agree, made, AGREED) == "no_ground"
    assert stored(program, made).wrapped == b""
    assert log(program, "identity:decide")[-1][1]["result"] == "no_ground"


def without_ground(policy, name):
    rows_left = tuple(one for one in policy.grounds.rows if one.id != name)
    return replace(policy, grounds=replace(policy.grounds, rows=rows_left))


def test_nobody_decided_in_time(program, clock, case, essm, officer):
    made = asked_for(program, essm, case).reference
    due = program.policy.deadlines["identity-decision"].due(date(2026, 11, 23))
    clock.forward(days=(due - date(2026, 11, 23)).days, hours=13, minutes=29, seconds=58)
    assert [line.reference for line in use(program, officer, lists.waiting)] == [made]
    clock.forward(seconds=3)
    assert use(program, officer, lists.waiting) == []
    assert use(program, officer, lambda tx: list(lists.work(tx))) == []
    with pytest.raises(Conflict):
        use(program, officer, deciding.agree, made, AGREED)
    assert jobs.run_identities(program) == "ended:1"
    assert jobs.run_identities(program) == ""
    assert stored(program, made).state == "expired"
    assert log(program, "identity:end")[-1][1]["cause"] == "unanswered"


# -- the quarter of an hour ---------------------------------------------------------------------------------------


def test_who_asked_sees_the_granted_fields_of_this_one_subject(program, actor, essm, officer):
    draft = a_signal(
        consent=CONSENTED,
        subjects=[a_person(), a_person(role="witness", identity={"given_name": "Iemand", "surname": "Anders"})],
    )
    made = approved(program, essm, officer, on_the_table(program, actor, draft))
    seen = opened(program, essm, made)
    assert {one.name: one.value for one in seen.fields}["surname"] == NAME
    assert "Anders" not in {one.value for one in seen.fields}
    assert (seen.viewer, seen.agency, seen.reference) == (essm.name, "ESSM, zorgcoördinatie", made)
    entry, details = log(program, "identity:consult")[-1]
    assert (entry.agency, details["ground"], details["request"]) == ("essm", "G2", made)
    assert details["expires_at"] == round((program.clock() + timedelta(minutes=15)).timestamp() * 1000)
    assert details["watermark"].startswith(made)
    assert essm.name not in json.dumps(details)


def test_it_is_open_for_a_quarter_of_an_hour_and_not_a_second_longer(program, clock, case, essm, officer):
    made = approved(program, essm, officer, case)
    proved = clock.now
    opened(program, essm, made)
    clock.forward(minutes=14, seconds=59)
    assert use(program, essm, viewing.look, made, proved).fields
    assert use(program, essm, viewing.open_first, made, clock.now).until == proved + timedelta(minutes=15)
    clock.forward(seconds=1)
    assert refused(program, essm, viewing.look, made, proved) == "time_over"
    assert refused(program, essm, viewing.open_first, made, clock.now) == "time_over"
    assert stored(program, made).wrapped != b"", "the job has not run yet; the server refuses all the same"
    assert jobs.run_identities(program) == "ended:1"
    assert (stored(program, made).wrapped, stored(program, made).state) == (b"", "ended")
    assert refused(program, essm, viewing.look, made, proved) == "not_open"


def test_an_approval_that_nobody_opens_lapses(program, clock, case, essm, officer):
    made = approved(program, essm, officer, case)
    clock.forward(hours=23, minutes=59)
    assert opened(program, essm, made).until == stored(program, made).decided_at + timedelta(days=1)
    other = on_the_table_again(program, essm, officer, case, clock)
    clock.forward(days=1)
    assert refused(program, essm, viewing.open_first, other, clock.now) == "time_over"
    jobs.run_identities(program)
    assert {entry[1]["cause"] for entry in log(program, "identity:end")} == {"time_over", "not_opened"}


def on_the_table_again(program, asker, decider, reference, clock):
    clock.forward(minutes=20)
    jobs.run_identities(program)
    return approved(program, asker, decider, reference)


def test_it_opens_only_for_who_proved_it_in_this_session_around_then(program, clock, case, essm, officer):
    made = approved(program, essm, officer, case)
    for proved in (None, clock.now - timedelta(minutes=5)):
        assert refused(program, essm, viewing.open_first, made, proved) == "not_proved"
    assert stored(program, made).opened_at is None, "a refusal starts no clock"
    assert refused(program, essm, viewing.look, made, clock.now) == "not_proved"
    assert use(program, essm, viewing.open_first, made, clock.now - timedelta(minutes=4, seconds=59)).fields


def test_nobody_else_sees_it(program, actor, case, essm, officer):
    made = approved(program, essm, officer, case)
    opened(program, essm, made)
    colleague = replace(essm, account_id="colleague")
    with pytest.raises(NotFound):
        use(program, colleague, viewing.look, made, program.clock())
    for login in ("fg.havendam", "havendam", "auditor"):
        assert refused(program, actor(program, login), viewing.look, made, program.clock()) in {
            "other_person",
            "no_permission",
        }
    with pytest.raises(NotFound):
        use(program, actor(program, "avim"), lists.consult, made)


def test_a_wrapped_key_opens_for_this_request_and_this_agency_only(program, actor, case, essm, officer):
    made = approved(program, essm, officer, case)
    row = stored(program, made)
    with reading(program) as session:
        own = session.scalars(select(SubjectKey.wrapped).where(SubjectKey.subject_id == row.subject_id)).one()
    police = approved(program, actor(program, "opvang"), officer, case)
    foreign = stored(program, police).wrapped
    for planted in (foreign, own, row.wrapped[:-1] + bytes([row.wrapped[-1] ^ 1]), b"kapot"):
        change(program, update(IdentityRequest).where(IdentityRequest.id == row.id).values(wrapped=planted))
        assert refused(program, essm, viewing.open_first, made, program.clock()) == "broken_seal"
    change(program, update(IdentityRequest).where(IdentityRequest.id == row.id).values(wrapped=row.wrapped))
    assert opened(program, essm, made).fields


def test_what_it_rests_on_falls_away_and_with_it_the_view(program, actor, case, essm, officer):
    made = approved(program, essm, officer, case)
    opened(program, essm, made)

    def closed(who=essm, where=program):
        return refused(where, who, viewing.look, made, program.clock())

    assert closed(where=replace(program, policy=without_ground(program.policy, "G2"))) == "no_ground"
    other_role = replace(essm, roles=frozenset({"partner-member"}))
    assert closed(other_role) == "role_lost"
    assert closed(replace(essm, permissions=frozenset())) == "no_permission"
    seat = TableMember.agency_id == "essm"
    with reading(program) as session:
        tables = list(session.scalars(select(TableMember.table_id).where(seat)))
    change(program, TableMember.__table__.delete().where(seat))
    assert closed() == "left_case"
    for table in tables:
        change(program, TableMember.__table__.insert().values(table_id=table, agency_id="essm"))
    assert use(program, essm, viewing.look, made, program.clock()).fields
    use(program, officer, ending.take_back, made)
    assert closed() == "not_open"
    assert log(program, "identity:end")[-1][1]["cause"] == "taken_back"


def test_consent_that_is_taken_back_closes_it(program, actor, clock, essm, officer):
    owner = actor(program, "havendam")
    case = on_the_table(program, actor)
    sent = disclosed(program, owner, case, "essm")
    clock.forward(minutes=5)
    made = approved(program, essm, officer, case)
    opened(program, essm, made)
    use(program, owner, withdrawing.withdraw, sent.reference, on=clock.now.date(), everywhere=True)
    assert refused(program, essm, viewing.look, made, clock.now) == "consent_gone"
    assert page_of(program, essm, made).closed == "consent_gone"


def test_the_end_of_an_account_ends_its_requests(program, case, essm, officer):
    made = approved(program, essm, officer, case)
    change(program, update(Account).where(Account.id == essm.account_id).values(active=False))
    assert jobs.run_identities(program) == "ended:1"
    assert (stored(program, made).wrapped, stored(program, made).cause) == (b"", "account_closed")


# -- what is kept of it -------------------------------------------------------------------------------------------


def test_the_history_is_for_the_owner_and_for_who_supervises_without_words(program, actor, case, essm, officer):
    made = asked_for(program, essm, case).reference
    use(program, officer, deciding.refuse, made, "Uw taak vraagt hier geen naam; wij bellen zelf.")
    auditor = actor(program, "auditor")
    assert [line.reference for line in use(program, auditor, lists.history)[0]] == [made]
    page = page_of(program, auditor, made)
    assert (page.motivation, page.evidence, page.answer, page.requester, page.decider) == ("", (), "", "", "")
    assert (page.line.ground, page.requester_roles) == ("G2", ("care-coordinator",))
    assert page_of(program, officer, made).motivation == WHY
    assert use(program, actor(program, "fg.delinde"), lists.history)[0] == []
    assert refused(program, essm, lists.history) == "no_permission"
    # One that is taken back stays in it.
    program.clock.forward(minutes=1)
    made = asked_for(program, essm, case).reference
    use(program, essm, ending.give_up, made)
    with pytest.raises(Conflict):
        use(program, essm, ending.give_up, made)
    with pytest.raises(Conflict):
        use(program, officer, deciding.agree, made, AGREED)
    assert [line.state for line in use(program, officer, lists.history)[0]] == ["withdrawn", "refused"]


def test_the_log_and_who_saw_this_persons_data_know_of_it(program, actor, case, essm, officer):
    made = approved(program, essm, officer, case)
    opened(program, essm, made)
    # The log finds it by ground, by receiver and by the subject.
    with reading(program) as session:
        for wanted in ({"ground": "G2"}, {"receiver": "essm"}, {"subject": f"{case}.1"}):
            found = {
                seq: action
                for action in ("identity:request", "identity:decide", "identity:consult")
                for seq in filters.find(session, filters.Filters(action=action, **wanted), "", limit=9).seqs
            }
            assert set(found.values()) == {"identity:request", "identity:decide", "identity:consult"}, wanted
    owner = actor(program, "havendam")
    asked_report = use(
        program,
        officer,
        subject_reports.request,
        case,
        1,
        asker="self",
        reason="De cliënt vroeg dit zelf, bij ons aan de balie.",
    )
    safe = {
        question.id: next(answer.id for answer in question.answer if not answer.blocks)
        for question in program.policy.safety_check.question
    }
    use(
        program, owner, subject_reports.decide, asked_report,
        answers=safe, decision="hand_over", reason="De cliënt is veilig en kwam zelf langs.",
    )  # fmt: skip
    report = use(program, officer, subject_reports.report, asked_report)
    (told,) = [one for one in report.disclosures if one.agency == "ESSM, zorgcoördinatie"]
    assert (told.ground_id, told.purpose) == ("G2", "P2")
    assert "subject.surname" in told.fields
    assert ("ESSM, zorgcoördinatie", "identity:consult") in {(one.agency, one.what) for one in report.readings}


def test_the_identity_stands_in_no_page_log_mail_or_export(program, actor, case, essm, officer, tmp_path):
    made = approved(program, essm, officer, case)
    opened(program, essm, made)
    jobs.run_outbox(program)
    auditing.export(program, INSTALLER, tmp_path / "export")
    needles = [NAME.encode(), b"Zorinka", b"31612345678", b"1996-04-12"]
    for folder in (program.settings.home, tmp_path / "export"):
        for path in (one for one in folder.rglob("*") if one.is_file()):
            raw = path.read_bytes()
            assert [needle for needle in needles if needle in raw] == [], path.name


def test_at_the_end_of_the_term_the_words_go_and_that_it_was_asked_stays(program, actor, clock, case, essm, officer):
    made = approved(program, essm, officer, case)
    use(program, actor(program, "havendam"), signals.withdraw, case, "Het was een vergissing van ons.")
    assert refused(program, essm, viewing.open_first, made, clock.now) == "signal_ended"
    clock.forward(days=400)
    retention.sweep(program, jobs.JOBS)
    row = stored(program, made)
    with reading(program) as session:
        erased = session.get_one(Subject, row.subject_id).erased_at
    assert erased is not None
    assert (row.asked_sealed, row.answer_sealed, row.wrapped, row.state) == (b"", b"", b"", "ended")


def test_disclosing_and_asking_share_what_they_judge_by(program, actor, case):
    """What an owner would disclose to a receiver on a ground, the receiver is offered on it, and no more."""
    owner, care = actor(program, "havendam"), actor(program, "essm")
    offered = {one.option.ground.id for one in offers(program, care, case).offers}
    page = use(program, owner, disclosing.preview, case, key_of(program, owner, case))
    assert offered == {one.ground.id for one in page.options if one.usable and named(one)}


def named(option):
    return any("subject.surname" in names for names in option.selection.subjects.values())


def key_of(program, owner, case):
    return key_for(program, owner, case, "essm")
