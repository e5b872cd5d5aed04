"""What people would learn beside what they are told: from an order, a day, a list to choose from, or who missed what."""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import undefer_group

from signaltable.flow import disclosures, duties, enrich, recusals, revoking, triage
from signaltable.flow.escalations import listing, looking
from signaltable.flow.linking import telling
from signaltable.jobs import JOBS
from signaltable.models import Disclosure, Escalation, Signal, Subject, TableMember
from signaltable.transaction import Transaction, reading
from tests.disclosure_steps import disclosed
from tests.duty_steps import rows_of
from tests.table_steps import asked, triaged, use
from tests.transfer_steps import given, made_once  # noqa: F401 -- a fixture

SHELTER = "crisis-shelter"
WHY = "Het ging om een andere persoon met dezelfde naam."


# -- to whom a receiver passed something on ----------------------------------------------------------------------


def passed_on(program, actor):
    """A case of which ESSM passed on what it got to a shelter without a seat, which answers nothing; its reference."""
    signal, parent = given(program, actor)
    disclosed(program, actor(program, "essm"), parent, SHELTER)
    with program.write_sessions() as session, session.begin():
        session.execute(delete(TableMember).where(TableMember.agency_id == "opvang"))
    return signal


def test_a_stuck_case_does_not_name_to_whom_something_was_passed_on(sqlite_program, actor, clock):
    program = sqlite_program
    passed_on(program, actor)
    clock.forward(days=90)
    looking.look(program, JOBS)
    with reading(program) as session:
        stuck = session.scalars(select(Escalation.id)).one()
    missed = use(program, actor(program, "coordinator"), listing.consult, stuck).missed
    agencies = {(one.kind, one.agency) for one in missed}
    # That somebody missed a day is told, and the name of whom the owner chose
    assert ("acceptance", "") in agencies
    assert ("feedback", "ESSM, zorgcoördinatie") in agencies
    assert not [name for _kind, name in agencies if "pvang" in name]


def test_nobody_of_an_organisation_that_only_got_it_passed_on_stands_in_the_list_of_people(sqlite_program, actor):
    program = sqlite_program
    signal = passed_on(program, actor)
    offered = use(program, actor(program, "coordinator"), recusals.declaring, "signal", signal).people
    who = actor(program, "opvang")
    assert actor(program, "essm").account_id in {one.id for one in offered}
    assert who.account_id not in {one.id for one in offered}
    # They say so for themselves
    with reading(program) as session:
        got = session.scalars(select(Disclosure.reference).where(Disclosure.recipient_agency == "opvang")).one()
    use(program, who, recusals.declare, "disclosure", got, interest="knows_person")


def test_the_log_of_who_ends_a_link_does_not_name_to_whom_something_was_passed_on(sqlite_program, actor):
    program = sqlite_program
    signal = passed_on(program, actor)
    with program.write_sessions() as session:
        tx = Transaction(program, actor(program, "havendam"), session, program.clock())
        subjects = session.scalars(
            select(Subject.id).join(Signal, Signal.id == Subject.signal_id).where(Signal.reference == signal)
        ).all()
        told = telling.tell(tx, "an act", subjects, tx.now - timedelta(days=365))
        again = telling.tell_again(tx, "another act", "an act")
        assert "essm" in told
        assert "opvang" not in told
        assert again == told
        # It is told all the same
        shelter = Transaction(program, actor(program, "opvang"), session, program.clock())
        assert {one.relation for one in telling.notices(shelter)} == {"receiver"}


# -- what was passed on, once it was taken back or erased ----------------------------------------------------------


def content_of(program, who, reference):
    return use(program, who, disclosures.read_own, reference).content


def test_whoever_passed_something_on_does_not_read_it_there_once_it_was_taken_back(sqlite_program, actor):
    program, owner, essm = sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    child = disclosed(program, essm, parent, SHELTER).reference
    assert content_of(program, essm, child) is not None
    use(program, owner, revoking.revoke, parent, cause="wrong_data", motivation=WHY)
    assert content_of(program, essm, child) is None
    # Who keeps it on a ground of its own reads it again
    recall = rows_of(program, parent)["recall"].id
    use(program, essm, duties.fulfil, recall, result="kept_own_ground", on=program.clock().date(), note=WHY)
    assert content_of(program, essm, child) is not None


def test_whoever_erases_what_it_got_keeps_no_copy_of_it_as_what_it_passed_on(sqlite_program, actor):
    program, owner, essm = sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    child = disclosed(program, essm, parent, SHELTER).reference
    use(program, owner, revoking.revoke, parent, cause="wrong_data", motivation=WHY)
    recall = rows_of(program, parent)["recall"].id
    use(program, essm, duties.fulfil, recall, result="destroyed", on=program.clock().date())
    with reading(program) as session:
        rows = session.scalars(select(Disclosure).options(undefer_group("sealed"))).all()
        left = {one.reference: (bool(one.payload_provider), bool(one.payload_recipient)) for one in rows}
    # The owner keeps what it gave, and the shelter answers for itself
    assert left == {parent: (True, False), child: (False, True)}
    assert content_of(program, essm, child) is None


# -- who answered what -------------------------------------------------------------------------------------------


def test_neither_order_nor_day_gives_two_anonymous_answers_a_name(sqlite_program, actor, clock):
    program, coordinator = sqlite_program, actor(sqlite_program, "coordinator")
    partners = ("avim", "riec", "nla")
    seen = set()
    for answers in (("hit", "no_hit", "no_hit"), ("no_hit", "hit", "no_hit"), ("no_hit", "no_hit", "hit")):
        reference = triaged(program, actor(program, "havendam"), coordinator)
        for partner, answer in zip(partners, answers, strict=True):
            (question,) = asked(program, coordinator, reference, partner)
            clock.forward(days=1)
            use(program, actor(program, partner), enrich.answer, question, answer=answer, anonymous=True)
        read = use(program, coordinator, triage.consult, reference).dossier
        seen.add(tuple((one.agency, one.answer, one.answered_at, one.late) for one in read.answers))
        assert [(one.code, one.agency) for one in read.timeline if one.kind == "answered"] == [("", "")] * 3
    # Whoever of the three had the hit, the page reads the same
    assert len(seen) == 1


def test_an_answer_with_a_name_keeps_its_place_and_day_beside_one_without(sqlite_program, actor, clock):
    program, coordinator = sqlite_program, actor(sqlite_program, "coordinator")
    reference = triaged(program, actor(program, "havendam"), coordinator)
    first, second = asked(program, coordinator, reference, "avim", "riec")
    clock.forward(days=1)
    use(program, actor(program, "avim"), enrich.answer, first, answer="hit", anonymous=True)
    use(program, actor(program, "riec"), enrich.answer, second, answer="no_hit")
    read = use(program, coordinator, triage.consult, reference).dossier
    assert [(one.agency, one.answered_at is None) for one in read.answers] == [("RIEC Rotterdam", False), ("", True)]
    happened = [(one.code, one.agency) for one in read.timeline if one.kind == "answered"]
    assert sorted(happened) == [("", ""), ("no_hit", "RIEC Rotterdam")]
