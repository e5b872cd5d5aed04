"""Slots of jobs under clocks that jump, days of 23 and 25 hours, processes that die: each slot once, and none lost."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaltable.domain import day_of
from signaltable.slots import AGAIN, AHEAD, LONGEST_PAUSE, Daily, Every, due, moment_of, name_of, pause, to_repeat

SPRING, AUTUMN = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

SCHEDULES = st.one_of(
    st.builds(Every, st.sampled_from([1, 5, 7, 15, 60, 90])),
    st.builds(Daily, st.sampled_from([time(0), time(2, 30), time(3, 10), time(7, 30), time(23, 59)])),
)
STARTS = st.sampled_from([SPRING, AUTUMN, datetime(2026, 12, 31, 22, tzinfo=UTC)])
# What happens next: so long nothing (downtime), then the clock is so much wrong, then a process does what it does.
LONG = st.one_of(st.integers(0, 90), st.integers(0, 100_000), st.integers(0, 3_000_000))
WRONG = st.one_of(
    st.just(0), st.just(0), st.integers(-600, 600), st.integers(-90_000, 90_000), st.integers(-4_000_000, 4_000_000)
)
ENDS = st.sampled_from(["done", "done", "done", "killed", "failed"])
STEPS = st.lists(st.tuples(LONG, WRONG, ENDS), max_size=25)


@dataclass
class Kept:
    """What the database holds of one job: how far it got, and the runs that ended well."""

    through: str = ""
    runs: dict[str, tuple[datetime, datetime, int]] = field(default_factory=dict)

    def wanted(self, schedule, now):
        found = due(schedule, now, self.through) or to_repeat(schedule, now, self.through)
        if found is None or not found.again:
            return found
        in_time = self.runs.get(name_of(found.last))
        return None if found.name in self.runs or (in_time and in_time[2]) else found

    def finish(self, one):
        assert one.name not in self.runs
        self.runs[one.name] = (one.first, one.last, one.slots)
        if not one.again:
            self.through = name_of(one.last)

    def covered(self, schedule):
        for first, last, slots in sorted(self.runs.values()):
            if slots:
                slot, there = first, [first]
                while slot < last and len(there) < 6000:
                    slot = schedule.after(slot)
                    there.append(slot)
                assert slots == schedule.count(first, last)
                yield first, last, there


@settings(max_examples=200)
@given(SCHEDULES, STARTS, STEPS)
def test_each_slot_is_done_once_and_none_is_lost(schedule, real, steps):
    kept, began = Kept(), None
    for seconds, wrong, ends in [*steps, (0, 0, "done")]:
        real += timedelta(seconds=seconds)
        now = real + timedelta(seconds=wrong)
        wanted = kept.wanted(schedule, now)
        if wanted is not None and ends == "done":
            began = began or wanted.first
            kept.finish(wanted)
            assert kept.wanted(schedule, now) is None
        elif wanted is not None:
            # Whoever comes next is asked to do the same, at once: nothing is lost with a process.
            assert kept.wanted(schedule, now) == wanted

    # Every slot since the first is in exactly one run: the runs follow each other without gap or overlap
    runs = list(kept.covered(schedule))
    assert runs[0][0] == began
    for (_first, last, _there), (first, _last, _slots) in pairwise(runs):
        assert schedule.after(last) == first
    assert name_of(runs[-1][1]) == kept.through
    # and now that the clock is right, the slot of now was done in its time, or lies minutes before the last that was.
    here = schedule.newest(real)
    done = {name_of(last) for _first, last, _there in runs} | {
        name[: -len(AGAIN)] for name in kept.runs if AGAIN in name
    }
    assert name_of(here) in done or moment_of(kept.through) <= real + AHEAD


@given(SCHEDULES, STARTS, st.integers(0, 10_000_000))
def test_slots_follow_each_other_without_end(schedule, start, seconds):
    slot = schedule.newest(start + timedelta(seconds=seconds))
    following = [slot]
    for _ in range(5):
        following.append(schedule.after(following[-1]))
    assert following == sorted(set(following))
    assert [schedule.newest(one) for one in following] == following
    assert [schedule.newest(one - timedelta(seconds=1)) for one in following[1:]] == following[:-1]
    assert schedule.count(following[0], following[-1]) == 6
    assert [moment_of(name_of(one)) for one in following] == following


@pytest.mark.parametrize("start", [SPRING, AUTUMN])
@pytest.mark.parametrize("at", [time(0), time(2, 0), time(2, 30), time(3, 0), time(23, 59)])
def test_a_daily_job_has_one_turn_on_days_of_23_and_25_hours(start, at):
    schedule, seen = Daily(at), []
    for quarter in range(4 * 24 * 4):
        slot = schedule.newest(start + quarter * HOUR / 4)
        if slot not in seen:
            seen.append(slot)
    days = [day_of(slot) for slot in seen]
    assert days == [days[0] + timedelta(days=ahead) for ahead in range(len(days))]
    assert len(days) == 5 if at == time(0) or at > time(13) else len(days) in {4, 5}


def test_frequent_jobs_go_on_through_the_hour_that_comes_twice():
    before = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert Every(60).count(Every(60).newest(before), Every(60).newest(before + 3 * HOUR)) == 4


def test_downtime_is_made_up_in_one_run():
    found = due(Every(5), datetime(2026, 11, 23, 12, 2, tzinfo=UTC), "2026-11-20T12:00")
    assert (name_of(found.first), found.name, found.slots) == ("2026-11-20T12:05", "2026-11-23T12:00", 864)


def test_a_clock_that_was_a_year_ahead_silences_nothing_and_counts_nothing_twice():
    kept, now, hourly = Kept(), datetime(2026, 11, 23, 12, 0, tzinfo=UTC), Every(60)
    kept.finish(kept.wanted(hourly, now))
    kept.finish(kept.wanted(hourly, now + timedelta(days=365)))
    assert kept.through == "2027-11-23T12:00"
    for hours in (1, 2, 3):
        again = kept.wanted(hourly, now + hours * HOUR)
        assert (again.slots, again.name) == (0, f"2026-11-23T{12 + hours}:00{AGAIN}")
        kept.finish(again)
        assert kept.wanted(hourly, now + hours * HOUR + HOUR / 2) is None
    # What ran in its own time, before the clock was wrong, does not run again
    assert kept.wanted(hourly, now) is None


def test_a_clock_that_is_put_back_runs_nothing_twice():
    kept, now, hourly = Kept(), datetime(2026, 11, 23, 12, 0, tzinfo=UTC), Every(60)
    for hours in range(5):
        kept.finish(kept.wanted(hourly, now + hours * HOUR))
    assert [kept.wanted(hourly, now + hours * HOUR) for hours in (4, 3, 2, 1, 0)] == [None] * 5


def test_another_rhythm_goes_on_from_what_is_done():
    found = due(Every(7), datetime(2026, 11, 23, 12, 30, tzinfo=UTC), "2026-11-23T12:00")
    assert moment_of("2026-11-23T11:53") < found.first <= moment_of("2026-11-23T12:07")
    assert due(Daily(time(7, 30)), datetime(2026, 11, 23, 5, tzinfo=UTC), "2026-11-23T02:10") is None


@given(st.integers(0, 10_000))
def test_the_pause_after_failures_grows_to_its_longest(failures):
    assert timedelta(0) < pause(failures) <= pause(failures + 1) <= LONGEST_PAUSE


def test_what_is_no_name_of_a_slot_is_refused():
    with pytest.raises(ValueError, match="does not match"):
        moment_of("yesterday")
