"""What goes when: one digest a day, urgent ones at once, nothing about what is done."""

import tomllib
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltable import jobs
from signaltable.domain import ZONE, day_of
from signaltable.flow import mailing
from signaltable.flow.coming_in.actors import actor_of_login
from signaltable.flow.mail.following import follow
from signaltable.mail_rules import MailFile, beginning_of
from signaltable.models import Mail
from signaltable.settings import CHECKOUT
from signaltable.transaction import transaction
from signaltable.working_days import Calendar
from tests.mail_steps import a_task, do, mails, run, tell, with_rules, written

SATURDAY = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


def link_of(message):
    return message.get_content().split("/taak/")[1].split()[0]


def test_what_can_wait_goes_in_one_mail_a_day(sqlite_program, clock, actor):
    for template in ("meeting", "link", "answer"):
        tell(sqlite_program, "avim", template)
    assert run(sqlite_program).sent == 1
    clock.forward(hours=3)
    tell(sqlite_program, "avim")
    assert run(sqlite_program).sent == 0
    clock.forward(hours=18)  # The next morning, at half past six and at half past eight.
    assert run(sqlite_program).sent == 0
    clock.forward(hours=2)
    assert run(sqlite_program).sent == 1
    assert run(sqlite_program).sent == 0
    assert len(written(sqlite_program)) == 2


def test_a_digest_of_one_task_leads_there_and_of_more_to_the_work_list(sqlite_program, clock, actor):
    one, other = a_task(sqlite_program), a_task(sqlite_program)
    for _time in range(2):
        tell(sqlite_program, "auditor", "incident", task=one)
    for task in (one, other):
        tell(sqlite_program, "beheer", "incident", task=task)
    run(sqlite_program)
    led = {}
    for mail in mails(sqlite_program, template="digest"):
        for login in ("auditor", "beheer"):
            if actor(sqlite_program, login).account_id == mail.account_id:
                with transaction(sqlite_program, actor(sqlite_program, login)) as tx:
                    led[login] = follow(tx, mail.id)
    assert (led["auditor"].kind, led["auditor"].thing) == one
    assert led["beheer"].kind == "work"


def test_an_urgent_one_goes_at_once_on_any_day_and_at_any_hour(sqlite_program, clock):
    clock.now = SATURDAY.replace(hour=2)
    tell(sqlite_program, "avim", "question", urgent=True)
    tell(sqlite_program, "avim", "answer")
    assert run(sqlite_program).sent == 1
    assert written(sqlite_program)[0]["Subject"].endswith("die niet kan wachten")
    clock.now = SATURDAY  # After the hour, but no working day.
    assert run(sqlite_program).sent == 0
    clock.forward(days=2)
    assert run(sqlite_program).sent == 1


def test_a_holiday_is_no_day_for_digests(sqlite_program, clock):
    clock.now = datetime(2026, 12, 25, 10, 0, tzinfo=UTC)
    tell(sqlite_program, "avim")
    assert run(sqlite_program).sent == 0
    clock.now = datetime(2026, 12, 28, 10, 0, tzinfo=UTC)
    assert run(sqlite_program).sent == 1


def test_urgent_ones_beyond_the_quota_of_the_day_go_with_the_digest(sqlite_program, clock):
    program = with_rules(sqlite_program, quota={"urgent_per_person": 2})
    for _time in range(4):
        tell(program, "avim", "question", urgent=True)
    tell(program, "riec", "question", urgent=True)
    assert run(program).sent == 4  # Two and the digest, and one for somebody else.
    tell(program, "avim", "question", urgent=True)
    assert run(program).sent == 0
    clock.forward(days=1)
    tell(program, "avim", "question", urgent=True)
    assert run(program).sent == 2  # The day has a quota of its own; what was left over goes with its digest.


def test_a_clock_that_stood_ahead_holds_up_no_mail_after_it_came_back(sqlite_program, clock):
    program = with_rules(sqlite_program, quota={"urgent_per_person": 1, "per_hour": 2})
    clock.forward(days=30)
    tell(program, "avim", "question", urgent=True)
    tell(program, "riec")
    assert run(program).sent == 2
    # What was chosen then, and claimed by a process that died
    tell(program, "avim")
    with transaction(program, jobs.JOBS) as tx:
        claimed = Mail(
            id=tx.new_id(), account_id=actor_of_login(program, "essm").account_id, template="test", state="ready",
            created_at=tx.now, next_try_at=tx.now + timedelta(minutes=20), tries=1,
        )  # fmt: skip
        tx.session.add(claimed)
    clock.forward(days=-29)
    tell(program, "riec")
    tell(program, "avim", "question", urgent=True)
    sent = 0
    for _turn in range(3):
        sent += run(program).sent
        clock.forward(hours=1)
    # The urgent one, two digests, and what was claimed; none of them again
    assert sent == 4
    assert run(program).sent == 0


def test_the_same_task_is_told_once(sqlite_program):
    task = a_task(sqlite_program)
    for urgent in (True, True, False):
        tell(sqlite_program, "beheer", "incident", task=task, urgent=urgent)
    assert run(sqlite_program).sent == 1
    assert {mail.state for mail in mails(sqlite_program)} == {"sent", "digested"}


def test_what_is_done_meanwhile_is_not_told(sqlite_program, clock):
    early = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    clock.now = early
    done, waits = a_task(sqlite_program), a_task(sqlite_program)
    tell(sqlite_program, "beheer", "incident", task=done)
    tell(sqlite_program, "auditor", "incident", task=done)
    tell(sqlite_program, "auditor", "incident", task=waits)
    do(sqlite_program, done)
    clock.now = early + timedelta(hours=4)
    assert run(sqlite_program).sent == 1
    assert sorted(mail.state for mail in mails(sqlite_program, task_id=done[1])) == ["settled", "settled"]


def test_news_is_told_although_there_is_nothing_to_do(sqlite_program):
    task = a_task(sqlite_program)
    do(sqlite_program, task)
    tell(sqlite_program, "beheer", "answer", task=task)
    assert run(sqlite_program).sent == 1
    assert written(sqlite_program)[0]["Subject"] == "Er is nieuws voor u"


def test_nothing_goes_to_who_left_or_about_what_is_gone(sqlite_program, actor):
    tell(sqlite_program, "avim", "question", task=("question", "f" * 32), urgent=True)
    tell(sqlite_program, "riec", "question", urgent=True)
    with transaction(sqlite_program, actor(sqlite_program, "beheer")) as tx:
        from signaltable.flow import accounts

        accounts.change_account(
            tx, actor(sqlite_program, "riec").account_id, name="R", roles=["partner-member"], active=False
        )
    assert run(sqlite_program).sent == 0
    assert {mail.state for mail in mails(sqlite_program)} == {"settled"}


def test_a_quota_for_the_hour_holds_for_the_whole_program(sqlite_program, clock):
    program = with_rules(sqlite_program, quota={"per_hour": 2})
    for login in ("avim", "riec", "essm"):
        tell(program, login, "question", urgent=True)
    assert run(program).sent == 2
    assert run(program).sent == 0
    clock.forward(minutes=61)
    assert run(program).sent == 1


@pytest.mark.parametrize("first", [datetime(2026, 10, 24, 0, 30, tzinfo=UTC), datetime(2027, 3, 27, 0, 30, tzinfo=UTC)])
def test_one_digest_a_day_also_when_the_clocks_change(sqlite_program, clock, first):
    program = with_rules(sqlite_program, digest={"working_days_only": False})
    clock.now = first
    for _hour in range(72):
        tell(program, "avim")
        run(program)
        clock.forward(hours=1)
    told = [mail.written_at.astimezone(ZONE) for mail in mails(program, template="digest")]
    assert [moment.date() for moment in told] == sorted({moment.date() for moment in told})
    assert len(told) == 3
    assert {(moment.hour, moment.minute) for moment in told} == {(8, 30)}


SHIPPED = MailFile.model_validate(tomllib.loads((CHECKOUT / "policies" / "mail.toml").read_text(encoding="utf-8")))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(0, 23), st.integers(0, 8000))
def test_never_two_digests_on_a_day_and_none_before_the_hour(steps, hour, start):
    rules: MailFile = SHIPPED.model_copy(update={"digest": SHIPPED.digest.model_copy(update={"hour": hour})})
    now, last, days = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=start), None, []
    for step in steps:
        now += timedelta(hours=step)
        if rules.digest_is_due(now, last, Calendar()):
            last = now
            days.append(day_of(now))
            assert now.astimezone(ZONE).hour >= hour or now.astimezone(ZONE).date() > day_of(now)
            assert Calendar().is_working_day(day_of(now))
    assert len(days) == len(set(days))


def test_a_day_begins_in_the_netherlands():
    assert beginning_of(date(2026, 10, 25)) == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert beginning_of(date(2026, 10, 26)) == datetime(2026, 10, 25, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("template", "urgency", "days", "presses"),
    [
        ("question", "now", 5, True),
        ("question", "five-working-days", 5, False),
        ("question", "five-working-days", 0, True),
        ("question", "", -1, True),
        ("link", "now", 0, False),
        ("no-such-template", "now", 0, False),
    ],
)
def test_the_rules_say_what_cannot_wait(sqlite_program, template, urgency, days, presses):
    with transaction(sqlite_program, jobs.JOBS) as tx:
        due_on = tx.today + timedelta(days=days)
        assert mailing.presses(tx, template, urgency=urgency, due_on=due_on) is presses
