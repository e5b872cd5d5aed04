"""Closing a case with an outcome: who may, what stands in the way, what ends with it, and who hears what."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from signaltable.domain import Conflict, Refused, UnusableInput
from signaltable.flow import closing, enrich, keeping, referrals, revoking, signals, triage
from signaltable.flow.closing import Chosen
from signaltable.flow.escalations import listing, looking
from signaltable.jobs import JOBS
from signaltable.models import Account, Mail, SignalMove
from signaltable.queries import signal_by_reference
from signaltable.transaction import reading
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_signal
from tests.meeting_steps import cases, decided, task_of
from tests.table_steps import asked, log, on_the_agenda, row, submitted, triaged, use
from tests.transfer_steps import given, made_once  # noqa: F401 -- a fixture


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def owner(program, actor):
    return actor(program, "havendam")


@pytest.fixture
def coordinator(program, actor):
    return actor(program, "coordinator")


def ways(program, who, reference):
    """How this person can close the case now, as owner and at the table."""

    def look(tx):
        signal = signal_by_reference(tx, reference)
        tx.record("signal:consult", object_type="signal", object_id=reference, details={"signal": reference})
        return closing.of_owner(tx, signal), closing.at_table(tx, signal)

    return use(program, who, look)


def told(program):
    """Who got a mail that a case was closed, and where its link leads: logins and kinds of task."""
    with reading(program) as session:
        query = select(Account.login, Mail.task_kind).join(Account, Account.id == Mail.account_id)
        return sorted(tuple(one) for one in session.execute(query.where(Mail.template == "closed")))


def test_a_case_that_was_followed_up_is_closed_by_its_owner_and_everybody_hears_what_is_theirs(
    program, actor, owner, coordinator, clock
):
    reference, disclosure = given(program, actor)
    essm = actor(program, "essm")
    use(program, essm, referrals.feed_back, disclosure, result="taken_up")
    found, _table = ways(program, owner, reference)
    assert found.possible
    clock.forward(days=1)
    why = "Zorinka Zlatarova woont nu veilig."
    use(program, owner, closing.close_own, reference, Chosen("help_given", why, found.version))
    assert (row(program, reference).state, row(program, reference).outcome) == ("closed", "help_given")
    ((entry, details),) = log(program, "signal:close")
    assert (entry.object, details["result"]) == (reference, "help_given")
    own = use(program, owner, signals.consult, reference)
    assert (own.outcome, own.moves[-1].outcome) == ("help_given", "help_given")
    assert "veilig" in own.moves[-1].reason
    # The table reads how it ended and not why; the receiver reads that it ended and nobody asks it for more.
    read = use(program, coordinator, triage.consult, reference)
    assert (read.dossier.timeline[-1].code, read.dossier.timeline[-1].text) == ("help_given", "")
    received = use(program, essm, referrals.read, disclosure)
    assert received.closed_at == clock()
    assert "help_given" not in str(received)
    assert received.feedback_due_on is None
    use(program, essm, referrals.feed_back, disclosure, result="taken_up")
    assert use(program, essm, referrals.read, disclosure).feedback_due_on is None
    assert ("essm", "disclosure") in told(program)
    assert "havendam" not in [login for login, _kind in told(program)]
    # As a case it is kept from today on.
    kept = keeping_of(program, owner, reference)
    assert (kept.rule.id, kept.while_open) == ("case", False)
    assert kept.until > clock().date() + timedelta(days=700)


def keeping_of(program, who, reference):
    def look(tx):
        tx.record("signal:consult", object_type="signal", object_id=reference, details={"signal": reference})
        return keeping.of_signal(tx, signal_by_reference(tx, reference))

    return use(program, who, look)


def test_the_coordinator_closes_a_case_at_the_own_table_and_names_are_masked(program, actor, coordinator):
    reference, _disclosure = given(program, actor)
    why = "Volgens mevrouw Katarzyna Kowalska, tel. 06-12345678, is het klaar."
    use(program, coordinator, closing.close_at_table, reference, Chosen("other", why))
    with reading(program) as session:
        move = session.scalars(select(SignalMove).where(SignalMove.state_to == "closed")).one()
    assert "12345678" not in move.reason
    assert "klaar" in move.reason
    assert ("havendam", "signal") in told(program)


def test_it_waits_for_a_receiver_that_has_not_answered(program, actor, owner, coordinator):
    reference, disclosure = given(program, actor, accept=False)
    found, _table = ways(program, owner, reference)
    assert (found.possible, found.unanswered) == (False, (disclosure,))
    for who, close in ((owner, closing.close_own), (coordinator, closing.close_at_table)):
        with pytest.raises(Conflict, match="waits"):
            use(program, who, close, reference, Chosen("no_trafficking"))
    use(program, owner, revoking.revoke, disclosure, cause="wrong_data", motivation="Het ging om een ander mens.")
    found, _table = ways(program, owner, reference)
    # That its holder still has to erase it is said, and goes on.
    assert (found.possible, found.recalls) == (True, 1)
    assert "help_given" not in [one.id for one in found.outcomes]
    with pytest.raises(UnusableInput):
        use(program, owner, closing.close_own, reference, Chosen("help_given"))
    use(program, owner, closing.close_own, reference, Chosen("no_trafficking"))
    assert row(program, reference).state == "closed"
    assert told(program) == []


@pytest.mark.parametrize(
    ("chosen", "place"),
    [
        (Chosen(""), "outcome"),
        (Chosen("table"), "outcome"),
        (Chosen("other", "  "), "reason"),
        (Chosen("help_given", "BSN 111222333"), "reason"),
        (Chosen("help_given", "x" * 501), "reason"),
    ],
)
def test_what_cannot_be_used_closes_nothing(program, actor, owner, chosen, place):
    reference, _disclosure = given(program, actor)
    with pytest.raises(UnusableInput) as unusable:
        use(program, owner, closing.close_own, reference, chosen)
    assert set(unusable.value.problems) == {place}
    assert row(program, reference).state == "accepted"


def test_only_who_owns_or_coordinates_closes_it_and_the_second_one_hears_that_it_was_done(
    program, actor, owner, coordinator
):
    reference, _disclosure = given(program, actor)
    for login in ("essm", "avim", "voorzitter", "auditor", "beheer", "fg.havendam"):
        for close in (closing.close_own, closing.close_at_table):
            with pytest.raises(Refused):
                use(program, actor(program, login), close, reference, Chosen("help_given"))
    assert ways(program, coordinator, reference)[0] is None
    assert ways(program, owner, reference)[1] is None
    seen = row(program, reference).version
    with pytest.raises(Conflict, match="meanwhile"):
        use(program, owner, closing.close_own, reference, Chosen("help_given", version=seen - 1))
    use(program, owner, closing.close_own, reference, Chosen("help_given", version=seen))
    with pytest.raises(Conflict, match="ended"):
        use(program, coordinator, closing.close_at_table, reference, Chosen("no_trafficking", version=seen))
    assert row(program, reference).outcome == "help_given"


def test_what_was_never_disclosed_or_lies_at_the_table_is_not_closed_this_way(program, owner, coordinator):
    fresh = submitted(program, owner)
    assert ways(program, owner, fresh) == (None, None)
    _meeting, (tabled,) = cases(program, owner, coordinator, 1)
    assert ways(program, coordinator, tabled) == (None, None)
    for reference in (fresh, tabled):
        with pytest.raises(Conflict, match="expected a case"):
            use(program, owner, closing.close_own, reference, Chosen("no_trafficking"))


def test_a_stuck_case_ends_with_its_questions_and_tasks(program, actor, owner, coordinator):
    essm = actor(program, "essm")
    reference = triaged(program, owner, coordinator, a_signal(consent=GIVEN))
    (question,) = asked(program, coordinator, reference, "opvang")
    meeting = on_the_agenda(program, coordinator, reference)
    decided(program, coordinator, meeting, reference, "refer")
    sent = disclosed(program, owner, reference, "essm", ground="X1").reference
    use(program, essm, referrals.give_back, sent, cause="no_room", text="Er is geen plek.")
    looking.look(program, JOBS)
    _own, found = ways(program, coordinator, reference)
    assert (found.questions, found.tasks, found.stuck) == (1, 1, True)
    opvang = actor(program, "opvang")
    assert [one.id for one in use(program, opvang, enrich.open_questions).open] == [question]
    use(program, coordinator, closing.close_at_table, reference, Chosen("cannot_be_found"))
    assert task_of(program).result == "not_needed"
    assert log(program, "escalation:settle")[-1][1]["result"] == "ended"
    assert not use(program, opvang, enrich.open_questions).open
    assert not use(program, coordinator, listing.listing).open
    # Who returned it has nothing to do with it any more.
    assert "essm" not in [login for login, _kind in told(program)]
