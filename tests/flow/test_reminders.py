"""Reminders: before a day once, of what is late no more than once a day, and of a day that was put off anew."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from signaltable.flow import reminders
from signaltable.jobs import JOBS
from signaltable.models import Disclosure, Mail
from signaltable.transaction import reading, transaction
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_signal
from tests.table_steps import log, submitted, use


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
