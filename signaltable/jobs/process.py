"""The process that runs the jobs at their times. APScheduler is the clock and nothing else."""

import logging
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import NoReturn

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler

from signaltable.domain import SignaltableError
from signaltable.home_in_use import working_in
from signaltable.job_times import CHECKING
from signaltable.jobs.running import run_check_requests, run_once, run_requests, run_rotations
from signaltable.jobs.work import STOPPING, jobs
from signaltable.mail_settings import check_password
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


def make_scheduler(program: Program) -> BlockingScheduler:
    """A clock that calls every job at its time, one at a time, and at once when the process starts."""
    scheduler = BlockingScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(1), CHECKING: ThreadPoolExecutor(1), ROTATING: ThreadPoolExecutor(1)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    now = datetime.now(UTC)
    for number, job in enumerate(jobs(program.settings)):
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
    scheduler.add_job(run_requests, "interval", args=(program,), seconds=EXPORTS_EVERY, next_run_time=now)
    scheduler.add_job(
        run_check_requests, "interval", args=(program,), seconds=EXPORTS_EVERY, next_run_time=now, executor=CHECKING
    )
    scheduler.add_job(
        run_rotations, "interval", args=(program,), seconds=ROTATIONS_EVERY, next_run_time=now, executor=ROTATING
    )
    return scheduler


def main() -> int:
    """Run until SIGTERM, Ctrl-C, or the end of the process that started this one."""
    try:
        keep_to_itself()
        settings = Settings.from_env()
        work_as_web_user(settings)
        check_password(settings.mail_server)
        program = open_program(settings)
        with working_in(settings.home):
            return _run(program)
    except SignaltableError as error:
        print(f"signaltable: {'; '.join(str(error).splitlines())}", file=sys.stderr)  # noqa: T201 -- the one line that a start script shows
        return 2


def _run(program: Program) -> int:
    scheduler = make_scheduler(program)
    parent = os.environ.get("SIGNALTABLE_PARENT", "")
    if parent:
        scheduler.add_job(_end_with, "interval", args=(parent,), seconds=PARENT_EVERY, executor="watch")
        scheduler.add_executor(ThreadPoolExecutor(1), "watch")
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    try:
        scheduler.start()
    except (KeyboardInterrupt, SystemExit):
        scheduler.shutdown(wait=True)  # A job in its transaction may finish; nothing is half done either way.
    return 0


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    STOPPING.set()
    raise SystemExit(0)


def _end_with(parent: str) -> None:
    """End when the process that started this one is gone; killed processes tell nobody."""
    if str(os.getppid()) != parent:
        os.kill(os.getpid(), signal.SIGTERM)
