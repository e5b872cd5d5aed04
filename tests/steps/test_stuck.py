"""When a case is stuck: each cause, each edge of a day, and a slow second opinion over random histories."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltable.domain import ENDED, State
from signaltable.escalation_rules import EscalationChanges, escalation_of
from signaltable.policy import PolicySet, load
from signaltable.stuck import Expected, History, Missed, PutOff, Referral, causes, counting, missed
from signaltable.working_days import Calendar

POLICIES = Path(__file__).resolve().parents[2] / "policies"
TODAY = date(2026, 11, 25)  # A Wednesday.
DAYS = st.integers(-30, 5).map(lambda days: TODAY + timedelta(days=days))
KINDS = st.sampled_from(["acceptance", "feedback", "answer", "task", "duty"])


@pytest.fixture(scope="module")
def policy() -> PolicySet:
    return load(POLICIES)


@pytest.fixture(scope="module")
def rules(policy: PolicySet):
    return policy.escalation


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def names(policy, history, today=TODAY):
    return [one.cause for one in causes(history, policy.escalation, policy.calendar, today)]


def test_a_referral_is_in_time_on_its_last_day_and_nobody_accepted_the_day_after(policy):
    history = History(State.REFERRED, referrals=(Referral(TODAY),))
    assert names(policy, history) == []
    assert names(policy, history, TODAY + timedelta(days=1)) == ["not-accepted"]
    # Somebody else accepted, or can still accept
    for other in (Referral(None, accepted=True), Referral(TODAY + timedelta(days=9))):
        both = History(State.REFERRED, referrals=(Referral(TODAY), other))
        assert names(policy, both, TODAY + timedelta(days=1)) == []


def test_all_gave_it_back_counts_at_once_and_not_again_until_the_rules_say(policy):
    back = Referral(TODAY, ended_at=at(TODAY, 9))
    assert names(policy, History(State.RETURNED, referrals=(back,))) == ["all-returned"]
    assert names(policy, History(State.RETURNED, referrals=(back, Referral(TODAY)))) == []
    assert names(policy, History(State.TABLED, referrals=(back,))) == []
    settled = History(State.RETURNED, referrals=(back,), settled_at=at(TODAY, 10))
    assert names(policy, settled) == []
    again = policy.calendar.later(TODAY, policy.escalation.again_days)
    assert names(policy, settled, again) == []
    assert names(policy, settled, again + timedelta(days=1)) == ["all-returned"]
    # Given back once more after that: new
    anew = History(State.RETURNED, referrals=(back, Referral(TODAY, ended_at=at(TODAY, 11))), settled_at=at(TODAY, 10))
    assert names(policy, anew) == ["all-returned"]


def test_advice_to_refer_waits_for_its_day_and_the_days_of_the_rule(policy):
    days = policy.escalation.causes["not-referred"].days
    with_day = History(State.TABLED, advised_on=TODAY, refer_by=TODAY)
    without = History(State.TABLED, advised_on=TODAY)
    last = policy.calendar.later(TODAY, days)
    for history in (with_day, without):
        assert names(policy, history, last) == []
        assert names(policy, history, last + timedelta(days=1)) == ["not-referred"]
    assert names(policy, History(State.REFERRED, advised_on=TODAY, refer_by=TODAY), last + timedelta(days=9)) == []


def test_the_region_says_how_many_dates_and_which(policy):
    dates = tuple(Expected(kind, str(kind), TODAY - timedelta(days=1), None) for kind in ("answer", "task"))
    history = History(State.ENRICHING, expected=dates)
    assert names(policy, history) == ["missed-dates"]
    for changes in (EscalationChanges(missed_dates=3), EscalationChanges(dates_off=frozenset({"task"}))):
        here = escalation_of(policy.escalation, changes)
        assert causes(history, here, policy.calendar, TODAY) == ()
    off = escalation_of(policy.escalation, EscalationChanges(causes_off=frozenset({"missed-dates"})))
    assert causes(history, off, policy.calendar, TODAY) == ()


def test_a_case_whose_life_has_ended_is_never_stuck(policy):
    for state in ENDED:
        history = History(state, referrals=(Referral(TODAY - timedelta(days=9)),))
        assert names(policy, history) == []


expected = st.builds(Expected, KINDS, st.sampled_from("abc"), DAYS, st.none() | DAYS)
put_off = st.builds(PutOff, KINDS, st.sampled_from("abc"), DAYS, DAYS)
noted = st.builds(Missed, DAYS, KINDS, st.sampled_from("abc"))


@given(
    st.lists(expected, max_size=5),
    st.lists(put_off, max_size=3),
    st.lists(noted, max_size=3),
    st.none() | DAYS,
)
def test_missed_dates_are_what_a_slow_count_finds(rules, waits, delays, before, settled):
    history = History(
        State.ENRICHING,
        expected=tuple(waits),
        put_off=tuple(delays),
        noted=tuple(before),
        settled_at=at(settled) if settled else None,
    )
    slow = set()
    for back in range(60):
        day = TODAY - timedelta(days=back)
        for one in waits:
            # Somebody looks at the end of each day whether it was done by then
            over = day < TODAY if one.met_on is None else day < one.met_on
            if one.due_on == day and over:
                slow.add((day, one.kind, one.object_id))
        slow |= {(day, one.kind, one.object_id) for one in delays if one.before == day and one.said_on > day}
        slow |= {(day, one.kind, one.object_id) for one in before if one.due_on == day}
    slow |= {(one.before, one.kind, one.object_id) for one in delays if one.before > TODAY and one.said_on > one.before}
    slow |= {(one.due_on, one.kind, one.object_id) for one in before if one.due_on > TODAY}
    slow |= {
        (one.due_on, one.kind, one.object_id)
        for one in waits
        if one.due_on >= TODAY and one.met_on and one.met_on > one.due_on
    }
    found = missed(history, rules, TODAY)
    assert {(one.due_on, one.kind, one.object_id) for one in found} == slow
    assert list(found) == sorted(found)
    counted = counting(history, rules, TODAY)
    assert all(settled is None or one.due_on >= settled for one in counted)
    assert len(counted) == sum(settled is None or day >= settled for day, _kind, _id in slow)
    stuck = causes(history, rules, Calendar(), TODAY)
    assert bool(stuck) == (len(counted) >= rules.missed_dates and counted[rules.missed_dates - 1].due_on <= TODAY)
