"""What is owed after a disclosure: who owes it, by when, how it is done or put off, and what happens when it is not."""

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import undefer_group

from signaltable import jobs
from signaltable.domain import Conflict, NotFound, Refused, State, UnusableInput
from signaltable.flow import (
    disclosing,
    disclosures,
    duties,
    duty_lists,
    referrals,
    retention,
    reviewing,
    withdrawing,
    work_list,
)
from signaltable.flow.coming_in.proving import confirm_password
from signaltable.flow.moves import move
from signaltable.flow.weighing import MissingEvidence
from signaltable.models import Account, Disclosure, Mail, Signal
from signaltable.transaction import reading, transaction
from tests.conftest import PASSWORD
from tests.disclosure_steps import GIVEN, agree, disclosed, evidence_for, key_for, look
from tests.duty_steps import INFORM, MUNICIPALITY, RECORD, REFERRAL, REVIEW, owing, referred, rows_of
from tests.factories import a_person, a_signal
from tests.table_steps import log, row, submitted, use

TODAY = date(2026, 11, 23)
REASON = "Haar uitbuiter leest mee op haar telefoon; vertellen brengt haar nu in gevaar."
NOT_RIGHT = "Zij kon zelf beslissen en is niet gevraagd; er was geen gevaar dat niet kon wachten."


@pytest.fixture
def region(program):
    """A region whose ground for a referral asks to tell the person, to look back and to tell the municipality."""
    return owing(program, INFORM, REVIEW, MUNICIPALITY, RECORD)


@pytest.fixture
def people(program, actor):
    logins = ("havendam", "fg.havendam", "essm", "voorzitter", "delinde", "fg.delinde", "auditor", "avim")
    return {login: actor(program, login) for login in logins}


@pytest.fixture
def made(region, people, once):
    """A disclosure that the receiver took up; its reference."""
    return once(region, "duties", lambda: referred(region, people["havendam"], people["essm"]).reference)


def stored(program, reference):
    with reading(program) as session:
        found = session.scalars(
            select(Disclosure).where(Disclosure.reference == reference).options(undefer_group("sealed")),
        ).one()
        session.expunge(found)
        return found


def mails(program, template):
    """Who has a mail of this kind, by login, one for each mail."""
    with reading(program) as session:
        query = select(Account.login).join(Mail, Mail.account_id == Account.id).where(Mail.template == template)
        return sorted(session.scalars(query))


def judged(program, who, duty, *, right, motivation=NOT_RIGHT, password=PASSWORD):
    confirmed = confirm_password(program, who, password)
    use(program, who, reviewing.judge, duty, right=right, motivation=motivation, confirmed=confirmed)


# -- arising -----------------------------------------------------------------------------------------------------


def test_each_obligation_of_the_ground_becomes_a_duty_of_whoever_owes_it(region, people, made):
    owed = rows_of(region, made)
    assert {kind: (duty.agency_id, duty.fulfilled_at is not None) for kind, duty in owed.items()} == {
        "inform": ("havendam", False),
        "review": ("havendam", False),
        "inform-municipality": ("havendam", False),
        "record": ("havendam", True),
        "destroy": ("essm", False),
    }
    # Days count to their end in the Netherlands, hours from the moment itself
    assert owed["inform"].due_at == datetime(2026, 12, 21, 22, 59, 59, tzinfo=UTC)
    assert owed["review"].due_at == region.clock() + timedelta(hours=24)
    assert owed["destroy"].due_at is None
    assert owed["record"].result == "logged"


def test_nothing_is_owed_before_a_second_person_agrees(program, people):
    # Given a disclosure on a ground that asks a second person
    who = people["havendam"]
    reference = submitted(program, who, a_signal(subjects=[a_person(age="minor", age_years=14)]))
    waiting = disclosed(program, who, reference, "veilig-thuis", ground="X2", age="minor")
    assert waiting.state == "awaiting_approval"
    assert rows_of(program, waiting.reference) == {}
    # When the privacy officer agrees
    agree(program, people["fg.havendam"], waiting.reference)
    # Then it is owed from that day on
    assert set(rows_of(program, waiting.reference)) >= {"inform", "record", "destroy"}


def test_what_was_put_off_in_the_disclosure_itself_counts(program, people):
    # Given a ground that asks how the person is told, and a dated decision to wait (UAVG 41)
    grounds = program.policy.grounds
    x1 = grounds.find(REFERRAL, TODAY)
    changed = x1.model_copy(update={"obligations": (INFORM,), "conditions": (*x1.conditions, "INFORM")})
    rows = tuple(changed if one.id == REFERRAL else one for one in grounds.rows)
    region = replace(program, policy=replace(program.policy, grounds=replace(grounds, rows=rows)))
    who = people["havendam"]
    reference = submitted(region, who, a_signal(consent=GIVEN))
    page = look(region, who, reference, "essm", ground=REFERRAL)
    codes = [spec.code for spec in page.conditions]
    assert "INFORM" in codes
    given = evidence_for(region, codes, "essm", page.categories, ground=REFERRAL)
    given["INFORM"] = {"how": "postponed", "on": "2026-12-30", "reason": REASON}
    made = disclosed(region, who, reference, "essm", ground=REFERRAL, evidence=given)
    owed = rows_of(region, made.reference)["inform"]
    assert (owed.postponed, owed.due_at) == (1, datetime(2026, 12, 30, 22, 59, 59, tzinfo=UTC))


def test_the_reviewers_hear_at_once_that_a_day_is_short(region, people, made):
    assert {"fg.havendam", "voorzitter"} <= set(mails(region, "review"))
    assert "havendam" not in mails(region, "review")


# -- the list ----------------------------------------------------------------------------------------------------


def test_everybody_sees_what_they_can_do_and_nothing_of_others(region, people, made):
    def kinds(login):
        return [line.kind for line in use(region, people[login], duty_lists.listing)[0]]

    assert kinds("havendam") == ["inform-municipality", "inform"]
    assert kinds("fg.havendam") == ["review", "inform-municipality", "inform"]
    assert kinds("voorzitter") == ["review"]
    assert kinds("essm") == ["destroy"]
    assert kinds("delinde") == kinds("fg.delinde") == []


def test_roles_without_duties_have_no_list(region, people, made):
    for listed in (people["auditor"],):
        assert use(region, listed, duty_lists.listing)[0] == []
        with pytest.raises(Refused):
            use(region, listed, duties.consult, rows_of(region, made)["inform"].id)


def test_what_is_late_stands_first_and_pages_lose_nothing(program, people, clock):
    # Given more duties than fit on a page, some with a date and some that live with their case
    who, dated = people["havendam"], owing(program, INFORM)
    for _number in range(15):
        referred(dated, who)
        clock.forward(days=1)
    bound = owing(program, RECORD)
    late = referred(owing(program, MUNICIPALITY), who).reference
    clock.forward(days=8)
    for _number in range(12):
        referred(bound, who)
    # When the owner turns the pages
    first, following = use(program, who, duty_lists.listing)
    assert following is None
    assert (first[0].disclosure, first[0].overdue) == (late, True)
    assert [line.due_at for line in first] == sorted(line.due_at for line in first)
    # And the receiver too, whose duties have no date
    one, key = use(program, people["essm"], duty_lists.listing)
    two, end = use(program, people["essm"], duty_lists.listing, after=key)
    assert (len(one), len(two), end) == (25, 3, None)
    assert len({line.id for line in (*one, *two)}) == 28


def test_the_work_list_has_what_asks_for_something(region, people, made):
    def count(login):
        return {one.kind: one.count for one in use(region, people[login], work_list.waiting)}.get("duties")

    assert (count("havendam"), count("fg.havendam"), count("voorzitter")) == (2, 3, 1)
    # Erasing when the case ends asks nothing of the receiver today
    assert count("essm") == 0


# -- telling the person ------------------------------------------------------------------------------------------


def test_telling_the_person_is_noted_with_how_and_when(region, people, made, clock):
    duty = rows_of(region, made)["inform"]
    clock.forward(days=3)
    use(region, people["havendam"], duties.fulfil, duty.id, result="interpreter", on=TODAY, note="Met tolk Pools.")
    after = rows_of(region, made)["inform"]
    assert (after.result, after.fulfilled_by) == ("interpreter", people["havendam"].account_id)
    # It was done on the day that was said, not on the day that it was noted
    assert after.fulfilled_at == datetime(2026, 11, 23, 22, 59, 59, tzinfo=UTC)
    assert b"tolk" not in after.note_sealed
    ((entry, details),) = log(region, "duty:fulfil")
    assert (entry.agency, details["kind"], details["result"], details["late"]) == (
        "havendam",
        "inform",
        "interpreter",
        False,
    )
    assert "tolk" not in str(details)
    # The note is for the own organisation; others see that it was done
    sent = use(region, people["havendam"], disclosures.read_own, made)
    assert next(one.text for one in sent.duties if one.kind == "inform") == "Met tolk Pools."
    account = use(region, people["auditor"], disclosures.disclosure_account, made)
    told = next(one for one in account.duties if one.kind == "inform")
    assert (told.text, told.result, told.late) == ("", "interpreter", False)


def test_two_notes_with_the_same_words_have_different_digests_in_the_log(region, people):
    for _number in range(2):
        duty = rows_of(region, referred(region, people["havendam"]).reference)["inform"]
        use(region, people["havendam"], duties.fulfil, duty.id, result="letter", on=TODAY, note="Met tolk Pools.")
    first, second = (details["motivation_hash"] for _entry, details in log(region, "duty:fulfil"))
    assert first != second


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ({"result": "in_person", "on": None}, "on"),
        ({"result": "in_person", "on": TODAY + timedelta(days=1)}, "on"),
        ({"result": "in_person", "on": TODAY - timedelta(days=1)}, "on"),
        ({"result": "destroyed", "on": TODAY}, "result"),
        ({"result": "other", "on": TODAY, "note": "via via"}, "note"),
        ({"result": "letter", "on": TODAY, "note": "Haar nummer is 111222333."}, "note"),
        ({"result": "letter", "on": TODAY, "note": "x" * 2001}, "note"),
    ],
    ids=["no-day", "not-yet", "before-it-went", "of-another-kind", "unexplained", "bsn", "too-long"],
)
def test_an_answer_that_cannot_be_used_changes_nothing(region, people, made, answer, place):
    duty = rows_of(region, made)["inform"]
    with pytest.raises(UnusableInput) as problem:
        use(region, people["havendam"], duties.fulfil, duty.id, **answer)
    assert set(problem.value.problems) == {place}
    assert rows_of(region, made)["inform"].fulfilled_at is None
    assert not log(region, "duty:fulfil")


@pytest.mark.parametrize("login", ["essm", "delinde", "fg.delinde", "avim"])
def test_another_agency_fulfils_nothing_and_that_is_recorded(region, people, made, login):
    duty = rows_of(region, made)["inform"]
    for attempt in (
        lambda: use(region, people[login], duties.fulfil, duty.id, result="letter", on=TODAY),
        lambda: use(region, people[login], duties.postpone, duty.id, until=TODAY, reason=REASON),
        lambda: use(region, people[login], duties.consult, duty.id),
    ):
        with pytest.raises(Refused) as refusal:
            attempt()
        assert refusal.value.reason == "other_agency"
    assert [entry.outcome for entry, _details in log(region, "access:refuse")] == ["refused"] * 3
    assert rows_of(region, made)["inform"].fulfilled_at is None


def test_a_second_answer_finds_it_done(region, people, made):
    duty = rows_of(region, made)["inform"]
    use(region, people["havendam"], duties.fulfil, duty.id, result="letter", on=TODAY)
    for again in (
        lambda: use(region, people["fg.havendam"], duties.fulfil, duty.id, result="phone", on=TODAY),
        lambda: use(region, people["havendam"], duties.postpone, duty.id, until=TODAY, reason=REASON),
    ):
        with pytest.raises(Conflict) as conflict:
            again()
        assert conflict.value.reason == "done"
    assert len(log(region, "duty:fulfil")) == 1


def test_of_two_at_the_same_moment_one_is_noted(region, people, made):
    duty, outcomes = rows_of(region, made)["inform"], []

    def press():
        try:
            use(region, people["havendam"], duties.fulfil, duty.id, result="letter", on=TODAY)
            outcomes.append("noted")
        except Conflict as conflict:
            outcomes.append(conflict.reason)

    both = [threading.Thread(target=press) for _number in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(outcomes) == ["done", "noted"]
    assert len(log(region, "duty:fulfil")) == 1


# -- putting off -------------------------------------------------------------------------------------------------


def test_telling_can_be_put_off_two_weeks_at_a_time_and_is_counted(region, people, made, clock):
    who, duty = people["havendam"], rows_of(region, made)["inform"]
    clock.forward(days=20)
    use(region, who, duties.postpone, duty.id, until=date(2027, 1, 4), reason=REASON)
    clock.forward(days=20)
    use(region, who, duties.postpone, duty.id, until=date(2027, 1, 10), reason=REASON)
    after = rows_of(region, made)["inform"]
    assert (after.postponed, after.due_at) == (2, datetime(2027, 1, 10, 22, 59, 59, tzinfo=UTC))
    (_first, first), (_second, second) = log(region, "duty:postpone")
    assert (
        second["previous_due_at"] == first["due_at"] == datetime(2027, 1, 4, 22, 59, 59, tzinfo=UTC).timestamp() * 1000
    )
    assert first["motivation_hash"] != second["motivation_hash"]
    assert "uitbuiter" not in str((first, second))
    # The reasons stay with the agency that weighed them
    told = use(region, who, duties.consult, duty.id).status.postponements
    assert [(one.until, one.reason) for one in told] == [(date(2027, 1, 4), REASON), (date(2027, 1, 10), REASON)]
    account = use(region, people["auditor"], disclosures.disclosure_account, made)
    assert next(one for one in account.duties if one.kind == "inform").postponements == ()


@pytest.mark.parametrize(
    ("until", "reason", "place"),
    [
        (date(2027, 1, 5), REASON, "until"),
        (date(2026, 12, 21), REASON, "until"),
        (date(2026, 12, 1), REASON, "until"),
        (None, REASON, "until"),
        (date(2027, 1, 4), "Nu niet handig.", "reason"),
        (date(2027, 1, 4), "  ", "reason"),
        (date(2027, 1, 4), f"{REASON} BSN 111222333.", "reason"),
    ],
    ids=["over-two-weeks", "no-later", "past", "no-day", "too-short", "empty", "bsn"],
)
def test_the_limits_of_putting_off(region, people, made, clock, until, reason, place):
    # Given a day on which the term of four weeks is nearly over: 21 December
    duty = rows_of(region, made)["inform"]
    clock.forward(days=20)
    with pytest.raises(UnusableInput) as problem:
        use(region, people["havendam"], duties.postpone, duty.id, until=until, reason=reason)
    assert set(problem.value.problems) == {place}
    assert rows_of(region, made)["inform"].postponed == 0


def test_nobody_puts_off_in_advance_for_months(region, people, made):
    # Given the first day of the term
    duty = rows_of(region, made)["inform"]
    assert use(region, people["havendam"], duties.consult, duty.id).from_day == date(2026, 12, 7)
    with pytest.raises(Conflict) as conflict:
        use(region, people["havendam"], duties.postpone, duty.id, until=date(2027, 1, 4), reason=REASON)
    assert conflict.value.reason == "not_postponed"


def test_what_is_late_can_be_put_off_from_today(region, people, made, clock):
    duty = rows_of(region, made)["inform"]
    clock.forward(days=60)
    with pytest.raises(UnusableInput):
        use(region, people["havendam"], duties.postpone, duty.id, until=date(2027, 2, 6), reason=REASON)
    use(region, people["havendam"], duties.postpone, duty.id, until=date(2027, 2, 5), reason=REASON)
    assert rows_of(region, made)["inform"].postponed == 1


@pytest.mark.parametrize("kind", ["inform-municipality", "destroy", "record"])
def test_only_telling_the_person_can_be_put_off(region, people, made, clock, kind):
    duty = rows_of(region, made)[kind]
    clock.forward(days=6)
    who = people["essm" if kind == "destroy" else "havendam"]
    with pytest.raises(Conflict):
        use(region, who, duties.postpone, duty.id, until=date(2026, 12, 10), reason=REASON)


# -- looking back ------------------------------------------------------------------------------------------------


def test_somebody_else_with_another_role_looks_back(region, people, made):
    duty = rows_of(region, made)["review"]
    shown = use(region, people["fg.havendam"], reviewing.consult, duty.id)
    assert shown.about.requester_role == "focal-officer"
    assert "NEC" in {spec.code for spec, _given in shown.about.evidence}
    judged(region, people["fg.havendam"], duty.id, right=True, motivation="Er was gevaar en zij was niet bereikbaar.")
    after = rows_of(region, made)
    assert (after["review"].result, after["review"].fulfilled_by) == ("right", people["fg.havendam"].account_id)
    assert "put-right" not in after
    ((_entry, details),) = log(region, "duty:fulfil")
    assert (details["requester"], details["late"]) == (people["havendam"].account_id, False)


def test_who_made_it_does_not_look_back(region, people, made):
    # Given the person who made it, with every right there is
    duty = rows_of(region, made)["review"]
    maker = people["havendam"]
    able = replace(maker, permissions=people["fg.havendam"].permissions | maker.permissions)
    with pytest.raises(Refused) as refusal:
        use(region, able, reviewing.consult, duty.id)
    assert refusal.value.reason == "own_request"
    # And a colleague in the same role
    twin = replace(people["fg.havendam"], roles=maker.roles)
    with pytest.raises(Refused) as refusal:
        judged(region, twin, duty.id, right=True)
    assert refusal.value.reason == "same_role"
    # And everybody without the right, also at the same organisation, and the receiver
    for login, reason in (("havendam", "no_permission"), ("essm", "no_permission"), ("fg.delinde", "other_table")):
        with pytest.raises(Refused) as refusal:
            use(region, people[login], reviewing.consult, duty.id)
        assert refusal.value.reason == reason
    assert rows_of(region, made)["review"].fulfilled_at is None


def test_who_agreed_before_does_not_look_back_after(program, people):
    # Given a region where a disclosure needs a second person and a look back as well
    grounds = program.policy.grounds
    x1 = grounds.find(REFERRAL, TODAY)
    changed = x1.model_copy(update={"obligations": (REVIEW,), "conditions": (*x1.conditions, "DUAL")})
    rows = tuple(changed if one.id == REFERRAL else one for one in grounds.rows)
    region = replace(program, policy=replace(program.policy, grounds=replace(grounds, rows=rows)))
    made = referred(region, people["havendam"])
    agree(region, people["fg.havendam"], made.reference)
    duty = rows_of(region, made.reference)["review"]
    assert use(region, people["fg.havendam"], duty_lists.listing)[0] == []
    with pytest.raises(Refused) as refusal:
        judged(region, people["fg.havendam"], duty.id, right=True)
    assert refusal.value.reason == "own_request"
    # The chair of the table can
    judged(region, people["voorzitter"], duty.id, right=True)


def test_an_open_screen_judges_nothing(region, people, made):
    duty = rows_of(region, made)["review"]
    with pytest.raises(Refused) as refusal:
        judged(region, people["fg.havendam"], duty.id, right=True, password="niet het goede wachtwoord")
    assert refusal.value.reason == "wrong_credentials"
    # Somebody else's confirmation does not count either
    confirmed = confirm_password(region, people["havendam"], PASSWORD)
    with pytest.raises(Refused):
        use(
            region,
            people["fg.havendam"],
            reviewing.judge,
            duty.id,
            right=True,
            motivation=NOT_RIGHT,
            confirmed=confirmed,
        )
    assert rows_of(region, made)["review"].fulfilled_at is None


def test_not_right_leads_somewhere(region, people, made):
    # When the chair finds that it was not right
    duty = rows_of(region, made)["review"]
    judged(region, people["voorzitter"], duty.id, right=False)
    # Then who made it and the privacy officer hear so, and read why at the disclosure
    assert mails(region, "review-not-right") == ["fg.havendam", "havendam"]
    sent = use(region, people["havendam"], disclosures.read_own, made)
    assert next(one for one in sent.duties if one.result == "not_right").text == NOT_RIGHT
    # And the provider has three days to put it right
    open_now = rows_of(region, made)["put-right"]
    assert (open_now.agency_id, open_now.due_at) == ("havendam", datetime(2026, 11, 26, 22, 59, 59, tzinfo=UTC))
    # When the receiver is asked to erase
    use(region, people["havendam"], duties.fulfil, open_now.id, result="recalled", on=TODAY)
    # Then that is a task of the receiver, with a mail
    recall = rows_of(region, made)["recall"]
    assert (recall.agency_id, recall.fulfilled_at) == ("essm", None)
    assert mails(region, "recall") == ["essm"]


def test_a_judgement_without_reason_is_none(region, people, made):
    duty = rows_of(region, made)["review"]
    for motivation in ("", "Klopt."):
        with pytest.raises(UnusableInput) as problem:
            judged(region, people["fg.havendam"], duty.id, right=True, motivation=motivation)
        assert set(problem.value.problems) == {"motivation"}


def test_to_leave_it_asks_an_explanation(region, people, made):
    judged(region, people["fg.havendam"], rows_of(region, made)["review"].id, right=False)
    duty = rows_of(region, made)["put-right"]
    with pytest.raises(UnusableInput):
        use(region, people["havendam"], duties.fulfil, duty.id, result="left", on=TODAY)
    use(
        region,
        people["havendam"],
        duties.fulfil,
        duty.id,
        result="left",
        on=TODAY,
        note="De ontvanger wist dit al van haar.",
    )
    assert "recall" not in rows_of(region, made)


# -- erasing -----------------------------------------------------------------------------------------------------


def test_the_receiver_erases_and_the_copy_is_gone_for_everybody(region, people, made):
    duty = rows_of(region, made)["destroy"]
    assert stored(region, made).payload_recipient
    use(region, people["essm"], duties.fulfil, duty.id, result="destroyed", on=TODAY)
    assert stored(region, made).payload_recipient == b""
    assert stored(region, made).payload_provider  # The provider's own record of what it gave stays with the case.
    page = use(region, people["essm"], referrals.read, made)
    assert page.content is None
    assert page.destroyed_at is not None
    entry, details = log(region, "retention:erase")[-1]
    assert (entry.agency, details["rule"], details["objects"]) == ("essm", "receiver", [made])
    # The receiver's entry does not tell by which name the provider knows the case
    assert "signal" not in log(region, "duty:fulfil")[-1][1]
    # Feedback stays possible, without anything left to mask
    use(region, people["essm"], referrals.feed_back, made, result="help_offered", text="Zij is geholpen.")


def test_who_has_not_answered_yet_gives_it_back_instead(region, people):
    made = referred(region, people["havendam"]).reference
    duty = rows_of(region, made)["destroy"]
    with pytest.raises(Conflict) as conflict:
        use(region, people["essm"], duties.fulfil, duty.id, result="destroyed", on=TODAY)
    assert conflict.value.reason == "not_answered"
    use(region, people["essm"], referrals.give_back, made, cause="no_room", text="Er is nu geen plaats.")
    after = rows_of(region, made)
    assert (after["destroy"].result, after["inform"].fulfilled_at) == ("returned", None)


def test_with_a_term_of_its_own_erasing_has_a_day_and_then_counts(program, people, clock):
    region = owing(program, RECORD, retention="P180D")
    made = referred(region, people["havendam"], people["essm"]).reference
    assert rows_of(region, made)["destroy"].due_at == datetime(2027, 5, 22, 21, 59, 59, tzinfo=UTC)
    clock.forward(days=181)
    assert {one.kind: one.count for one in use(region, people["essm"], work_list.waiting)}["duties"] == 1


# -- consent that is taken back ----------------------------------------------------------------------------------


def test_withdrawn_consent_stops_what_follows_and_tells_the_receiver(region, people, made, clock):
    clock.forward(days=2)
    told = use(region, people["havendam"], withdrawing.withdraw, made, on=date(2026, 11, 25), everywhere=False)
    assert told == 1
    task = rows_of(region, made)["consent-withdrawn"]
    assert (task.agency_id, task.due_at) == ("essm", datetime(2026, 12, 2, 22, 59, 59, tzinfo=UTC))
    assert mails(region, "consent-withdrawn") == ["essm"]
    ((entry, details),) = log(region, "consent:withdraw")
    assert (entry.agency, details["recipients_told"]) == ("havendam", ["essm"])
    assert use(region, people["essm"], referrals.read, made).withdrawn_on == date(2026, 11, 25)
    # Given the receiver gives the case back, so that the same disclosure could be made again
    use(region, people["essm"], duties.fulfil, task.id, result="destroyed", on=date(2026, 11, 25))
    assert stored(region, made).payload_recipient == b""
    assert rows_of(region, made)["destroy"].result == "destroyed"


def test_no_new_disclosure_rests_on_consent_that_was_taken_back(region, people, clock):
    # Given a disclosure that came back, whose consent was then taken back
    who, signal = people["havendam"], submitted(region, people["havendam"], a_signal(consent=GIVEN))
    made = disclosed(region, who, signal, "essm", ground=REFERRAL).reference
    use(region, people["essm"], referrals.give_back, made, cause="no_room", text="Er is nu geen plaats.")
    clock.forward(days=1)
    use(region, who, withdrawing.withdraw, made, on=date(2026, 11, 24), everywhere=False)
    assert mails(region, "consent-withdrawn") == []  # The receiver holds nothing any more.
    # When the owner tries again with the old consent
    page = look(region, who, signal, "essm", ground=REFERRAL)
    assert page.prefill == {}
    codes = [spec.code for spec in page.conditions]
    given = evidence_for(region, codes, "essm", page.categories, ground=REFERRAL)
    for day, refused in (("2026-11-20", True), ("2026-11-24", True)):
        given["EXPLICIT_CONSENT"] = {**given["EXPLICIT_CONSENT"], "given_on": day}
        shown = look(region, who, signal, "essm", ground=REFERRAL, evidence=given)
        assert [found.code for found in shown.missing] == (["EXPLICIT_CONSENT"] if refused else [])
        with pytest.raises(MissingEvidence):
            disclosed(region, who, signal, "essm", ground=REFERRAL, evidence=given)
    # Then only consent of a later day counts
    clock.forward(days=1)
    given["EXPLICIT_CONSENT"] = {**given["EXPLICIT_CONSENT"], "given_on": "2026-11-25"}
    assert disclosed(region, who, signal, "essm", ground=REFERRAL, evidence=given).state == "disclosed"


def test_withdrawn_for_everybody_reaches_every_receiver_and_what_still_waits(program, people):
    # Given one disclosure that went and one that waits for a second person, both on consent
    who = people["havendam"]
    signal = submitted(program, who, a_signal(consent=GIVEN))
    went = disclosed(program, who, signal, "essm", ground="X1").reference
    grounds = program.policy.grounds
    x8 = grounds.find("X8", TODAY).model_copy(update={"conditions": ("EXPLICIT_CONSENT", "NEC", "DUAL")})
    rows = tuple(x8 if one.id == "X8" else one for one in grounds.rows)
    stricter = replace(program, policy=replace(program.policy, grounds=replace(grounds, rows=rows)))
    waits = disclosed(stricter, who, signal, "nla", ground="X8").reference
    assert stored(program, waits).state == "awaiting_approval"
    # When the person takes back all consent
    assert use(program, who, withdrawing.withdraw, went, on=TODAY, everywhere=True) == 1
    # Then what waited has ended, and the signal does not say any more that the person agrees
    assert stored(program, waits).state == "rejected"
    assert (row(program, signal).consent["status"], row(program, signal).facts["victim_consent"]) == (
        "refused",
        "refused",
    )
    with pytest.raises((Conflict, NotFound)):
        agree(stricter, people["fg.havendam"], waits)
    assert [details["disclosure"] for _entry, details in log(program, "consent:withdraw")] == sorted([went, waits])
    # And a receiver who never had anything gets nothing on that consent either
    page = look(program, who, signal, "fairwork")
    assert page.prefill == {}


def test_withdrawing_is_for_the_owner_and_for_what_rests_on_consent(region, people, made):
    for login in ("essm", "delinde", "fg.havendam"):
        with pytest.raises(Refused):
            use(region, people[login], withdrawing.withdraw, made, on=TODAY, everywhere=False)
    for day in (None, TODAY + timedelta(days=1), date(2026, 10, 1)):
        with pytest.raises(UnusableInput):
            use(region, people["havendam"], withdrawing.withdraw, made, on=day, everywhere=False)
    use(region, people["havendam"], withdrawing.withdraw, made, on=TODAY, everywhere=False)
    with pytest.raises(Conflict):
        use(region, people["havendam"], withdrawing.withdraw, made, on=TODAY, everywhere=False)
    assert len(log(region, "consent:withdraw")) == 1
    # A disclosure without consent cannot lose it
    minor = submitted(region, people["havendam"], a_signal(subjects=[a_person(age="minor", age_years=14)]))
    other = disclosed(region, people["havendam"], minor, "veilig-thuis", ground="G4", age="minor").reference
    assert stored(region, other).state == "disclosed"
    with pytest.raises(Conflict) as conflict:
        use(region, people["havendam"], withdrawing.withdraw, other, on=TODAY, everywhere=False)
    assert conflict.value.reason == "no_consent"


def test_the_receiver_may_keep_on_a_ground_of_its_own_and_says_which(region, people, made):
    use(region, people["havendam"], withdrawing.withdraw, made, on=TODAY, everywhere=False)
    task = rows_of(region, made)["consent-withdrawn"]
    with pytest.raises(UnusableInput):
        use(region, people["essm"], duties.fulfil, task.id, result="kept_own_ground", on=TODAY)
    note = "Zij is onze cliënt; ons dossier rust op de behandelovereenkomst."
    use(region, people["essm"], duties.fulfil, task.id, result="kept_own_ground", on=TODAY, note=note)
    assert stored(region, made).payload_recipient
    assert rows_of(region, made)["destroy"].fulfilled_at is None
    # The provider sees that, and not the words
    sent = use(region, people["havendam"], disclosures.read_own, made)
    kept = next(one for one in sent.duties if one.kind == "consent-withdrawn")
    assert (kept.result, kept.text) == ("kept_own_ground", "")


# -- what time does ----------------------------------------------------------------------------------------------


def test_who_is_late_hears_so_once_for_each_duty(region, people, made, clock):
    assert jobs.run_overdue(region) == ""
    clock.forward(hours=25)
    jobs.run_overdue(region)
    assert set(mails(region, "duty-overdue")) == {"fg.havendam", "voorzitter"}
    ((entry, details),) = log(region, "deadline:overdue")
    assert (entry.actor, details["rule"], details["count"], details["objects"]) == ("jobs", "duty", 1, [made])
    # The next hour nobody hears it again
    clock.forward(hours=1)
    jobs.run_overdue(region)
    assert len(log(region, "deadline:overdue")) == 1
    # A week later another duty of the same disclosure is late
    clock.forward(days=7)
    jobs.run_overdue(region)
    told = mails(region, "duty-overdue")
    assert "havendam" in told
    assert "essm" not in told
    # And what was put off and is late again, is told again
    clock.forward(days=22)
    jobs.run_overdue(region)
    duty = rows_of(region, made)["inform"]
    before = len([one for one in mails(region, "duty-overdue") if one == "havendam"])
    use(region, people["havendam"], duties.postpone, duty.id, until=date(2027, 1, 5), reason=REASON)
    clock.forward(days=30)
    jobs.run_overdue(region)
    assert len([one for one in mails(region, "duty-overdue") if one == "havendam"]) == before + 1


def test_what_is_done_is_never_late(region, people, made, clock):
    for kind in ("inform", "inform-municipality"):
        result = {"inform": "letter", "inform-municipality": "informed"}[kind]
        use(region, people["havendam"], duties.fulfil, rows_of(region, made)[kind].id, result=result, on=TODAY)
    judged(region, people["fg.havendam"], rows_of(region, made)["review"].id, right=True)
    clock.forward(days=100)
    jobs.run_overdue(region)
    assert mails(region, "duty-overdue") == []


def test_at_the_end_of_the_term_the_words_are_gone_and_nobody_owes_anything(region, people, made, clock):
    # Given a closed case with a reason and a note
    clock.forward(days=20)
    duty = rows_of(region, made)["inform"]
    use(region, people["havendam"], duties.postpone, duty.id, until=date(2027, 1, 4), reason=REASON)
    reference = use(region, people["havendam"], disclosures.read_own, made).signal
    with transaction(region, people["havendam"]) as tx:
        signal = tx.session.scalars(select(Signal).where(Signal.reference == reference)).one()
        move(tx, signal, State.CLOSED)
        tx.record(
            "signal:close", object_type="signal", object_id=reference, details={"signal": reference, "result": "x"}
        )
    # When its term is over
    clock.forward(days=3 * 366)
    assert retention.sweep(region, jobs.JOBS).signals == 1
    # Then no word is left, what was not done is said to be so, and the receiver's copy went too
    after = rows_of(region, made)
    assert {duty.note_sealed for duty in after.values()} == {b""}
    assert (after["inform"].result, after["destroy"].result, after["record"].result) == (
        "ended",
        "by_program",
        "logged",
    )
    assert use(region, people["havendam"], duty_lists.listing)[0] == []
    jobs.run_overdue(region)
    assert mails(region, "duty-overdue") == []


# -- refusals that help ------------------------------------------------------------------------------------------


def test_a_refusal_says_what_came_near_and_where_it_falls_short(program, people):
    # Given a perpetrator whom nothing allows to pass to the care coordinator
    who = people["havendam"]
    perpetrator = a_person(role="possible_perpetrator", gender="man")
    reference = submitted(program, who, a_signal(consent=GIVEN, subjects=[a_person(), perpetrator]))
    page = look(program, who, reference, "essm", chosen=[2])
    assert page.option is None
    # Then the grounds for a victim came near, and the person is what does not fit
    near = {one.ground.id: one for one in page.refusal.near}
    assert near["X1"].off == ("person",)
    assert "EXPLICIT_CONSENT" in near["X1"].conditions
    assert {advice.code for advice in page.refusal.instead} >= {"call_112", "ask_privacy_officer"}
    assert page.refusal.officers
    # And the log has the same, in codes
    _entry, details = log(program, "disclosure:refuse")[-1]
    assert details["near"] == [one for one in details["near"] if one in near]
    assert "X1" in details["near"]
    assert details["missing"] == []


def test_outside_the_demo_an_unreviewed_ground_came_near_and_says_why_it_does_not_count(program, people):
    real = replace(program, settings=replace(program.settings, mode="production"))
    reference = submitted(real, people["havendam"], a_signal(consent=GIVEN))
    page = look(real, people["havendam"], reference, "essm")
    assert page.option is None
    assert {reason.code for reason in page.refusal.reasons} >= {"not_reviewed"}
    fitting = next(one for one in page.refusal.near if one.ground.id == "X1")
    assert fitting.off == ()
    assert "jurist" in fitting.why.nl
    # And disclosing on it is refused, whatever the form says
    key = key_for(real, people["havendam"], reference, "essm")
    with pytest.raises(Refused):
        use(
            real,
            people["havendam"],
            disclosing.disclose,
            reference,
            key,
            ground="X1",
            chosen=[1],
            evidence={},
            seen=page.seen,
        )
    assert not log(real, "signal:disclose")
