"""Reminders: before a day once, of what is late no more than once a day, and of a day that was put off anew."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from signaltable.domain import day_of
from signaltable.flow import feedbacks, referrals, reminders
from signaltable.jobs import JOBS
from signaltable.models import Disclosure, Mail, Question
from signaltable.transaction import reading, transaction
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_signal
from tests.table_steps import asked, log, submitted, triaged, use


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


def told(program, template):
    with reading(program) as session:
        return session.scalars(select(Mail).where(Mail.template == template).order_by(Mail.created_at)).all()


def test_a_receiver_hears_before_its_day_once_and_each_day_after_it_once(program, actor, clock):
    owner = actor(program, "havendam")
    reference = submitted(program, owner, a_signal(consent=GIVEN))
    sent = disclosed(program, owner, reference, "essm", ground="X1").reference
    with reading(program) as session:
        due = session.scalars(select(Disclosure.due_on)).one()
    while clock().date() < due:
        use(program, JOBS, reminders.remind)
        clock.forward(hours=8)
    (mail,) = told(program, "disclosure-reminder")
    assert (mail.account_id, mail.task_kind, mail.task_id) == (actor(program, "essm").account_id, "disclosure", sent)
    assert not told(program, "disclosure-overdue")
    clock.forward(days=2)
    for _turn in range(8):
        use(program, JOBS, reminders.remind)
        clock.forward(hours=6)
    assert 2 <= len(told(program, "disclosure-overdue")) <= 3
    assert len(told(program, "disclosure-reminder")) == 1
    assert log(program, "deadline:overdue")[0][1]["objects"] == [sent]


def test_a_day_that_was_put_off_comes_near_again(program, actor, clock):
    owner = actor(program, "havendam")
    reference = submitted(program, owner, a_signal(consent=GIVEN))
    sent = disclosed(program, owner, reference, "essm", ground="X1").reference
    clock.forward(days=1)
    use(program, JOBS, reminders.remind)
    before = len(told(program, "disclosure-reminder"))
    with transaction(program, JOBS) as tx:
        row = tx.session.scalars(select(Disclosure).where(Disclosure.reference == sent)).one()
        row.due_on = row.due_on + timedelta(days=14)
        tx.record("deadline:overdue", object_type="disclosure", details={"rule": "test", "count": 0})
    use(program, JOBS, reminders.remind)
    assert len(told(program, "disclosure-reminder")) == before
    clock.forward(days=14)
    use(program, JOBS, reminders.remind)
    assert len(told(program, "disclosure-reminder")) == before + 1


def days_of(program, template):
    return [day_of(mail.created_at).isoformat() for mail in told(program, template)]


def go_on(program, clock, days, case=reminders.remind, *, hours=4):
    for _turn in range(days * 24 // hours):
        use(program, JOBS, case)
        clock.forward(hours=hours)


def test_who_is_late_hears_it_once_on_each_day_in_the_netherlands_also_after_a_clock_that_stood_ahead(
    program, actor, clock
):
    owner = actor(program, "havendam")
    reference = submitted(program, owner, a_signal(consent=GIVEN))
    disclosed(program, owner, reference, "essm", ground="X1")
    # One minute after midnight here, and still the day before in UTC
    clock.now = datetime(2026, 12, 9, 23, 1, tzinfo=UTC)
    use(program, JOBS, reminders.remind)
    clock.now = datetime(2026, 11, 30, 23, 1, tzinfo=UTC)
    go_on(program, clock, 3)
    days = ["2026-12-01", "2026-12-02", "2026-12-03", "2026-12-10"]
    assert sorted(days_of(program, "disclosure-overdue")) == days


def test_nobody_waits_behind_hundreds_who_are_late_for_longer(program, actor):
    coordinator, owner = actor(program, "coordinator"), actor(program, "havendam")
    (first,) = asked(program, coordinator, triaged(program, owner, coordinator), "avim")
    with program.write_sessions() as session:
        pattern = session.get_one(Question, first)
        columns = {one.name: getattr(pattern, one.name) for one in Question.__table__.columns}
        late = columns | {"due_on": date(2026, 11, 2)}
        session.execute(insert(Question), [late | {"id": f"{number:032x}"} for number in range(600)])
        session.execute(insert(Question), [late | {"id": "f" * 32, "agency_id": "riec", "due_on": date(2026, 11, 20)}])
        session.commit()
    use(program, JOBS, reminders.remind)
    # One mail each, however much is late
    late = sorted(mail.account_id for mail in told(program, "question-overdue"))
    assert late == sorted(actor(program, login).account_id for login in ("avim", "riec"))
    entry = log(program, "deadline:overdue")[0][1]
    assert (entry["count"], len(entry["objects"])) == (601, 500)


def test_feedback_is_asked_once_before_its_day_and_every_three_days_after_it(program, actor, clock):
    owner = actor(program, "havendam")
    reference = submitted(program, owner, a_signal(consent=GIVEN))
    made = disclosed(program, owner, reference, "essm", ground="X1").reference
    use(program, actor(program, "essm"), referrals.accept, made)
    with reading(program) as session:
        due = session.scalars(select(Disclosure.feedback_due_on)).one()
    clock.now = datetime(due.year, due.month, due.day, 9, tzinfo=UTC) - timedelta(days=7)
    go_on(program, clock, 13, feedbacks.remind, hours=12)
    expected = [(due + timedelta(days=days)).isoformat() for days in (-5, 1, 4)]
    assert days_of(program, "feedback-due") == expected
    assert days_of(program, "feedback-missing") == expected[1:]
