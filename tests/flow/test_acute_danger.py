"""A case that is not one's own, in acute danger: one case, some hours, told at once, looked back on within a day."""

import json
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from signaltable import row_level
from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import dossier, incidents, recusals, retention, setup, work_list
from signaltable.flow.accounts import change_account
from signaltable.flow.identity_requests import asking
from signaltable.flow.mail import following
from signaltable.flow.rights import looking_back, opening
from signaltable.flow.rights import reading as danger
from signaltable.flow.rights.emergencies import JUSTIFIED, NOT_JUSTIFIED
from signaltable.flow.rights.opening import NoSuchCase, Opened, OpensAlready
from signaltable.jobs.work import JOBS, run_rights
from signaltable.models import Account, BudgetUse, EmergencyAccess, Incident, Mail, ProviderLogin, Signal
from signaltable.pseudonymise import new_reference
from signaltable.transaction import reading, transaction
from tests.table_steps import log, on_the_agenda, submitted, triaged, use

WHY = "De bewoner is meegenomen in een busje, de buurvrouw belt nu."
RIGHT = "De buurvrouw belde echt en de coordinator was niet te bereiken."


def open_it(program, who, reference, **changes):
    given = {"danger": "held", "reason": WHY, "acute": True, **changes}
    return use(program, who, opening.open_case, reference, **given)


def mailed(program, template):
    with reading(program) as session:
        return set(session.scalars(select(Mail.account_id).where(Mail.template == template)))


def test_nobody_is_named_to_call_who_never_came_in(program, actor):
    opened = open_it(program, actor(program, "delinde"), submitted(program, actor(program, "havendam")))
    coordinator = actor(program, "coordinator").account_id

    def names():
        return {one.name for one in use(program, actor(program, "delinde"), danger.consult, opened.id).to_call}

    def change(*changes):
        with program.write_sessions() as session:
            row_level.bear(session, program.keys, row_level.PROGRAM)
            for one in changes:
                session.add(one) if isinstance(one, ProviderLogin) else session.execute(one)
            session.commit()

    before = names()
    # As an account is that was made just now, whose code nobody has used
    change(update(Account).where(Account.id == coordinator).values(password_hash=""))
    with reading(program) as session:
        name = session.get_one(Account, coordinator).name
    assert names() == before - {name} != before
    # Somebody who comes in by the provider of the organisation never has a password
    bound = {"provider": "own", "subject_digest": "d" * 64, "bound_at": program.clock()}
    change(ProviderLogin(id="p" * 32, account_id=coordinator, **bound))
    assert names() == before


@pytest.fixture
def case(sqlite_program, actor):
    """A signal of havendam that nobody put on an agenda, and who is called about it: de Linde."""
    program = sqlite_program
    return program, submitted(program, actor(program, "havendam")), lambda login: actor(program, login)


def test_from_the_call_to_the_verdict(program, actor, clock):
    """Both databases. ASVS 8.3.2, 16.3.2."""

    def who(login):
        return actor(program, login)

    reference, other = submitted(program, who("havendam")), submitted(program, who("havendam"))
    caller = who("delinde")
    with pytest.raises(Refused):
        use(program, caller, dossier.consult, reference)
    # When somebody opens it, with a reference as it was said on the telephone
    opened = open_it(program, caller, f" {reference.lower().replace('-', ' ')} ")
    assert isinstance(opened, Opened)
    # Then the log has it at once, and everybody who has to know gets an urgent mail
    ((entry, details),) = log(program, "emergency:open")
    assert (entry.actor, details["signal"], details["kind"]) == (caller.account_id, reference, "held")
    assert mailed(program, "emergency-opened") == {who("havendam").account_id, who("coordinator").account_id}
    assert mailed(program, "emergency-review") == {who("fg.havendam").account_id}
    with reading(program) as session:
        told = session.scalars(select(Mail.id).where(Mail.template == "emergency-review")).one()
    assert use(program, who("fg.havendam"), following.follow, told).kind == "emergency"
    with reading(program) as session:
        assert all(session.scalars(select(Mail.urgent).where(Mail.template.like("emergency%"))))
    # And the case reads as its table reads it, with whom to call, and no other case
    page = use(program, who("delinde"), danger.consult, opened.id)
    assert page.dossier.reference == reference
    assert "Zorinka" not in str(page.dossier)
    assert page.dossier.links == ()
    assert [one.agency for one in page.to_call][:1] == [page.owner]
    with pytest.raises(Refused):
        use(program, who("delinde"), dossier.consult, other)
    (read,) = [told for entry, told in log(program, "signal:consult") if entry.actor == caller.account_id]
    assert read == {**read, "view": "emergency", "signal": reference}
    # The owner sees who, and why
    owners = use(program, who("havendam"), looking_back.notice, opened.id)
    assert (owners.reason, owners.line.person) == (WHY, who("delinde").name)
    # It ends by itself
    clock.forward(hours=4)
    assert use(program, who("delinde"), danger.consult, opened.id).dossier is None
    with pytest.raises(Refused):
        use(program, who("delinde"), dossier.consult, reference)
    assert run_rights(program) == "accesses:1"
    # A privacy officer of another organisation reads why and what was read, and judges
    officer = who("fg.havendam")
    seen = use(program, officer, looking_back.consult, opened.id)
    assert seen.reason == WHY
    assert [one.action for one in seen.reads][:2] == ["emergency:open", "signal:consult"]
    use(program, officer, looking_back.review, opened.id, JUSTIFIED, RIGHT)
    ((entry, details),) = log(program, "emergency:review")
    assert (entry.actor, details["result"], details["late"]) == (officer.account_id, "justified", False)
    assert mailed(program, "emergency-reviewed") == {caller.account_id}
    assert use(program, officer, looking_back.consult, opened.id).words == RIGHT
    assert use(program, officer, incidents.count_open) == 0


def test_every_case_that_cannot_be_opened_answers_the_same_and_counts(case, clock):
    """No enumeration: unknown, gone, and kept from read the same, and each try is spent (ASVS 2.4.1)."""
    program, reference, who = case
    withdrawn = submitted(program, who("havendam"))
    with program.write_sessions() as session:
        session.scalars(select(Signal).where(Signal.reference == withdrawn)).one().state = "withdrawn"
        session.commit()
    unknown = new_reference("S", b"\x07" * 16)
    use(
        program,
        who("coordinator"),
        recusals.declare_for,
        reference,
        who("delinde").account_id,
        interest="knows_person",
        reason="",
    )
    caller = who("delinde")
    answers = [open_it(program, caller, one) for one in (unknown, withdrawn, reference)]
    assert answers == [NoSuchCase()] * 3
    with reading(program) as session:
        assert session.scalars(select(EmergencyAccess)).all() == []
        assert session.scalar(select(BudgetUse.used).where(BudgetUse.kind == "emergency")) == 3
    refused = [
        (entry.object, entry.outcome)
        for entry, _details in log(program, "access:refuse")
        if entry.actor == caller.account_id
    ]
    # The log knows which; of what does not exist it repeats nothing
    assert refused == [("", "refused"), (withdrawn, "refused"), (reference, "refused")]
    assert log(program, "emergency:open") == []
    # And after so many tries of a day there are none
    open_it(program, caller, unknown)
    open_it(program, caller, unknown)
    with pytest.raises(Refused) as over:
        open_it(program, caller, unknown)
    assert over.value.reason == "budget_person"
    clock.forward(days=1)
    assert open_it(program, caller, unknown) == NoSuchCase()


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"danger": "boredom"}, "danger"),
        ({"acute": False}, "acute"),
        ({"reason": "te kort"}, "reason"),
        ({"reason": "Hij heet zo: 123456782 en meer woorden"}, "reason"),
        ({"reference": "S-7F3K-Q9"}, "reference"),
        ({"reference": "D" + "x" * 5000}, "reference"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_looked_up(case, changes, where):
    program, reference, who = case
    changes = {**changes}
    with pytest.raises(UnusableInput) as refused:
        open_it(program, who("delinde"), changes.pop("reference", reference), **changes)
    assert list(refused.value.problems) == [where]
    with reading(program) as session:
        assert session.scalars(select(BudgetUse).where(BudgetUse.kind == "emergency")).all() == []


def test_only_roles_that_work_with_cases_open_one(case):
    program, reference, who = case
    for login in ("beheer", "auditor", "fg.havendam", "voorzitter"):
        with pytest.raises(Refused) as refused:
            open_it(program, who(login), reference)
        assert refused.value.reason == "no_permission"
    # What one reads anyhow needs no danger
    assert open_it(program, who("havendam"), reference) == OpensAlready(reference)
    assert open_it(program, who("coordinator"), reference) == OpensAlready(reference)


def test_it_is_of_one_person_and_a_second_click_opens_nothing_more(case, clock):
    program, reference, who = case
    first = open_it(program, who("avim"), reference)
    assert open_it(program, who("avim"), reference) == first
    with reading(program) as session:
        assert len(session.scalars(select(EmergencyAccess)).all()) == 1
    with pytest.raises(NotFound):
        use(program, who("delinde"), danger.consult, first.id)
    with pytest.raises(NotFound):
        use(program, who("delinde"), opening.close, first.id)
    with pytest.raises(Refused):
        use(program, who("delinde"), dossier.consult, reference)
    # Ready before its time: gone at once, and it cannot be ended twice
    use(program, who("avim"), opening.close, first.id)
    with pytest.raises(Refused):
        use(program, who("avim"), dossier.consult, reference)
    with pytest.raises(Conflict):
        use(program, who("avim"), opening.close, first.id)
    # Danger again: a new access, with a review of its own
    assert open_it(program, who("avim"), reference).id != first.id


def test_an_interest_that_turns_up_later_closes_it(case):
    program, reference, who = case
    opened = open_it(program, who("delinde"), reference)
    use(program, who("delinde"), recusals.declare, "signal", reference, interest="knows_person", reason="")
    with pytest.raises(Refused) as refused:
        use(program, who("delinde"), danger.consult, opened.id)
    assert refused.value.reason == "conflict_of_interest"


def test_who_somebody_is_takes_the_request_with_two_people(case, clock):
    program, reference, who = case
    opened = open_it(program, who("delinde"), reference)
    name = use(program, who("delinde"), danger.consult, opened.id).dossier.subjects[0].pseudonym
    page = use(program, who("delinde"), asking.prepare, "zaak", reference, name)
    assert page.whom.signal.reference == reference
    # A colleague who knows the same words does not come in by it, and nobody does once it is over
    with pytest.raises(Refused):
        use(program, who("avim"), asking.prepare, "zaak", reference, name)
    clock.forward(hours=4)
    with pytest.raises(Refused):
        use(program, who("delinde"), asking.prepare, "zaak", reference, name)


def test_nobody_looks_back_on_the_own_access_also_with_another_role(case, clock):
    program, reference, who = case
    opened = open_it(program, who("delinde"), reference)
    clock.forward(hours=5)
    me = who("delinde").account_id
    with transaction(program, setup.INSTALLER) as tx:
        change_account(tx, me, name="Anders", roles=["privacy-officer"], active=True)
    assert "privacy-officer" in who("delinde").roles
    with pytest.raises(Refused) as refused:
        use(program, who("delinde"), looking_back.review, opened.id, JUSTIFIED, RIGHT)
    assert refused.value.reason == "own_request"
    assert not use(program, who("delinde"), looking_back.consult, opened.id).may_review
    assert [one.kind for one in use(program, who("delinde"), work_list.mine)].count("emergencies") == 0
    # Nor does the person settle the incident about it
    use(
        program,
        who("fg.havendam"),
        looking_back.review,
        opened.id,
        NOT_JUSTIFIED,
        "De coordinator zat ernaast en is niet gebeld.",
    )
    with reading(program) as session:
        incident = session.scalars(select(Incident)).one()
    assert (incident.kind, incident.place) == ("emergency-not-justified", f"emergency {opened.id}")
    with pytest.raises(Refused):
        use(program, who("delinde"), incidents.settle, incident.id, "explained", "Het was nodig.")
    use(program, who("fg.havendam"), incidents.settle, incident.id, "reported", "Besproken met de organisatie.")


def test_not_right_ends_what_still_runs_and_right_waits_until_it_is_over(case, clock):
    program, reference, who = case
    opened = open_it(program, who("delinde"), reference)
    with pytest.raises(UnusableInput) as early:
        use(program, who("fg.havendam"), looking_back.review, opened.id, JUSTIFIED, RIGHT)
    assert early.value.problems == {"verdict": looking_back.STILL_RUNS}
    use(
        program,
        who("fg.havendam"),
        looking_back.review,
        opened.id,
        NOT_JUSTIFIED,
        "Er was geen gevaar, zegt de politie.",
    )
    assert use(program, who("delinde"), danger.consult, opened.id).dossier is None
    ((_entry, details),) = log(program, "emergency:end")
    assert details["cause"] == "reviewed"


def test_two_who_look_back_at_once_the_second_reads_what_the_first_did(program, actor, clock):
    reference = submitted(program, actor(program, "havendam"))
    opened = open_it(program, actor(program, "avim"), reference)
    clock.forward(hours=5)
    outcomes = []

    def judge(login, verdict):
        try:
            use(program, actor(program, login), looking_back.review, opened.id, verdict, RIGHT)
            outcomes.append("kept")
        except Conflict as conflict:
            outcomes.append(conflict.reason)

    people = [("fg.havendam", JUSTIFIED), ("fg.delinde", NOT_JUSTIFIED)]
    threads = [threading.Thread(target=judge, args=one) for one in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["kept", "reviewed"]
    assert len(log(program, "emergency:review")) == 1


def test_hours_count_by_the_clock_and_what_is_late_becomes_an_incident(case, clock):
    program, reference, who = case
    opened = open_it(program, who("delinde"), reference)
    assert [one.kind for one in use(program, who("fg.havendam"), work_list.mine)].count("emergencies") == 1
    clock.forward(hours=11, minutes=59)
    run_rights(program)
    assert mailed(program, "emergency-reminder") == set()
    clock.forward(minutes=1)
    assert run_rights(program) == "reminded:1"
    assert run_rights(program) == ""
    assert mailed(program, "emergency-reminder") == {who("fg.havendam").account_id, who("fg.delinde").account_id}
    clock.forward(hours=12)
    assert run_rights(program) == "late:1"
    assert run_rights(program) == ""
    with reading(program) as session:
        assert session.scalars(select(Incident)).one().kind == "emergency-unreviewed"
    waiting, _done, _next = use(program, who("auditor"), looking_back.listing)
    assert [one.late for one in waiting] == [True]
    # Looking back late is still looking back, and says so
    use(program, who("fg.havendam"), looking_back.review, opened.id, JUSTIFIED, RIGHT)
    ((_entry, details),) = log(program, "emergency:review")
    assert details["late"] is True
    # The auditor sees that, and no words
    assert use(program, who("auditor"), looking_back.consult, opened.id).reason == ""


def test_the_words_are_sealed_and_go_with_the_case(case, clock):
    program, reference, who = case
    opened = open_it(program, who("delinde"), reference)
    with reading(program) as session:
        row = session.get(EmergencyAccess, opened.id)
        assert b"busje" not in row.reason_sealed
        # For the own organisation, the owner, and those with somebody who can look back
        assert set(json.loads(row.reason_sealed)) == {"delinde", "havendam"}
    clock.forward(days=200)
    retention.sweep(program, JOBS)
    with reading(program) as session:
        row = session.get(EmergencyAccess, opened.id)
        assert (row.reason_sealed, row.danger) == (b"", "held")
    assert use(program, who("fg.havendam"), looking_back.consult, opened.id).reason == ""


def test_a_case_that_is_erased_ends_the_access_and_the_log_says_so(case, clock):
    program, reference, who = case
    clock.forward(days=200)
    opened = open_it(program, who("delinde"), reference)
    retention.sweep(program, JOBS)
    ((entry, details),) = log(program, "emergency:end")
    assert (entry.object, details["cause"]) == (reference, "case_erased")
    with reading(program) as session:
        assert session.get_one(EmergencyAccess, opened.id).ended_at is not None


def test_a_case_on_an_agenda_needs_no_danger_for_who_sits_there(case):
    program, _reference, who = case
    tabled = triaged(program, who("havendam"), who("coordinator"))
    on_the_agenda(program, who("coordinator"), tabled, days=7)
    assert open_it(program, who("delinde"), tabled) == OpensAlready(tabled)
    assert isinstance(open_it(program, who("delinde"), _reference), Opened)
    assert timedelta(hours=4) == program.policy.rights.emergency.open_for
