"""The process that runs the jobs at their times. APScheduler is the clock and nothing else."""

import logging
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from signaltable import counting, messages
from signaltable.board import BOARD, JOBS_PART, Board
from signaltable.domain import SignaltableError
from signaltable.home_in_use import working_in
from signaltable.job_times import CHECKING
from signaltable.jobs.duty import Duty, duty_of_jobs, require_key
from signaltable.jobs.own import run_own
from signaltable.jobs.running import run_check_requests, run_once, run_requests, run_rotations, run_signer_watch
from signaltable.jobs.work import STOPPING, jobs
from signaltable.mail_settings import check_password
from signaltable.metrics.listening import listen
from signaltable.program import open_program
from signaltable.settings import Settings
from signaltable.surroundings import keep_to_itself
from signaltable.transaction import Program
from signaltable.users import work_as_web_user

EXPORTS_EVERY = 5
PARENT_EVERY = 5
# However seldom a job has a turn: so soon it is done again after a failure, or when another process was killed.
ASKED_EVERY = 60
# So has the replacing of keys, which can take hours.
ROTATING = "rotating"
ROTATIONS_EVERY = 10


def make_scheduler(program: Program, duty: Duty = Duty.ALL) -> BackgroundScheduler:
    """A clock that calls every job of this duty at its time, one at a time, and at once when the process starts."""
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(1), CHECKING: ThreadPoolExecutor(1), ROTATING: ThreadPoolExecutor(1)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    now = datetime.now(UTC)
    for number, job in enumerate(jobs(program.settings, duty)):
        first = now + timedelta(seconds=number)
        # Asking costs one row that is read. It makes up for a clock that was moved, and for a process that was killed at work.
        executor = CHECKING if job.name == CHECKING else "default"
        scheduler.add_job(
            run_once,
            "interval",
            args=(program, job),
            seconds=min(job.minutes * 30, ASKED_EVERY),
            next_run_time=first,
            executor=executor,
        )
    scheduler.add_job(run_requests, "interval", args=(program, duty), seconds=EXPORTS_EVERY, next_run_time=now)
    scheduler.add_job(run_own, "interval", args=(program, duty), seconds=ASKED_EVERY, next_run_time=now)
    if not duty.does_rest:
        return scheduler
    if not duty.signs:
        # Where everything was off for a while, the signer has its turn first.
        scheduler.add_job(run_signer_watch, "interval", args=(program, duty), seconds=ASKED_EVERY)
    scheduler.add_job(
        run_check_requests, "interval", args=(program,), seconds=EXPORTS_EVERY, next_run_time=now, executor=CHECKING
    )
    scheduler.add_job(
        run_rotations, "interval", args=(program,), seconds=ROTATIONS_EVERY, next_run_time=now, executor=ROTATING
    )
    return scheduler


def main(duty: Duty | None = None) -> int:
    """Run until SIGTERM, Ctrl-C, or the end of the process that started this one.

    Without a `duty` that follows from whether this process can read the signing key of the log.
    """
    try:
        keep_to_itself()
        settings = Settings.from_env()
        work_as_web_user(settings)
        duty = duty or duty_of_jobs(settings)
        if duty is Duty.SIGNING:
            require_key(settings)
        else:
            check_password(settings.mail_server)
        messages.called("signer" if duty is Duty.SIGNING else "jobs")
        program = open_program(settings)
        with working_in(settings.home):
            _watch(program, duty)
            return _run(program, duty)
    except SignaltableError as error:
        print(f"signaltable: {'; '.join(str(error).splitlines())}", file=sys.stderr)  # noqa: T201 -- the one line that a start script shows
        return 2


def _watch(program: Program, duty: Duty) -> None:
    """Count, and tell the numbers where the settings ask for it: those of the web beside this process too."""
    place = program.settings.watching.metrics
    if place is None or duty is Duty.SIGNING:
        return
    handed = os.environ.get(BOARD, "")
    board = Board.opened(int(handed)) if handed.isdecimal() else Board.make()
    counting.join(board, JOBS_PART)
    listen(place, board, program)


def _run(program: Program, duty: Duty) -> int:
    logging.getLogger("signaltable.jobs").info("at work: %s", duty.value)
    scheduler = make_scheduler(program, duty)
    parent = os.environ.get("SIGNALTABLE_PARENT", "")
    if parent:
        scheduler.add_job(_end_with, "interval", args=(parent,), seconds=PARENT_EVERY, executor="watch")
        scheduler.add_executor(ThreadPoolExecutor(1), "watch")
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    # What it calls an error besides is a job whose turn came while it was stopped, told with a traceback.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    scheduler.start()
    STOPPING.wait()
    scheduler.shutdown(wait=True)  # A job in its transaction may finish; nothing is half done either way.
    return 0


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Nothing is raised here: the scheduler takes what is raised in the middle of its work for a fault of a job, and goes on.
    STOPPING.set()


def _end_with(parent: str) -> None:
    """End when the process that started this one is gone; killed processes tell nobody."""
    if str(os.getppid()) != parent:
        os.kill(os.getpid(), signal.SIGTERM)
