"""Taking back: everybody who got it is asked to erase it, also further on, and the owner sees who did not answer."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import select

from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import (
    choices,
    disclosing,
    disclosures,
    duties,
    feedbacks,
    holders,
    referrals,
    retention,
    revoking,
    withdrawing,
)
from signaltable.models import Account, Disclosure, Duty, Mail, Signal
from signaltable.transaction import reading, transaction
from tests.disclosure_steps import GIVEN, agree, disclosed
from tests.duty_steps import rows_of
from tests.factories import a_signal
from tests.flow.test_transfers import SHELTER, prepared, stored
from tests.table_steps import log, row, submitted, use
from tests.transfer_steps import given, made_once  # noqa: F401 -- a fixture

WHY = "Het ging om een andere persoon met dezelfde naam."


def taken_back(program, who, reference, cause="wrong_data"):
    return use(program, who, revoking.revoke, reference, cause=cause, motivation=WHY)


def seen(program, who, signal):
    """What the owner sees of who has what."""
    with transaction(program, who) as tx:
        found = holders.of_signal(tx, tx.session.scalars(select(Signal).where(Signal.reference == signal)).one())
        tx.record("signal:consult", object_type="signal", object_id=signal, details={"signal": signal})
        return found


def test_taking_back_asks_every_holder_and_shows_who_answered(sqlite_program, actor, clock):
    program, owner = sqlite_program, actor(sqlite_program, "havendam")
    essm, opvang = actor(program, "essm"), actor(program, "opvang")
    signal, parent = given(program, actor)
    child = disclosed(program, essm, parent, SHELTER).reference
    use(program, opvang, referrals.accept, child)
    done = taken_back(program, owner, parent)
    assert (done.was, done.asked) == ("accepted", 2)
    assert [stored(program, one).state for one in (parent, child)] == ["revoked", "revoked"]
    assert [stored(program, one).revoked_for for one in (parent, child)] == ["wrong_data", "parent"]
    assert [line.state for line in seen(program, owner, signal).lines] == ["asked", "asked"]
    for who, reference in ((essm, parent), (opvang, child)):
        got = use(program, who, referrals.read, reference)
        assert got.content is None
        assert got.revoked_at is not None
    use(program, opvang, duties.fulfil, rows_of(program, child)["recall"].id, result="destroyed", on=clock().date())
    assert [line.state for line in seen(program, owner, signal).lines] == ["asked", "erased"]
    clock.forward(days=8)
    lines = seen(program, owner, signal).lines
    assert [line.late for line in lines] == [True, False]
    # The motivation is for the own agency; the receivers hear a cause.
    assert use(program, owner, disclosures.read_own, parent).revoked_words == WHY
    assert WHY not in str([use(program, essm, referrals.read, parent), use(program, opvang, referrals.read, child)])
    entry, details = log(program, "disclosure:revoke")[0]
    assert (entry.object, details["count"], details["cause"]) == (parent, 2, "wrong_data")
    assert WHY not in str(details)


def test_the_signal_is_with_its_owner_again(sqlite_program, actor):
    program, owner = sqlite_program, actor(sqlite_program, "havendam")
    signal, parent = given(program, actor)
    taken_back(program, owner, parent)
    assert row(program, signal).state == "returned"
    # It can be disclosed anew.
    assert disclosed(program, owner, signal, "essm", ground="X1").reference != parent
    assert row(program, signal).state == "referred"


def test_another_receiver_of_the_owner_keeps_the_signal_where_it_is(sqlite_program, actor):
    program, owner = sqlite_program, actor(sqlite_program, "havendam")
    signal, parent = given(program, actor)
    disclosed(program, owner, signal, "comensha")
    taken_back(program, owner, parent)
    assert row(program, signal).state == "referred"


def test_who_keeps_it_on_a_ground_of_its_own_says_why_and_reads_it_again(sqlite_program, actor, clock):
    program, owner, essm = sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "essm")
    signal, parent = given(program, actor)
    taken_back(program, owner, parent)
    duty = rows_of(program, parent)["recall"].id
    with pytest.raises(UnusableInput):
        use(program, essm, duties.fulfil, duty, result="kept_own_ground", on=clock().date())
    words = "Wij zijn zelf verplicht dit dossier te bewaren."
    use(program, essm, duties.fulfil, duty, result="kept_own_ground", on=clock().date(), note=words)
    assert "Zorinka" in str(use(program, essm, referrals.read, parent).content)
    (line,) = seen(program, owner, signal).lines
    assert line.state == "kept"
    # Kept is not taken up: it goes no further from here.
    assert use(program, essm, choices.choose, parent).hindrance == "revoked"
    assert words not in str(use(program, owner, disclosures.read_own, parent))


def test_a_request_that_waits_for_a_second_person_is_withdrawn(sqlite_program, actor):
    program, owner, essm = sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "essm")
    signal, parent = given(program, actor)
    made = disclosed(program, essm, parent, "avim", purpose="P6")
    assert made.state == "awaiting_approval"
    # What waits is nobody's business but that of who asked.
    assert len(seen(program, owner, signal).lines) == 1
    assert taken_back(program, essm, made.reference) == revoking.Revoked("awaiting_approval", 0)
    assert stored(program, made.reference).state == "rejected"
    assert rows_of(program, made.reference) == {}


def test_what_waits_ends_when_what_it_comes_from_is_taken_back(sqlite_program, actor):
    program, owner, essm = sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    made = disclosed(program, essm, parent, "avim", purpose="P6").reference
    assert taken_back(program, owner, parent).asked == 1
    assert stored(program, made).state == "rejected"
    with pytest.raises((Conflict, NotFound)):
        agree(program, actor(program, "voorzitter"), made)


def test_a_cause_of_the_list_and_words_are_needed(sqlite_program, actor):
    program = sqlite_program
    _signal, parent = given(program, actor)
    for cause, motivation, where in (
        ("parent", WHY, "cause"),
        ("zomaar", WHY, "cause"),
        ("other", "", "motivation"),
        ("other", "kort", "motivation"),
    ):
        with pytest.raises(UnusableInput) as problem:
            use(program, actor(program, "havendam"), revoking.revoke, parent, cause=cause, motivation=motivation)
        assert list(problem.value.problems) == [where]
    assert stored(program, parent).state == "accepted"


def test_only_its_provider_takes_it_back_and_only_once(sqlite_program, actor):
    program, owner, essm = sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    child = disclosed(program, essm, parent, SHELTER).reference
    for who, reference in ((essm, parent), (owner, child), (actor(program, "delinde"), parent)):
        with pytest.raises(Refused):
            taken_back(program, who, reference)
    taken_back(program, essm, child)
    with pytest.raises(Conflict) as conflict:
        taken_back(program, essm, child)
    assert conflict.value.reason == "revoked"
    # What was taken back further on before is not asked for twice.
    assert taken_back(program, owner, parent).asked == 1


def test_after_taking_back_nobody_answers_it_any_more(sqlite_program, actor):
    program, owner, essm = sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "essm")
    _signal, parent = given(program, actor, accept=False)
    taken_back(program, owner, parent, "wrong_recipient")
    for case, options in (
        (referrals.accept, {}),
        (referrals.give_back, {"cause": "other", "text": "Toch niet voor ons."}),
        (referrals.feed_back, {"result": "taken_up"}),
    ):
        with pytest.raises(Conflict) as conflict:
            use(program, essm, case, parent, **options)
        assert conflict.value.reason == "revoked"


def test_withdrawn_consent_reaches_those_to_whom_it_was_passed_on(sqlite_program, actor, clock):
    program, owner, essm = sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    child = disclosed(program, essm, parent, SHELTER).reference
    use(program, actor(program, "opvang"), referrals.accept, child)
    other = disclosed(program, actor(program, "opvang"), child, "fairwork").reference
    use(program, owner, withdrawing.withdraw, parent, on=clock().date(), everywhere=False)
    assert rows_of(program, parent)["consent-withdrawn"].fulfilled_at is None
    assert rows_of(program, child)["recall"].agency_id == "opvang"
    assert rows_of(program, other)["recall"].agency_id == "fairwork"
    assert use(program, essm, choices.choose, parent).hindrance == "consent_withdrawn"


def test_the_pages_outlive_the_signal(sqlite_program, actor, clock):
    program, owner, essm = sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "essm")
    signal, parent = given(program, actor)
    child = disclosed(program, essm, parent, SHELTER).reference
    use(program, actor(program, "opvang"), referrals.accept, child)
    use(program, actor(program, "opvang"), referrals.feed_back, child, result="help_offered", text="Er is een plek.")
    taken_back(program, owner, parent)
    with reading(program) as session:
        signal_id = session.scalars(select(Signal.id).where(Signal.reference == signal)).one()
    with transaction(program, replace(owner, channel="cli")) as tx:
        retention.forget(tx, tx.session.get_one(Signal, signal_id), "case")
    assert [line.state for line in seen(program, owner, signal).lines] == ["erased", "erased"]
    assert use(program, owner, disclosures.read_own, parent).revoked_words == ""
    assert use(program, essm, disclosures.read_own, child).feedbacks[0].words == ""
    assert use(program, essm, referrals.read, parent).content is None
    assert use(program, actor(program, "opvang"), referrals.read, child).content is None


# -- feedback ---------------------------------------------------------------------------------------------------------


def test_each_feedback_stays_and_a_last_one_ends_the_wait(sqlite_program, actor, clock):
    program, owner, essm = sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    first = stored(program, parent).feedback_due_on
    assert first is not None
    clock.forward(days=3)
    use(program, essm, referrals.feed_back, parent, result="taken_up", text="Wij bellen morgen.")
    assert stored(program, parent).feedback_due_on > first
    clock.forward(days=3)
    use(program, essm, referrals.feed_back, parent, result="help_offered")
    assert stored(program, parent).feedback_due_on is None
    told = use(program, owner, disclosures.read_own, parent).feedbacks
    assert [(one.result, one.words) for one in told] == [("help_offered", ""), ("taken_up", "Wij bellen morgen.")]


def test_police_tells_a_category_and_no_words(sqlite_program, actor):
    program, owner, avim = sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "avim")
    signal = submitted(program, owner, a_signal(consent=GIVEN))
    parent = disclosed(program, owner, signal, "essm", ground="X1").reference
    use(program, actor(program, "essm"), referrals.accept, parent)
    child = disclosed(program, actor(program, "essm"), parent, "avim", purpose="P6").reference
    agree(program, actor(program, "voorzitter"), child)
    use(program, avim, referrals.accept, child)
    for options in ({"result": "taken_up", "text": "De verdachte is in beeld."}, {"result": "help_offered"}):
        with pytest.raises(UnusableInput):
            use(program, avim, referrals.feed_back, child, **options)
    use(program, avim, referrals.feed_back, child, result="taken_up")
    assert use(program, actor(program, "essm"), disclosures.read_own, child).feedback == "taken_up"


def test_the_category_goes_up_without_the_words(sqlite_program, actor):
    program, owner, essm = sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    child = disclosed(program, essm, parent, SHELTER).reference
    with pytest.raises(Conflict):
        use(program, essm, feedbacks.pass_up, child)
    opvang = actor(program, "opvang")
    use(program, opvang, referrals.accept, child)
    use(program, opvang, referrals.feed_back, child, result="help_offered", text="Kamer drie is vrij.")
    assert use(program, essm, feedbacks.pass_up, child) == parent
    told = use(program, owner, disclosures.read_own, parent)
    assert (told.feedback, told.feedback_note) == ("help_offered", "")
    assert "Kamer drie" not in str(told)
    # Once is enough.
    assert not use(program, essm, disclosures.read_own, child).may_pass_up


def test_who_logged_it_hears_of_feedback_as_well_as_who_disclosed_it(sqlite_program, actor):
    program = sqlite_program
    signal, parent = given(program, actor)
    with reading(program) as session:
        other = session.scalars(select(Account.id).where(Account.login == "fg.havendam")).one()
    with transaction(program, actor(program, "havendam")) as tx:
        tx.session.scalars(select(Signal).where(Signal.reference == signal)).one().submitter = other
        tx.record("signal:consult", object_type="signal", object_id=signal, details={"signal": signal})
    use(program, actor(program, "essm"), referrals.feed_back, parent, result="not_enough")
    with reading(program) as session:
        told = session.scalars(select(Mail.account_id).where(Mail.template == "feedback")).all()
    assert set(told) == {other, actor(program, "havendam").account_id}


def test_who_waits_for_feedback_hears_that_it_is_late(sqlite_program, actor, clock):
    program, owner, essm = sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "essm")
    signal, parent = given(program, actor)
    job = replace(owner, channel="job")
    assert use(program, job, feedbacks.remind) == (0, 0)
    due = stored(program, parent).feedback_due_on
    clock.now = clock.now.replace(year=due.year, month=due.month, day=due.day)
    assert use(program, job, feedbacks.remind)[0] == 1
    clock.forward(days=4)
    count, mails = use(program, job, feedbacks.remind)
    assert (count, mails) == (1, 2)
    assert use(program, job, feedbacks.remind) == (1, 0)
    (line,) = seen(program, owner, signal).lines
    assert line.silent_since == due
    use(program, essm, referrals.feed_back, parent, result="may_not_say")
    assert seen(program, owner, signal).lines[0].silent_since is None


# -- many orders of events ------------------------------------------------------------------------------------------


ROUTES = {"essm": (SHELTER, "fairwork"), "opvang": ("fairwork",), "fairwork": (SHELTER,)}
LOGINS = {SHELTER: "opvang", "fairwork": "fairwork"}


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_passed_on_and_taken_back_every_holder_is_asked_once(sqlite_program, actor, clock, seed):
    """In every order: below what was taken back each holder has one open task or has answered; nobody else hears of it."""
    program, dice = sqlite_program, random.Random(seed)
    signal, parent = given(program, actor)
    open_ones = [(parent, "essm", "havendam")]
    for _ in range(5):
        reference, login, giver = dice.choice(open_ones)
        act = dice.choice(("pass", "pass", "back", "erase"))
        if act == "pass":
            destination = dice.choice(ROUTES.get(login, (SHELTER,)))
            page = use(program, actor(program, login), choices.choose, reference)
            fits = [one for one in page.lines if one.choice.destination == destination and not one.under_way]
            if page.hindrance or not fits or fits[0].outlook == "no":
                continue
            made = disclosed(program, actor(program, login), reference, destination, purpose=fits[0].choice.purpose)
            use(program, actor(program, LOGINS[destination]), referrals.accept, made.reference)
            open_ones.append((made.reference, LOGINS[destination], login))
        elif act == "back":
            if stored(program, reference).state in revoking.REVOCABLE:
                taken_back(program, actor(program, giver), reference)
        else:
            duty = rows_of(program, reference).get("recall")
            if duty and duty.fulfilled_at is None:
                use(program, actor(program, login), duties.fulfil, duty.id, result="destroyed", on=clock().date())
    if stored(program, parent).state in revoking.REVOCABLE:
        taken_back(program, actor(program, "havendam"), parent)
    _check_the_tree(program, signal)


def _check_the_tree(program, signal):
    with reading(program) as session:
        rows = session.scalars(
            select(Disclosure).join(Signal, Signal.id == Disclosure.signal_id).where(Signal.reference == signal)
        ).all()
        by_id = {one.id: one for one in rows}
        for one in rows:
            assert one.state == "revoked"
            asked = session.scalars(select(Duty).where(Duty.disclosure_id == one.id, Duty.kind == "recall")).all()
            assert [duty.agency_id for duty in asked] == [one.recipient_agency]
            assert one.ground
            if one.parent_id:
                assert set(one.fields) <= set(by_id[one.parent_id].fields)
        told = set(session.scalars(select(Account.agency_id).join(Mail, Mail.account_id == Account.id)).all())
        assert told <= {"havendam", *(one.recipient_agency for one in rows)}


# -- at the same moment ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["accept", "return", "pass"])
def test_taking_back_and_an_answer_at_the_same_moment_come_in_one_order(program, actor, other):
    owner, essm = actor(program, "havendam"), actor(program, "essm")
    signal, parent = given(program, actor, accept=other == "pass")
    filled = prepared(program, essm, parent, SHELTER) if other == "pass" else {}
    start = Barrier(2)

    def at_once(case):
        start.wait()
        try:
            return case()
        except Conflict as conflict:
            return conflict.reason

    answer = {
        "accept": lambda: use(program, essm, referrals.accept, parent),
        "return": lambda: use(program, essm, referrals.give_back, parent, cause="no_room", text="Geen plek bij ons."),
        "pass": lambda: use(program, essm, disclosing.disclose, **filled),
    }[other]
    with ThreadPoolExecutor(2) as pool:
        back = pool.submit(at_once, lambda: taken_back(program, owner, parent))
        said = pool.submit(at_once, answer)
        took, answered = back.result(), said.result()
    state = stored(program, parent).state
    if state == "returned":
        assert took == "over"
        return
    assert state == "revoked"
    assert isinstance(took, revoking.Revoked)
    below = [line for line in seen(program, owner, signal).lines if line.depth]
    if answered == "revoked":
        assert below == []
    # Whatever went on before it was taken back was taken back as well.
    assert all(line.state == "asked" for line in below)
