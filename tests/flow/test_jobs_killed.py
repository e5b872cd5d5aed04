"""Three processes run the jobs with clocks that differ, and are killed without warning: each slot once, each effect once."""

import json
import os
import random
import signal as signals_of_unix
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

from sqlalchemy import select

from signaltable import jobs
from signaltable.flow.job_locks import is_held
from signaltable.flow.turns import KILLED
from signaltable.jobs.running import take_turn
from signaltable.models import Account, JobRun, JobTurn, LogDetail, LogEntry, LoginSession
from signaltable.slots import Every, moment_of, name_of
from signaltable.transaction import reading
from tests.thorough import many

ROUNDS = many(6, 60)
SESSIONS = 40
# A second here is so many seconds there: a slot of a minute comes ten times a second.
HURRY = 600
# Loading the program takes longer than the work, so one process loads it, opens nothing, and forks each that runs the jobs.
# A run lasts a moment longer than its work, so that there is time to die between the effect and the end of the turn.
SCHEDULER = """
import os
import signal
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from signaltable import jobs
from signaltable.db import make_engine
from signaltable.jobs.running import take_turn
from signaltable.keys import KeyRing
from signaltable.program import assemble, load_policy
from signaltable.settings import Settings

HURRY, BEGAN, REAL = float(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), time.monotonic()
SETTINGS = Settings.from_env()
POLICY = load_policy(SETTINGS)
AT_WORK = os.open(SETTINGS.home / "at-work", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def slowly(program):
    os.write(AT_WORK, f"{os.getpid()} begins\\n".encode())
    time.sleep(0.01)
    said = jobs.run_sessions(program)
    time.sleep(0.02)
    os.write(AT_WORK, f"{os.getpid()} ends\\n".encode())
    return said


def work(wrong):
    def clock():
        return BEGAN + timedelta(seconds=(time.monotonic() - REAL) * HURRY + wrong)

    keys = KeyRing.load(SETTINGS.key_ring, require_private=True)
    program = replace(assemble(SETTINGS, make_engine(SETTINGS.database_url), keys, POLICY), clock=clock)
    while True:
        for job in (jobs.Job("sessions", 1, slowly), jobs.Job("checkpoint", 5, jobs.run_checkpoint)):
            take_turn(program, job)
        time.sleep(0.005)


signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        work(int(line))
    print(child, flush=True)
"""


class Forge:
    """What forks processes that run the jobs, and knows those that live."""

    def __init__(self, process):
        self.process, self.living = process, []

    def one_more(self, wrong):
        """Another, with a clock that is so many seconds wrong."""
        self.process.stdin.write(f"{wrong}\n")
        self.process.stdin.flush()
        self.living.append(int(self.process.stdout.readline()))

    def kill(self, pid):
        os.kill(pid, signals_of_unix.SIGKILL)
        self.living.remove(pid)


@contextmanager
def a_forge(program, clock):
    home = {"SIGNALTABLE_HOME": str(program.settings.home), "DATABASE_URL": program.settings.database_url}
    process = subprocess.Popen(
        [sys.executable, "-c", SCHEDULER, str(HURRY), clock.now.isoformat()],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, **home},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    forge = Forge(process)
    with process:
        try:
            yield forge
        finally:
            for pid in [*forge.living]:
                forge.kill(pid)
            process.stdin.close()


def people_who_went_away(program, clock):
    """Sessions of somebody, one of which is over each minute from now."""
    with program.write_sessions() as session:
        account = session.scalars(select(Account.id)).first()
        for number in range(SESSIONS):
            seen = clock.now - program.policy.coming_in.session.idle + timedelta(minutes=number)
            row = LoginSession(token_digest=f"{number:064x}", account_id=account, created_at=seen, seen_at=seen)
            session.add(row)
        session.commit()


def told_of_work(home):
    """Who began and ended to work, in order: (number of the process, "begins" or "ends")."""
    path = home / "at-work"
    return [(int(pid), what) for pid, what in map(str.split, path.read_text().splitlines())] if path.exists() else []


def until(what):
    """What this gives as soon as it gives anything."""
    for _ in range(36_000):
        found = what()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError("nobody ran the job")


def whoever_works(home, living):
    """A living process that is in the middle of a run."""
    told = told_of_work(home)
    return told[-1][0] if told and told[-1][1] == "begins" and told[-1][0] in living else 0


def somebody_stopped(home, living, after):
    """A process that stands still in the middle of a run, some seconds after it was seen to work."""
    pid = whoever_works(home, living)
    if not pid:
        return 0
    time.sleep(after)
    os.kill(pid, signals_of_unix.SIGSTOP)
    if whoever_works(home, living) == pid:
        return pid
    os.kill(pid, signals_of_unix.SIGCONT)
    return 0


def runs_that_ended(home):
    return sum(what == "ends" for _pid, what in told_of_work(home))


def one_more_ended(home, before):
    return runs_that_ended(home) > before


def runs_of(program, job):
    with reading(program) as session:
        query = select(JobRun).where(JobRun.job == job).order_by(JobRun.slot)
        return list(session.scalars(query))


def test_a_kill_at_any_moment_loses_and_doubles_nothing(program, clock):
    chance, home = random.Random(20261122), program.settings.home
    people_who_went_away(program, clock)
    with a_forge(program, clock) as forge:
        for wrong in (0, 0, 3 * 60):
            forge.one_more(wrong)
        for number in range(ROUNDS):
            # One that is at work, or any, when the work has gone on
            moment = chance.uniform(0.0, 0.02)
            if number % 2:
                victim = until(partial(somebody_stopped, home, forge.living, moment))
            else:
                until(partial(one_more_ended, home, runs_that_ended(home)))
                time.sleep(moment)
                victim = chance.choice(forge.living)
            forge.kill(victim)
            # A clock far ahead comes, and goes again; another stands behind.
            forge.one_more((0, 0, -120, 3600)[number % 4])
    # Whoever ended a run was alone from its beginning
    told = told_of_work(home)
    assert [now for before, now in pairwise(told) if now[1] == "ends" and before != (now[0], "begins")] == []
    # When nobody is left, nobody holds a lock; whoever comes next does what is left, at once
    assert not is_held(program, "sessions")
    clock.forward(days=30)  # Later than any of them had it, however long this took.
    job = jobs.Job("sessions", 1, jobs.run_sessions)
    assert take_turn(program, job).result == "done"

    runs = runs_of(program, "sessions")
    assert [run.slot for run in runs if run.outcome == KILLED], "it was never killed in the middle"
    assert all(run.finished_at for run in runs)
    for name in ("sessions", "checkpoint"):
        spans = sorted((run.from_slot, run.slot, run.slots) for run in runs_of(program, name) if run.slots)
        schedule = Every(1 if name == "sessions" else 5)
        for first, last, slots in spans:
            assert schedule.count(moment_of(first), moment_of(last)) == slots
        for (_first, last, _slots), (first, _last, _more) in pairwise(spans):
            assert name_of(schedule.after(moment_of(last))) == first
    with reading(program) as session:
        turn = session.get_one(JobTurn, "sessions")
        assert (turn.through, turn.token) == (max(run.slot for run in runs if run.slots), "")
        assert session.scalars(select(LoginSession).where(LoginSession.ended_at.is_(None))).all() == []
        told = select(LogDetail.details).join(LogEntry, LogEntry.seq == LogDetail.seq)
        ended = [json.loads(one)["session_hash"] for one in session.scalars(told.where(LogEntry.action == "login:end"))]
    assert (len(ended), len(set(ended))) == (SESSIONS, SESSIONS)
