"""Turns of a job in the database: made up, tried again, taken over, and never finished by who lost its lock."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from signaltable import jobs
from signaltable.flow import job_locks, turns
from signaltable.jobs.running import take_turn
from signaltable.models import JobRun, JobTurn
from signaltable.slots import AGAIN, Every
from signaltable.transaction import reading, transaction
from tests.table_steps import log

EVERY = Every(5)


def job(work=lambda _program: "made:1"):
    return jobs.Job("example", 5, work)


def broken(_program):
    raise LookupError("a text that may hold personal data")


def runs(program):
    with reading(program) as session:
        found = session.scalars(select(JobRun).where(JobRun.job == "example").order_by(JobRun.slot))
        return [(run.slot[11:], run.from_slot[11:], run.slots, run.outcome) for run in found]


def turn_of(program):
    with reading(program) as session:
        return session.get(JobTurn, "example")


def begin(program):
    """A turn whose process then disappears: nobody ends it."""
    with turns.turn(program, jobs.JOBS, "example", EVERY) as mine:
        return mine


def test_a_run_after_downtime_makes_up_for_every_turn(sqlite_program, clock):
    jobs.run_once(sqlite_program, job())
    clock.forward(minutes=32)
    done = take_turn(sqlite_program, job())
    assert (done.result, done.slots) == ("done", 6)
    assert runs(sqlite_program) == [("09:30", "09:30", 1, "made:1"), ("10:00", "09:35", 6, "made:1")]


def test_a_job_that_fails_keeps_its_turns_and_waits_longer_each_time(sqlite_program, clock):
    waited = []
    for _try in range(4):
        assert take_turn(sqlite_program, job(broken)).outcome == "error:LookupError"
        assert take_turn(sqlite_program, job()).result == "waiting"
        waited.append(int((turn_of(sqlite_program).try_at - clock.now).total_seconds()))
        clock.forward(seconds=waited[-1])
    assert waited == [30, 60, 120, 240]
    failing = turn_of(sqlite_program)
    assert (failing.failures, failing.through, clock.now - failing.failing_since) == (4, "", timedelta(seconds=450))
    done = take_turn(sqlite_program, job())
    assert (done.result, done.slots) == ("done", 1)
    well = turn_of(sqlite_program)
    assert (well.failures, well.failing_since, well.problem, well.through[11:]) == (0, None, "", "09:35")


def test_who_asks_by_hand_does_not_wait(sqlite_program):
    take_turn(sqlite_program, job(broken))
    assert take_turn(sqlite_program, job(), at_once=True).result == "done"


def test_a_wait_that_began_under_a_wrong_clock_is_no_wait(sqlite_program, clock):
    clock.forward(days=300)
    take_turn(sqlite_program, job(broken))
    clock.forward(days=-300)
    assert take_turn(sqlite_program, job()).result == "done"


def test_a_failure_that_goes_on_is_told_once_and_counted(sqlite_program, clock):
    for work in (broken, broken, broken, lambda _program: "made:1"):
        take_turn(sqlite_program, job(work), at_once=True)
    told = [details for row, details in log(sqlite_program, "job:run") if row.object == "example"]
    assert [(one["result"], one.get("failed", 0)) for one in told] == [("error:LookupError", 0), ("made:1", 2)]
    assert runs(sqlite_program) == [("09:30", "09:30", 1, "made:1")]


def test_a_run_that_was_killed_is_done_again_at_once(program, clock):
    begin(program)
    clock.forward(minutes=6)
    assert take_turn(program, job()).result == "done"
    assert runs(program) == [("09:30", "", 0, turns.KILLED), ("09:35", "09:35", 1, "made:1")]


def test_who_is_told_to_end_is_no_failure(sqlite_program):
    def interrupted(_program):
        raise jobs.work.Interrupted("the process was told to end")

    assert take_turn(sqlite_program, job(interrupted)).outcome == turns.INTERRUPTED
    assert turn_of(sqlite_program).failures == 0
    assert take_turn(sqlite_program, job()).result == "done"


def test_who_lost_its_lock_cannot_say_that_it_is_done(program, clock):
    late = begin(program)
    clock.forward(minutes=5)
    assert take_turn(program, job()).result == "done"
    before = runs(program)
    with pytest.raises(turns.Overtaken):
        turns.end(program, jobs.JOBS, late, "made:2")
    assert runs(program) == before
    assert turn_of(program).through[11:] == "09:35"


def test_while_one_is_at_work_nobody_else_is(program, clock):
    inside, ready, results = threading.Event(), threading.Event(), []

    def slow(_program):
        inside.set()
        assert ready.wait(180)
        return "made:1"

    working = threading.Thread(target=lambda: results.append(take_turn(program, job(slow))))
    working.start()
    assert inside.wait(180)
    assert job_locks.is_held(program, "example")
    # It takes longer than its time: what passed meanwhile is one run, later
    clock.forward(minutes=11)
    assert take_turn(program, job()).result == "running"
    ready.set()
    working.join()
    assert not job_locks.is_held(program, "example")
    assert take_turn(program, job()).slots == 2
    assert [one.result for one in results] == ["done"]


def test_a_clock_that_stood_ahead_silences_nothing(sqlite_program, clock):
    take_turn(sqlite_program, job())
    clock.forward(days=10)
    assert take_turn(sqlite_program, job()).slots == 2880
    clock.forward(days=-10, minutes=5)
    again = take_turn(sqlite_program, job())
    assert (again.result, again.slots, again.slot[11:]) == ("done", 0, f"09:35{AGAIN}")
    assert take_turn(sqlite_program, job()).result == "not-due"
    clock.forward(minutes=-5)
    assert take_turn(sqlite_program, job()).result == "not-due"


def test_a_cursor_that_somebody_set_ahead_keeps_nothing_from_running(sqlite_program):
    take_turn(sqlite_program, job())
    with transaction(sqlite_program, jobs.JOBS) as tx:
        tx.session.execute(update(JobTurn).values(through="2099-01-01T00:00"))
        tx.session.execute(update(JobRun).values(slot="2026-11-23T09:25"))
    assert take_turn(sqlite_program, job()).result == "done"


def test_a_home_from_before_goes_on_where_it_was(sqlite_program, clock):
    with transaction(sqlite_program, jobs.JOBS) as tx:
        done = JobRun(job="example", slot="2026-11-23T09:30", claimed_at=tx.now, finished_at=tx.now)
        tx.session.add(done)
    assert take_turn(sqlite_program, job()).result == "not-due"
    clock.forward(minutes=10)
    assert take_turn(sqlite_program, job()).slots == 2
