"""The reflection period: three months to the day, for whoever looks after the person, and in nobody else's pages or mails."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import dossier, referrals, reflection, signals, work_list
from signaltable.jobs import JOBS
from signaltable.models import Mail
from signaltable.transaction import reading
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_signal
from tests.table_steps import log, on_the_agenda, submitted, triage_it, use


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def owner(program, actor):
    return actor(program, "havendam")


@pytest.fixture
def reference(program, owner):
    return submitted(program, owner, a_signal(consent=GIVEN))


def record(program, who, reference, began_on=None, **changes):
    where = {"way": reflection.SIGNAL, "thing": reference, "known_as": "1"} | changes
    day = began_on or use(program, who, lambda tx: tx.today)
    return use(program, who, reflection.record, *where.values(), began_on=day)


def test_it_is_three_months_and_not_so_many_days(program, owner):
    for began, ends in (
        (date(2026, 11, 23), date(2027, 2, 23)),
        (date(2026, 11, 30), date(2027, 2, 28)),
        (date(2027, 11, 30), date(2028, 2, 29)),
        (date(2026, 10, 31), date(2027, 1, 31)),
        (date(2027, 3, 31), date(2027, 6, 30)),
    ):
        assert use(program, owner, reflection.ends, began) == ends


def test_it_warns_before_the_end_and_runs_out(program, owner, reference, clock):
    period = record(program, owner, reference)
    ends_on = use(program, owner, reflection.consult, period).ends_on
    (item,) = [one for one in use(program, owner, work_list.mine) if one.kind == "reflection"]
    assert (item.key, item.thing, item.due_on) == (period, reference, ends_on)
    assert use(program, JOBS, reflection.sweep) == (0, 0)
    clock.forward(days=80)
    assert use(program, JOBS, reflection.sweep) == (0, 1)
    assert use(program, JOBS, reflection.sweep) == (0, 0)
    with reading(program) as session:
        mails = session.scalars(select(Mail).where(Mail.account_id == owner.account_id)).all()
    # Neither the kind of the mail nor its link says what it is about
    assert [(one.template, one.task_kind, one.task_id) for one in mails if "work" in one.template] == [
        ("work-reminder", "", "")
    ]
    clock.forward(days=12)
    assert use(program, owner, reflection.consult, period).days_left == 0
    clock.forward(days=1)
    assert use(program, JOBS, reflection.sweep) == (1, 0)
    over = use(program, owner, reflection.consult, period)
    assert (over.result, over.ended_on) == ("ran-out", ends_on)
    assert log(program, "reflection:end")[-1][1]["result"] == "ran-out"
    assert not [one for one in use(program, owner, work_list.mine) if one.kind == "reflection"]


def test_it_ends_earlier_with_one_of_the_results_once(program, owner, reference):
    period = record(program, owner, reference)
    with pytest.raises(Conflict, match="runs already"):
        record(program, owner, reference)
    with pytest.raises(UnusableInput):
        use(program, owner, reflection.end, period, result="ran-out", version=1)
    with pytest.raises(Conflict, match="meanwhile"):
        use(program, owner, reflection.end, period, result="declines", version=2)
    use(program, owner, reflection.end, period, result="declines", version=1)
    with pytest.raises(Conflict, match="already"):
        use(program, owner, reflection.end, period, result="left", version=2)
    assert use(program, owner, reflection.consult, period).result == "declines"
    # Somebody can get such a period again
    assert record(program, owner, reference) != period


def test_days_from_which_nothing_runs_are_not_taken(program, owner, reference, clock):
    today = clock().date()
    for began_on in (None, today + timedelta(days=1), today - timedelta(days=100)):
        with pytest.raises(UnusableInput):
            use(program, owner, reflection.record, reflection.SIGNAL, reference, "1", began_on=began_on)
    for way, thing, known_as in (
        (reflection.SIGNAL, reference, "7"),
        (reflection.SIGNAL, reference, "one"),
        ("table", reference, "1"),
    ):
        with pytest.raises(NotFound):
            record(program, owner, thing, way=way, known_as=known_as)


def test_a_receiver_notes_it_once_it_accepted_and_neither_the_owner_nor_the_table_learns_of_it(
    program, actor, owner, reference
):
    essm, coordinator = actor(program, "essm"), actor(program, "coordinator")
    triage_it(program, coordinator, reference)
    on_the_agenda(program, coordinator, reference)
    sent = disclosed(program, owner, reference, "essm", ground="X1").reference
    (person,) = use(program, essm, referrals.read, sent).content.subjects
    received = {"way": reflection.DISCLOSURE, "known_as": person.pseudonym}
    with pytest.raises(NotFound):
        record(program, essm, sent, **received)
    use(program, essm, referrals.accept, sent)
    before = use(program, coordinator, dossier.consult, reference), use(program, owner, signals.consult, reference)
    period = record(program, essm, sent, **received)
    noted = use(program, essm, reflection.consult, period)
    assert (noted.way, noted.thing, noted.known_as) == (reflection.DISCLOSURE, sent, person.pseudonym)
    for login in ("opvang", "coordinator", "auditor", "fg.havendam"):
        with pytest.raises(Refused):
            record(program, actor(program, login), sent, **received)
    with pytest.raises(NotFound):
        use(program, owner, reflection.consult, period)
    assert use(program, owner, reflection.runs_for, reflection.SIGNAL, reference) == ()
    assert use(program, owner, reflection.listing) == ()
    # The owner can note one of its own, without learning that there is another
    assert record(program, owner, reference) != period
    assert (
        use(program, coordinator, dossier.consult, reference),
        use(program, owner, signals.consult, reference),
    ) == before


def test_a_disclosure_to_who_detects_carries_the_warning_of_the_agency_that_noted_it(program, actor, owner, reference):
    def warning(who, recipient):
        return use(program, who, reflection.warning, reference, recipient)

    assert warning(owner, "avim") is None
    period = record(program, owner, reference)
    assert warning(owner, "avim") == program.policy.reflection.warning
    assert warning(owner, "essm") is None
    assert warning(actor(program, "essm"), "avim") is None
    use(program, owner, reflection.end, period, result="cooperates", version=1)
    assert warning(owner, "avim") is None
