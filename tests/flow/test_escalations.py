"""Stuck cases: seen by the job, with the coordinator, then with the table, and in motion again."""

import pytest
from sqlalchemy import select

from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import dossier, referrals, work_list
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
