"""The work that time asks for: sign the log, erase, remind, write mails, make exports. `python -m signaltable.jobs`.

APScheduler is the clock and nothing else: what has run stands in the database as claim rows with a unique (job, slot),
so each run happens once, however many processes run. Every job does all that is due, so a run that was missed is made
up by the next one.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import NoReturn

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler

from audit.findings import Finding
from signaltable.access import Permission
from signaltable.domain import Actor, Channel, SignaltableError
from signaltable.flow import (
    accounts,
    auditing,
    exclusions,
    incidents,
    outbox,
    retention,
    rotating,
    sample_report,
    signing,
    text_checks,
    witnesses,
)
from signaltable.flow.claims import ERROR, claim, finish
from signaltable.flow.identity_requests import ending as identity_ending
from signaltable.program import open_program
from signaltable.settings import Settings
from signaltable.trace_context import start
from signaltable.transaction import Program, transaction
from signaltable.users import work_as_web_user

LOG = logging.getLogger("signaltable.jobs")

# The program itself, at work. It may export because an auditor asked for it; it sees no case.
JOBS = Actor(
    "jobs",
    "system",
    "",
    frozenset({"system"}),
    frozenset({Permission.LOG_EXPORT_ALL.value}),
    Channel.JOB,
    "machine",
)

EXPORTS_EVERY = 5
PARENT_EVERY = 5
DAY = 24 * 60
# The job that reads everything; it has a thread of its own, so that signing and mails do not wait for it.
CHECKING = "fsck"
# So has the replacing of keys, which can take hours.
ROTATING = "rotating"
ROTATIONS_EVERY = 10
# Why a run was not done here.
TAKEN = "taken"
STOPPING = threading.Event()


class Interrupted(SignaltableError):
    """A job was broken off because its process ends."""


@dataclass(frozen=True, slots=True)
class Job:
    """What runs, how often (minutes), and what the log says of a run.

    A run that did something, or failed, leaves a job:run, unless it `tells_itself` what it did; runs without a result
    are counted in the next one, at least once a day, or each is told with `always_recorded`.
    """

    name: str
    minutes: int
    work: Callable[[Program], str]
    always_recorded: bool = False
    tells_itself: bool = False

    def slot(self, now: datetime) -> str:
        """The turn that `now` belongs to; the same for every process."""
        start = int(now.timestamp()) // (self.minutes * 60) * self.minutes * 60
        return datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M")


# -- the jobs: plain functions, testable without a clock ------------------------------------------------------------


def run_checkpoint(program: Program) -> str:
    """Sign the log when there is anything new. A log that does not continue what was signed is an incident at once."""
    try:
        size = signing.sign_checkpoint(program, JOBS)
    except signing.LogBroken as error:
        incidents.open_one(program, JOBS, Finding("signing-stopped", "log", str(error)))
        raise
    return f"signed:{size}" if size else ""


def run_retention(program: Program) -> str:
    """Erase everything whose term is over."""
    swept = retention.sweep(program, JOBS)
    return (
        f"drafts:{swept.drafts},signals:{swept.signals},answers:{swept.answers},"
        f"entries:{swept.entries},overdue:{swept.overdue}"
    )


def run_overdue(program: Program) -> str:
    """Prepare reminders for those who are late."""
    with transaction(program, JOBS) as tx:
        reminded = retention.remind(tx)
    return f"mails:{reminded.mails}" if reminded.mails else ""


def run_outbox(program: Program) -> str:
    """Write the waiting mails."""
    written = outbox.write_mails(program, JOBS)
    return f"written:{written}" if written else ""


def run_witness(program: Program) -> str:
    """Send the newest state of the log to the agencies that keep it."""
    return f"agencies:{witnesses.send(program, JOBS)}"


def run_exports(program: Program) -> str:
    """Make the exports that auditors asked for. Each is claimed by its own row, so this job needs no slot."""
    made = auditing.fulfil_exports(program, JOBS)
    return f"made:{made}" if made else ""


def run_reports(program: Program) -> str:
    """Sign the reports of samples that auditors concluded; whoever waits for one looks at a page that says so."""
    signed = sample_report.sign_reports(program, JOBS)
    return f"signed:{signed}" if signed else ""


def run_sessions(program: Program) -> str:
    """End the sessions that nobody used for too long."""
    ended = accounts.end_those_over(program, JOBS)
    return f"ended:{ended}" if ended else ""


def run_identities(program: Program) -> str:
    """End the requests for an identity that nobody decided in time, and close those that were open long enough."""
    with transaction(program, JOBS) as tx:
        ended = identity_ending.sweep(tx)
    return f"ended:{ended}" if ended else ""


def run_text_checks(program: Program) -> str:
    """Have the texts read that wait for the text reader."""
    checked = text_checks.check_waiting(program, JOBS)
    return f"shown:{checked.shown},asked:{checked.asked}" if checked.shown or checked.asked else ""


def run_exclusions(program: Program) -> str:
    """Close the open proposals that rest on a value of an exclusion list alone."""
    with transaction(program, JOBS) as tx:
        closed = exclusions.weigh_again(tx)
    return f"closed:{closed}" if closed else ""


def run_fsck(program: Program) -> str:
    """Check the log, the rows and what stands outside; what is found becomes an incident."""
    report = incidents.check(program, JOBS, progress=_go_on)
    return f"entries:{report.entries},findings:{sum(report.counts.values())}"


def run_checks(program: Program) -> str:
    """Make the checks that somebody asked for at a screen. Each is claimed by its own row."""
    made = incidents.fulfil_checks(program, JOBS, progress=_go_on)
    return f"made:{made}" if made else ""


def run_rotations(program: Program) -> str:
    """Go on with keys that are being replaced, and end what waited for time to pass. Never raises."""
    return _outcome_of(run_rotations.__name__, _rotate, _at_new_work(program))


def _rotate(program: Program) -> str:
    open_ones = [one for one in rotating.unfinished(program) if one.state != rotating.STOPPED]
    for one in open_ones:
        with rotating.at_work(program.settings, one.purpose) as mine:
            for _now in rotating.worked(program, JOBS, one.id) if mine else ():
                _go_on(_now.done, _now.of)
    return f"at:{len(open_ones)}" if open_ones else ""


def _go_on(_done: int, _of: int) -> None:
    """A check of a long log must not keep a process alive that was told to end."""
    if STOPPING.is_set():
        raise Interrupted("the process was told to end")


def jobs(settings: Settings) -> tuple[Job, ...]:
    """All jobs with a slot."""
    return (
        # What it did stands in its own checkpoint:sign; a further entry would have to be signed in the next turn.
        Job("checkpoint", settings.checkpoint_minutes, run_checkpoint, tells_itself=True),
        Job("retention", DAY, run_retention, always_recorded=True),
        Job("overdue", 60, run_overdue),
        Job("witnesses", DAY, run_witness, always_recorded=True),
        Job("outbox", 1, run_outbox),
        Job("sessions", 15, run_sessions),
        Job("check-texts", 1, run_text_checks),
        Job("identities", 1, run_identities),
        Job("exclusions", 15, run_exclusions),
        Job(CHECKING, DAY, run_fsck, tells_itself=True),
    )


def run_once(program: Program, job: Job) -> str:
    """Do this turn of the job, unless another process has it. Never raises: a broken job must not stop the others.

    Returns what the job said, "taken", or "error:" with the type of what went wrong (its text may hold data).
    """
    slot = job.slot(program.clock())
    program = _at_new_work(program)
    try:
        if not claim(program, JOBS, job.name, slot):
            return TAKEN
        outcome = _outcome_of(job.name, job.work, program)
        finish(program, JOBS, job.name, slot, outcome, always=job.always_recorded, told=job.tells_itself)
    except Exception as error:  # noqa: BLE001 -- the database is away, say; the next turn comes soon
        LOG.error("job %s: %s", job.name, type(error).__name__)  # noqa: TRY400 -- a traceback may quote data
        return f"{ERROR}{type(error).__name__}"
    return outcome


def run_requests(program: Program) -> str:
    """Make what auditors wait for. Never raises."""
    made, signed = (_outcome_of(work.__name__, work, _at_new_work(program)) for work in (run_exports, run_reports))
    return ",".join(filter(None, (made, signed)))


def run_check_requests(program: Program) -> str:
    """Make the checks that people wait for. Never raises."""
    return _outcome_of(run_checks.__name__, run_checks, _at_new_work(program))


def _at_new_work(program: Program) -> Program:
    """The program in a trace of its own: one for each run, so that the log tells what belongs together."""
    return replace(program, work=start(program.randomness))


def _outcome_of(name: str, work: Callable[[Program], str], program: Program) -> str:
    try:
        return work(program)
    except Exception as error:  # noqa: BLE001
        LOG.error("job %s failed: %s", name, type(error).__name__)  # noqa: TRY400 -- a traceback may quote data
        return f"{ERROR}{type(error).__name__}"


# -- the process --------------------------------------------------------------------------------------------------


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
        # Asking twice per turn costs one refused claim and makes up for a clock that ticks just before the turn.
        executor = CHECKING if job.name == CHECKING else "default"
        scheduler.add_job(
            run_once,
            "interval",
            args=(program, job),
            seconds=job.minutes * 30,
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
        settings = Settings.from_env()
        work_as_web_user(settings)
        program = open_program(settings)
    except SignaltableError as error:
        print(f"signaltable: {error}", file=sys.stderr)  # noqa: T201 -- the one line that a start script shows
        return 2
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


if __name__ == "__main__":
    sys.exit(main())
