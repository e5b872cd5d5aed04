"""The receiving side: only the receiver opens it, answers once, and what it writes back holds no names."""

import pytest
from sqlalchemy import select

from signaltable import queries
from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import disclosures, referrals
from signaltable.models import Disclosure, Mail
from signaltable.transaction import reading
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_signal
from tests.table_steps import log, row, submitted, use


@pytest.fixture
def received(program, actor):
    """A signal of Havendam that went to ESSM; (signal, disclosure)."""
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    return reference, disclosed(program, who, reference, "essm", ground="X1").reference


def test_the_inbox_lists_without_content(program, actor, received):
    _reference, disclosure = received
    lines, following = use(program, actor(program, "essm"), referrals.inbox)
    assert [(line.reference, line.provider, line.overdue) for line in lines] == [
        (disclosure, "Gemeente Havendam", False)
    ]
    assert following is None
    assert "Zorinka" not in str(lines)
    assert use(program, actor(program, "opvang"), referrals.inbox)[0] == []
    assert log(program, "signal:list")[-1][1]["view"] == "inbox"


def test_the_receiver_opens_it_with_its_own_key_and_that_is_recorded(program, actor, received):
    _reference, disclosure = received
    referral = use(program, actor(program, "essm"), referrals.read, disclosure)
    assert "Zorinka" in str(referral.content)
    assert referral.ground.id == "X1"
    assert referral.ground_unchanged
    entry, details = log(program, "disclosure:consult")[-1]
    assert (entry.agency, entry.object, details["view"]) == ("essm", disclosure, "receiver")


@pytest.mark.parametrize("login", ["opvang", "avim", "fairwork", "comensha"])
def test_a_receiver_that_is_not_the_receiver_is_refused(program, actor, received, login):
    _reference, disclosure = received
    for case in (referrals.read, referrals.accept):
        with pytest.raises(Refused) as refusal:
            use(program, actor(program, login), case, disclosure)
        assert refusal.value.reason == "not_receiver"
    assert log(program, "access:refuse")[-1][0].object == disclosure


@pytest.mark.parametrize("login", ["havendam", "delinde", "auditor", "beheer", "coordinator"])
def test_who_receives_nothing_has_no_inbox(program, actor, received, login):
    _reference, disclosure = received
    with pytest.raises(Refused) as refusal:
        use(program, actor(program, login), referrals.read, disclosure)
    assert refusal.value.reason == "no_permission"


def test_an_unknown_reference_is_not_found(program, actor):
    with pytest.raises(NotFound):
        use(program, actor(program, "essm"), referrals.read, "D-2222-22")


def test_accepting_moves_the_signal_and_tells_the_owner(program, actor, received):
    reference, disclosure = received
    use(program, actor(program, "essm"), referrals.accept, disclosure)
    assert row(program, reference).state == "accepted"
    entry, details = log(program, "disclosure:accept")[-1]
    assert (entry.agency, details["disclosure"]) == ("essm", disclosure)
    with reading(program) as session:
        owner = actor(program, "havendam").account_id
        assert "answer" in session.scalars(select(Mail.template).where(Mail.account_id == owner)).all()
    # Once is enough
    for case, options in ((referrals.accept, {}), (referrals.give_back, {"cause": "other", "text": "toch niet"})):
        with pytest.raises(Conflict):
            use(program, actor(program, "essm"), case, disclosure, **options)


def test_returning_tells_the_owner_why_and_erases_the_copy(program, actor, received):
    reference, disclosure = received
    text = "Zorinka Proefveld is bij een andere organisatie in zorg."
    use(program, actor(program, "essm"), referrals.give_back, disclosure, cause="known_already", text=text)
    # The owner reads the reason, without the name
    sent = use(program, actor(program, "havendam"), disclosures.read_own, disclosure)
    assert sent.cause == "known_already"
    assert "in zorg" in sent.response
    assert "Zorinka" not in sent.response
    assert row(program, reference).state == "returned"
    # The receiver reads it no more, and can be given it again
    assert use(program, actor(program, "essm"), referrals.read, disclosure).content is None
    with reading(program) as session:
        assert session.scalars(select(Disclosure.payload_recipient)).one() == b""
    assert disclosed(program, actor(program, "havendam"), reference, "essm").state == "disclosed"
    assert row(program, reference).state == "referred"


def test_one_return_does_not_undo_what_another_receiver_does(program, actor, received):
    reference, disclosure = received
    disclosed(program, actor(program, "havendam"), reference, "nla")
    use(program, actor(program, "essm"), referrals.give_back, disclosure, cause="no_room", text="Er is nu geen plaats.")
    assert row(program, reference).state == "referred"
    other = use(program, actor(program, "nla"), referrals.inbox)[0][0].reference
    use(program, actor(program, "nla"), referrals.accept, other)
    assert row(program, reference).state == "accepted"


@pytest.mark.parametrize(
    ("cause", "text", "place"),
    [("other", " ", "text"), ("because", "een goede reden", "cause"), ("other", "haar nummer is 111222333", "text")],
)
def test_an_unusable_return_changes_nothing(program, actor, received, cause, text, place):
    reference, disclosure = received
    with pytest.raises(UnusableInput) as unusable:
        use(program, actor(program, "essm"), referrals.give_back, disclosure, cause=cause, text=text)
    assert set(unusable.value.problems) == {place}
    assert "111222333" not in str(unusable.value)
    assert row(program, reference).state == "referred"


def test_feedback_reaches_the_owner_and_the_newest_stands(program, actor, received):
    reference, disclosure = received
    essm = actor(program, "essm")
    with pytest.raises(Conflict):
        use(program, essm, referrals.feed_back, disclosure, result="taken_up")
    use(program, essm, referrals.accept, disclosure)
    use(program, essm, referrals.feed_back, disclosure, result="taken_up", text="")
    use(program, essm, referrals.feed_back, disclosure, result="help_offered", text="Proefveld wil opvang.")
    sent = use(program, actor(program, "havendam"), disclosures.read_own, disclosure)
    assert sent.feedback == "help_offered"
    assert "opvang" in sent.feedback_note
    assert "Proefveld" not in sent.feedback_note
    assert row(program, reference).state == "followed_up"
    assert [details["result"] for _, details in log(program, "disclosure:feedback")] == ["taken_up", "help_offered"]
    with pytest.raises(UnusableInput):
        use(program, essm, referrals.feed_back, disclosure, result="solved")


def test_an_unanswered_referral_becomes_overdue(program, actor, received, clock):
    _reference, disclosure = received
    clock.forward(days=3)
    (line,) = use(program, actor(program, "essm"), referrals.inbox)[0]
    assert line.overdue
    use(program, actor(program, "essm"), referrals.accept, disclosure)
    (line,) = use(program, actor(program, "essm"), referrals.inbox)[0]
    assert not line.overdue


def test_the_inbox_comes_in_pages(program, actor, clock, monkeypatch):
    monkeypatch.setattr(queries, "PAGE", 2)
    who = actor(program, "havendam")
    made = []
    for _ in range(3):
        clock.forward(minutes=1)
        made.append(disclosed(program, who, submitted(program, who, a_signal(consent=GIVEN)), "essm").reference)
    first, following = use(program, actor(program, "essm"), referrals.inbox)
    second, end = use(program, actor(program, "essm"), referrals.inbox, after=following)
    assert [line.reference for line in [*first, *second]] == made[::-1]
    assert end is None
