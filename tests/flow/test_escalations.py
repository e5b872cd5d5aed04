"""Stuck cases: seen by the job, with the coordinator, then with the table, and in motion again."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import dossier, enrich, referrals, work_list
from signaltable.flow.advice import advice_of
from signaltable.flow.escalations import listing, looking, settling
from signaltable.flow.escalations.settling import Settling
from signaltable.jobs import JOBS
from signaltable.models import Escalation, Mail, MissedDate
from signaltable.queries import signal_by_reference
from signaltable.transaction import reading
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_signal
from tests.table_steps import asked, log, row, submitted, triaged, use

WHY = "De opvang heeft toegezegd dat zij de zaak deze week oppakt."


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def coordinator(program, actor):
    return actor(program, "coordinator")


@pytest.fixture
def referred(program, actor):
    """A signal of Havendam that ESSM has not answered yet; (signal, disclosure)."""
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    return reference, disclosed(program, who, reference, "essm", ground="X1").reference


def look(program):
    return looking.look(program, JOBS)


def open_one(program):
    with reading(program) as session:
        return session.scalars(select(Escalation).where(Escalation.settled_at.is_(None))).one()


def test_a_case_that_nobody_accepts_goes_to_the_coordinator_then_to_the_table_and_ends_when_it_is_accepted(
    program, actor, coordinator, referred, clock
):
    reference, disclosure = referred
    assert look(program) == looking.Looked()
    clock.forward(days=3)
    assert (look(program).opened, look(program)) == (1, looking.Looked())
    assert log(program, "escalation:open")[-1][1]["cause"] == "not-accepted"
    (line,) = use(program, coordinator, listing.listing).open
    assert (line.reference, line.level, line.missed) == (reference, "coordinator", 1)
    case = use(program, coordinator, listing.consult, line.id)
    assert [(one.kind, one.agency) for one in case.missed] == [("acceptance", "ESSM, zorgcoördinatie")]
    assert "stuck" in {one.kind for one in use(program, coordinator, work_list.mine)}
    chair = actor(program, "voorzitter")
    assert use(program, chair, listing.listing).open == ()
    with pytest.raises(NotFound):
        use(program, chair, listing.consult, line.id)
    clock.forward(days=20)
    assert look(program).raised == 1
    assert look(program) == looking.Looked()
    assert [one.level for one in use(program, chair, listing.listing).open] == ["table"]
    assert not use(program, chair, listing.consult, line.id).may_settle
    use(program, actor(program, "essm"), referrals.accept, disclosure)
    assert use(program, coordinator, listing.listing).open == ()
    (settled,) = use(program, coordinator, listing.listing).settled
    assert settled.result == "accepted"
    kinds = [(one.kind, one.code) for one in use(program, coordinator, dossier.consult, reference).timeline]
    assert [one for one in kinds if "stuck" in one[0]] == [
        ("stuck", "not-accepted"),
        ("stuck_table", "not-accepted"),
        ("unstuck", "accepted"),
    ]


def test_while_a_case_is_stuck_the_card_advises_the_coordinator_with_its_reason(
    program, actor, coordinator, referred, clock
):
    reference, _disclosure = referred

    def routes(tx):
        return {(one.id, one.destination, one.new) for one in advice_of(tx, signal_by_reference(tx, reference)).routes}

    assert "M20" not in {one[0] for one in use(program, actor(program, "havendam"), routes)}
    clock.forward(days=3)
    look(program)
    stuck = {one for one in use(program, actor(program, "havendam"), routes) if one[0] == "M20"}
    assert stuck == {("M20", "table-coordinator", True), ("M20", "regional-table", True)}
    row_id = open_one(program).id
    use(program, coordinator, settling.settle, row_id, Settling("no-longer-stuck", WHY, version=1))
    assert "M20" not in {one[0] for one in use(program, actor(program, "havendam"), routes)}


def test_all_that_got_the_case_gave_it_back(program, actor, referred, coordinator):
    _reference, disclosure = referred
    use(program, actor(program, "essm"), referrals.give_back, disclosure, cause="no_room", text="Er is geen plek.")
    assert look(program).opened == 1
    assert open_one(program).cause == "all-returned"
    with reading(program) as session:
        told = session.scalars(select(Mail).where(Mail.template == "escalation")).all()
    assert {one.account_id for one in told} == {coordinator.account_id}
    assert {(one.task_kind, one.task_id) for one in told} == {("escalation", open_one(program).id)}


def test_two_missed_dates_bring_a_case_to_the_coordinator_and_count_once(program, actor, coordinator, clock):
    reference = triaged(program, actor(program, "havendam"), coordinator)
    first, second = asked(program, coordinator, reference, "essm", "opvang")
    clock.forward(days=14)
    assert look(program) == looking.Looked(missed=2, opened=1)
    assert open_one(program).cause == "missed-dates"
    use(program, coordinator, settling.settle, open_one(program).id, Settling("no-longer-stuck", WHY, version=1))
    clock.forward(days=30)
    assert look(program) == looking.Looked()
    with reading(program) as session:
        assert {one.object_id for one in session.scalars(select(MissedDate))} == {first, second}


def test_a_date_that_was_met_too_late_still_counts_and_one_that_was_put_off_in_time_does_not(
    program, actor, coordinator, clock
):
    reference = triaged(program, actor(program, "havendam"), coordinator)
    late, put_off = asked(program, coordinator, reference, "essm", "opvang")
    due = clock().date() + timedelta(days=9)
    use(program, coordinator, enrich.postpone, put_off, until=due, reason="Er is meer tijd nodig.")
    clock.forward(days=8)
    use(program, actor(program, "essm"), enrich.answer, late, answer="no_hit")
    assert look(program).missed == 1
    with reading(program) as session:
        assert [one.object_id for one in session.scalars(select(MissedDate))] == [late]


def test_only_what_is_offered_settles_a_case(program, coordinator, referred, clock):
    clock.forward(days=3)
    look(program)
    for settled, problem in (
        (Settling("taken-up", WHY, "", 1), "agency"),
        (Settling("taken-up", WHY, "nowhere", 1), "agency"),
        (Settling("accepted", WHY, "", 1), "result"),
        (Settling("watch", WHY, "", 1), "result"),
        (Settling("no-longer-stuck", " ", "", 1), "reason"),
        (Settling("no-longer-stuck", "BSN 111222333", "", 1), "reason"),
    ):
        with pytest.raises(UnusableInput) as unusable:
            use(program, coordinator, settling.settle, open_one(program).id, settled)
        assert set(unusable.value.problems) == {problem}


def test_two_coordinators_settle_it_once_and_others_never(program, actor, coordinator, referred, clock):
    reference, _disclosure = referred
    clock.forward(days=3)
    look(program)
    row_id = open_one(program).id
    for login in ("havendam", "essm", "voorzitter", "auditor", "beheer"):
        with pytest.raises(Refused):
            use(program, actor(program, login), settling.settle, row_id, Settling("no-longer-stuck", WHY, version=1))
    with pytest.raises(Conflict, match="meanwhile"):
        use(program, coordinator, settling.settle, row_id, Settling("no-longer-stuck", WHY, version=2))
    use(program, coordinator, settling.settle, row_id, Settling("taken-up", "Zorinka wacht al lang.", "opvang", 1))
    with pytest.raises(Conflict, match="already"):
        use(program, coordinator, settling.settle, row_id, Settling("no-longer-stuck", WHY, version=2))
    case = use(program, coordinator, listing.consult, row_id)
    assert (case.line.result, case.holder) == ("taken-up", "Crisisopvang ESSM")
    assert log(program, "escalation:settle")[-1][1]["result"] == "taken-up"
    assert row(program, reference).state == "referred"


def test_closing_a_stuck_case_closes_the_signal(program, actor, coordinator, referred, clock):
    reference, disclosure = referred
    use(program, actor(program, "essm"), referrals.give_back, disclosure, cause="no_room", text="Er is geen plek.")
    look(program)
    use(program, coordinator, settling.settle, open_one(program).id, Settling("closed", WHY, version=1))
    assert row(program, reference).state == "closed"
    (done,) = use(program, coordinator, listing.listing).settled
    assert done.result == "closed"
    assert look(program) == looking.Looked()
