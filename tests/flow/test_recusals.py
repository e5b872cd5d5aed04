"""Conflict of interest: declared, seen by those who lead the table, ended by one of them, and never a case without people."""

import threading

import pytest
from sqlalchemy import select

from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import (
    approvals,
    duty_lists,
    enrich,
    linking,
    mailing,
    recusals,
    referrals,
    setup,
    signals,
    table,
    triage,
)
from signaltable.models import Account, Mail, Recusal
from signaltable.transaction import reading, transaction
from tests.disclosure_steps import agree, disclosed
from tests.factories import a_person, a_signal
from tests.table_steps import asked, colleague, log, on_the_agenda, submitted, triaged, use


def declared(program, who, kind, thing, interest="knows_person", reason=""):
    use(program, who, recusals.declare, kind, thing, interest=interest, reason=reason)


@pytest.fixture
def team(sqlite_program, actor):
    """A signal, and a second person in every part that the case cannot do without."""
    program = sqlite_program
    colleague(program, "havendam.twee", "havendam", "focal-officer")
    colleague(program, "coordinator.twee", "var", "table-coordinator")
    return program, lambda login: actor(program, login)


def test_whoever_declares_an_interest_sees_nothing_of_the_case_and_colleagues_go_on(team):
    program, who = team
    reference = triaged(program, who("havendam"), who("coordinator"))
    other = triaged(program, who("havendam"), who("coordinator"), a_signal(narrative="Iets anders gezien."))
    # When the submitter finds out that they know somebody in it
    declared(program, who("havendam"), "signal", reference, reason="Buurman van vroeger")
    # Then for them there is no such case: not in a list, not on a page
    lines, _next = use(program, who("havendam"), signals.own_signals)
    assert [line.reference for line in lines] == [other]
    with pytest.raises(Refused) as refused:
        use(program, who("havendam"), signals.consult, reference)
    assert refused.value.reason == "conflict_of_interest"
    # And the colleague reads and withdraws it as before
    assert use(program, who("havendam.twee"), signals.consult, reference).may_withdraw
    assert [entry.object for entry, _details in log(program, "access:refuse")] == [reference]


def test_the_coordinator_who_keeps_away_finds_it_nowhere_at_the_table(team):
    program, who = team
    reference = triaged(program, who("havendam"), who("coordinator"))
    meeting = on_the_agenda(program, who("coordinator.twee"), reference)
    declared(program, who("coordinator"), "signal", reference)
    assert use(program, who("coordinator"), triage.listing).lines == ()
    assert use(program, who("coordinator"), table.agenda, meeting).lines == ()
    for case in (lambda tx: triage.consult(tx, reference), lambda tx: table.consult_item(tx, meeting, reference)):
        with pytest.raises(Refused), transaction(program, who("coordinator")) as tx:
            case(tx)
    assert len(use(program, who("coordinator.twee"), table.agenda, meeting).lines) == 1
    with pytest.raises((Refused, NotFound)), transaction(program, who("coordinator")) as tx:
        table.reorder(tx, meeting, reference, up=True)


def test_nobody_keeps_away_whom_the_case_cannot_do_without(sqlite_program, actor):
    program = sqlite_program
    reference = triaged(program, actor(program, "havendam"), actor(program, "coordinator"))
    for login in ("havendam", "coordinator"):
        with pytest.raises(Conflict) as conflict:
            declared(program, actor(program, login), "signal", reference)
        assert conflict.value.reason == recusals.LAST_ONE
    # The chair can: the coordinator decides too. Then the coordinator's last helper is gone, and nobody sends them away.
    use(
        program,
        actor(program, "coordinator"),
        recusals.declare_for,
        reference,
        _id(program, "voorzitter"),
        interest="other",
    )
    colleague(program, "coordinator.twee", "var", "table-coordinator")
    declared(program, actor(program, "coordinator"), "signal", reference)
    with pytest.raises(Conflict):
        declared(program, actor(program, "coordinator.twee"), "signal", reference)


def test_the_last_two_cannot_both_leave_at_the_same_moment(program, actor):
    reference = triaged(program, actor(program, "havendam"), actor(program, "coordinator"))
    colleague(program, "coordinator.twee", "var", "table-coordinator")
    people = [actor(program, login) for login in ("coordinator", "coordinator.twee")]
    ready, reasons = threading.Barrier(2), []

    def leave(person):
        ready.wait()
        try:
            declared(program, person, "signal", reference)
        except Conflict as conflict:
            reasons.append(conflict.reason)

    threads = [threading.Thread(target=leave, args=(one,)) for one in people]
    [one.start() for one in threads]
    [one.join() for one in threads]
    assert reasons == [recusals.LAST_ONE]


def _id(program, login):
    with reading(program) as session:
        return session.scalars(select(Account.id).where(Account.login == login)).one()


def test_only_another_leader_of_the_table_ends_it_and_says_why(team):
    program, who = team
    reference = triaged(program, who("havendam"), who("coordinator"))
    declared(program, who("coordinator"), "signal", reference, reason="Mijn zus werkt daar")
    (line,) = use(program, who("voorzitter"), recusals.declared_at_tables)
    assert (line.person, line.kind, line.by_self) == (who("coordinator").name, "knows_person", True)
    # The person itself, a partner, and somebody without words cannot
    for login, problem in (("coordinator", Refused), ("avim", Refused)):
        with pytest.raises(problem):
            use(program, who(login), recusals.end, line.id, "Het bleek iemand anders")
    with pytest.raises(UnusableInput):
        use(program, who("voorzitter"), recusals.end, line.id, " ")
    use(program, who("voorzitter"), recusals.end, line.id, "Het bleek iemand anders")
    assert use(program, who("coordinator"), triage.consult, reference).dossier.reference == reference
    with pytest.raises(Conflict):
        use(program, who("voorzitter"), recusals.end, line.id, "Nog eens")
    assert [details["result"] for _entry, details in log(program, "table:recuse")] == ["declared", "ended"]


def test_words_of_an_interest_are_sealed_for_the_own_organisation(team):
    program, who = team
    reference = triaged(program, who("havendam"), who("coordinator"))
    declared(program, who("havendam"), "signal", reference, interest="other", reason="Kanarie van de buren")
    (line,) = use(program, who("voorzitter"), recusals.declared_at_tables)
    assert (line.reason, line.words.en) == ("", "Something else")
    with reading(program) as session:
        assert b"Kanarie" not in session.scalars(select(Recusal.reason_sealed)).one()
    with pytest.raises(UnusableInput):
        declared(program, who("havendam.twee"), "signal", reference, interest="verzonnen")


def test_a_partner_keeps_away_from_a_question_and_a_receiver_from_what_came_in(team):
    program, who = team
    colleague(program, "avim.twee", "avim", "partner-member")
    reference = triaged(program, who("havendam"), who("coordinator"))
    (question,) = asked(program, who("coordinator"), reference, "avim")
    declared(program, who("avim"), "question", question)
    assert use(program, who("avim"), enrich.open_questions).open == ()
    with pytest.raises(Refused):
        use(program, who("avim"), enrich.answer, question, answer="no_hit")
    use(program, who("avim.twee"), enrich.answer, question, answer="hit")
    with pytest.raises((NotFound, Refused)):
        declared(program, who("riec"), "question", question)
    # What a mail is about decides who gets it: the colleague, in place of who keeps away
    assert _told(program, question) == {"avim.twee"}


def _told(program, question):
    with transaction(program, setup.INSTALLER) as tx:
        tx.session.query(Mail).delete()
        mailing.tell(tx, [_id(program, "avim")], "question", task=("question", question))
        tx.session.flush()
        found = tx.session.scalars(select(Account.login).join(Mail, Mail.account_id == Account.id))
        return set(found)


def test_a_second_person_with_an_interest_cannot_agree_and_another_can(team):
    program, who = team
    colleague(program, "delinde.twee", "delinde", "focal-officer")
    draft = a_signal(capacity="care-wgbo", subjects=[a_person(age="minor", age_years=16)])
    reference = submitted(program, who("delinde"), draft)
    made = disclosed(program, who("delinde"), reference, "veilig-thuis", ground="Z3", age="minor").reference
    declared(program, who("fg.delinde"), "disclosure", made)
    assert use(program, who("fg.delinde"), approvals.waiting)[0] == []
    with pytest.raises(Refused) as refused:
        agree(program, who("fg.delinde"), made)
    assert refused.value.reason == "conflict_of_interest"
    assert len(use(program, who("voorzitter"), approvals.waiting)[0]) == 1
    agree(program, who("voorzitter"), made)
    # The receiver's person keeps away too: nothing in the inbox, no duty, and it cannot be accepted by them
    declared(program, who("veiligthuis"), "disclosure", made)
    assert use(program, who("veiligthuis"), referrals.inbox)[0] == []
    assert use(program, who("veiligthuis"), duty_lists.listing)[0] == []
    for case in (referrals.read, referrals.accept):
        with pytest.raises(Refused):
            use(program, who("veiligthuis"), case, made)


def test_a_link_with_a_case_that_somebody_keeps_away_from_is_left_out_on_the_other_side(team):
    program, who = team
    kept = submitted(program, who("havendam"))
    own = submitted(program, who("havendam"))
    (line,) = use(program, who("havendam"), linking.own_links)
    declared(program, who("havendam"), "signal", kept)
    assert use(program, who("havendam"), linking.own_links) == []
    with pytest.raises(Refused):
        use(program, who("havendam"), linking.one_link, line.id)
    with pytest.raises(Refused):
        use(program, who("havendam"), linking.decide, line.id, confirmed=True)
    lines, _next = use(program, who("havendam"), signals.own_signals)
    assert [(one.reference, one.open_links) for one in lines] == [(own, 0)]
    assert len(use(program, who("havendam.twee"), linking.own_links)) == 1


def test_nobody_declares_an_interest_in_what_they_do_not_see(team):
    program, who = team
    reference = triaged(program, who("havendam"), who("coordinator"))
    (question,) = asked(program, who("coordinator"), reference, "avim")
    for login, kind, thing in (
        ("riec", "question", question),
        ("riec", "signal", reference),  # On no agenda yet.
        ("delinde", "signal", reference),
        ("riec", "disclosure", "V-NIETS"),
    ):
        with pytest.raises((NotFound, Refused)):
            declared(program, who(login), kind, thing)
    with pytest.raises((NotFound, Refused)):
        use(program, who("avim"), recusals.declare_for, reference, _id(program, "riec"), interest="other")
