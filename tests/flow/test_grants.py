"""Roles for some time: given, counted by the clock alone, taken away, told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from signaltable.access import Allowed, Permission, may
from signaltable.domain import Conflict, Refused, UnusableInput
from signaltable.flow import mailing, setup
from signaltable.flow.accounts import change_account
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.coming_in.sessions import actor_of_session, open_session
from signaltable.flow.rights import grants
from signaltable.flow.rights.grants import Stage
from signaltable.flow.rights.held import held_by
from signaltable.jobs.work import JOBS, run_rights
from signaltable.models import Account, Mail, RoleGrant
from signaltable.rights_rules import beginning, days_later, end, is_on_the_clock, months_later
from signaltable.transaction import reading, transaction
from tests.table_steps import log, use


def given_role(program, admin, account_id, role="partner-member", *, begins=None, days=2, hours=0):
    now = program.clock()
    until = (begins or now) + timedelta(days=days, hours=hours)
    return use(
        program, admin, grants.give, account_id, role, begins_at=begins, ends_at=until, reason="Verlof van een collega"
    )


@pytest.fixture
def people(sqlite_program, actor):
    return sqlite_program, actor(sqlite_program, "beheer"), actor(sqlite_program, "havendam")


def test_a_role_counts_from_its_begin_until_its_end_and_needs_no_job_for_that(people, actor, clock):
    """ASVS 8.3.2: a change of rights counts with the next request."""
    program, admin, holder = people
    assert not isinstance(may(holder, Permission.REFERRAL_RECEIVE_OWN), Allowed)
    given_role(program, admin, holder.account_id, begins=clock.now + timedelta(hours=1), days=1)
    seen = []
    for step in (0, 1, 24, 1):
        clock.forward(hours=step)
        seen.append(isinstance(may(actor(program, "havendam"), Permission.REFERRAL_RECEIVE_OWN), Allowed))
    assert seen == [False, True, False, False]
    # That it ended is told afterwards, once, to the person and to who gave it
    assert run_rights(program) == "roles:1"
    assert run_rights(program) == ""
    ((entry, details),) = log(program, "grant:end")
    assert (entry.actor, details["cause"], details["account"]) == ("jobs", "time_over", holder.account_id)
    with reading(program) as session:
        told = session.scalars(select(Mail.account_id).where(Mail.template == "grant-ended")).all()
    assert sorted(told) == sorted([holder.account_id, admin.account_id])


def test_who_has_a_role_for_some_time_gets_the_mails_that_go_with_it(people, clock):
    program, admin, holder = people
    with transaction(program, JOBS) as tx:
        before = mailing.accounts_with(tx, ["havendam"], Permission.REFERRAL_RECEIVE_OWN)
    given_role(program, admin, holder.account_id)
    with transaction(program, JOBS) as tx:
        assert set(mailing.accounts_with(tx, ["havendam"], Permission.REFERRAL_RECEIVE_OWN)) == {
            *before,
            holder.account_id,
        }
    clock.forward(days=2)
    with transaction(program, JOBS) as tx:
        assert mailing.accounts_with(tx, ["havendam"], Permission.REFERRAL_RECEIVE_OWN) == before


def test_taking_it_away_ends_the_sessions_of_the_person_and_counts_at_once(people, actor):
    """ASVS 7.4.2, 8.3.2."""
    program, admin, holder = people
    grant = given_role(program, admin, holder.account_id)
    with reading(program) as session:
        account = session.get(Account, holder.account_id)
    token = open_session(program, account, ANONYMOUS, strength="two_factors")
    assert "partner-member" in actor_of_session(program, token).roles
    use(program, admin, grants.end, grant)
    assert actor_of_session(program, token) is None
    assert "partner-member" not in actor(program, "havendam").roles
    with pytest.raises(Conflict) as again:
        use(program, admin, grants.end, grant)
    assert again.value.reason == "ended"


@pytest.mark.parametrize(
    ("role", "begins", "until", "where", "expected"),
    [
        ("focal-officer", None, 24, "role", grants.HAS_ROLE),
        ("auditor", None, 24, "role", grants.MIXED),
        ("no-such-role", None, 24, "role", grants.NO_ROLE),
        ("partner-member", 2, 1, "ends", grants.BEFORE_BEGIN),
        ("partner-member", 2, 2, "ends", grants.BEFORE_BEGIN),
        ("partner-member", -2, 24, "begins", grants.IN_THE_PAST),
        ("partner-member", None, -1, "ends", grants.BEFORE_BEGIN),
        ("partner-member", None, 24 * 43, "ends", grants.TOO_LONG),
        ("partner-member", 24 * 91, 24 * 92, "begins", grants.TOO_FAR),
    ],
)
def test_what_cannot_be_given(people, clock, role, begins, until, where, expected):
    program, admin, holder = people
    at = clock.now + timedelta(hours=begins) if begins else None
    with pytest.raises(UnusableInput) as refused:
        use(
            program,
            admin,
            grants.give,
            holder.account_id,
            role,
            begins_at=at,
            ends_at=clock.now + timedelta(hours=until),
            reason="Verlof",
        )
    assert refused.value.problems == {where: expected}
    with reading(program) as session:
        assert session.scalars(select(RoleGrant)).all() == []


def test_nobody_gives_the_own_account_a_closed_one_or_the_same_time_twice(people, actor, clock):
    program, admin, holder = people
    with pytest.raises(Conflict) as own:
        given_role(program, admin, admin.account_id, "auditor")
    assert own.value.reason == "own_account"
    with pytest.raises(Refused):
        given_role(program, holder, actor(program, "coordinator").account_id)
    begins = clock.now + timedelta(days=3)
    given_role(program, admin, holder.account_id, begins=begins, days=2)
    with pytest.raises(UnusableInput) as overlap:
        given_role(program, admin, holder.account_id, begins=begins + timedelta(days=1))
    assert overlap.value.problems == {"ends": grants.OVERLAPS}
    # Right after it, or before it, is another time
    given_role(program, admin, holder.account_id, begins=begins + timedelta(days=2))
    given_role(program, admin, holder.account_id, days=3)
    with transaction(program, setup.INSTALLER) as tx:
        change_account(tx, holder.account_id, name="Dicht", roles=["focal-officer"], active=False)
    with pytest.raises(Conflict) as closed:
        given_role(program, admin, holder.account_id, "care-coordinator")
    assert closed.value.reason == "closed_account"


def test_a_role_that_no_longer_goes_together_with_the_own_ones_counts_for_nothing(people, actor):
    program, admin, _holder = people
    reader = actor(program, "auditor")
    given_role(program, admin, reader.account_id, "administrator")
    assert actor(program, "auditor").roles == {"auditor", "administrator"}
    with transaction(program, setup.INSTALLER) as tx:
        change_account(tx, reader.account_id, name="Nu in het werk", roles=["focal-officer"], active=True)
    assert actor(program, "auditor").roles == {"focal-officer"}


def test_the_lists_hold_what_runs_what_comes_and_what_ended(people, actor, clock):
    program, admin, holder = people
    given_role(program, admin, holder.account_id, days=1)
    given_role(program, admin, holder.account_id, "care-coordinator", begins=clock.now + timedelta(days=5))
    shown = {stage: [one.role for one in use(program, admin, grants.listing, stage)[0]] for stage in Stage}
    assert shown == {"running": ["partner-member"], "coming": ["care-coordinator"], "ended": []}
    assert [one.role for one in use(program, actor(program, "havendam"), grants.of_myself)] == [
        "partner-member",
        "care-coordinator",
    ]
    clock.forward(days=1)
    shown = {stage: [one.role for one in use(program, admin, grants.listing, stage)[0]] for stage in Stage}
    assert shown == {"running": [], "coming": ["care-coordinator"], "ended": ["partner-member"]}


# -- clocks -------------------------------------------------------------------------------------------------------


@given(
    begin=st.integers(0, 60 * 24 * 20),
    length=st.integers(1, 60 * 24 * 20),
    taken_after=st.none() | st.integers(0, 60 * 24 * 20),
    looks=st.lists(st.integers(-60 * 24, 60 * 24 * 60), min_size=1, max_size=8),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_ended_never_counts_whatever_the_clock_says(people, begin, length, taken_after, looks):
    """Also when the clock is set back: what the log told to have ended stays so."""
    program, admin, holder = people
    start = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    begins, ends = start + timedelta(minutes=begin), start + timedelta(minutes=begin + length)
    ended = None if taken_after is None else begins + timedelta(minutes=taken_after)
    row = RoleGrant(
        id="proef",
        account_id=holder.account_id,
        role="partner-member",
        reason="",
        given_by=admin.account_id,
        given_at=start,
        begins_at=begins,
        ends_at=ends,
        ended_at=ended,
        ended_by="",
    )
    with program.write_sessions() as session:
        session.add(row)
        session.flush()
        for minutes in looks:
            now = start + timedelta(minutes=minutes)
            has = "partner-member" in held_by(session, program.policy, holder.account_id, now).all
            assert has == (ended is None and begins <= now < ends)
        session.rollback()


@pytest.mark.parametrize(
    ("typed", "shown", "first", "second"),
    [
        ("2027-03-28T02:30", False, None, None),  # the hour that is skipped
        ("2027-03-28T03:00", True, "01:00", "01:00"),
        ("2026-10-25T02:30", True, "00:30", "01:30"),  # the hour that comes twice: the least right
        ("2026-07-01T09:00", True, "07:00", "07:00"),
    ],
)
def test_hours_of_the_night_on_which_the_clocks_change(typed, shown, first, second):
    local = datetime.fromisoformat(typed)
    assert is_on_the_clock(local) is shown
    if shown:
        assert (end(local).strftime("%H:%M"), beginning(local).strftime("%H:%M")) == (first, second)


def test_days_and_months_are_those_of_the_calendar():
    before = datetime(2026, 10, 24, 7, 0, tzinfo=UTC)  # 9:00 in summer
    assert days_later(before, 2) == datetime(2026, 10, 26, 8, 0, tzinfo=UTC)
    assert months_later(datetime(2026, 1, 31, 8, tzinfo=UTC), 1) == datetime(2026, 2, 28, 8, tzinfo=UTC)
    assert months_later(datetime(2026, 3, 1, 8, tzinfo=UTC), -12) == datetime(2025, 3, 1, 8, tzinfo=UTC)
