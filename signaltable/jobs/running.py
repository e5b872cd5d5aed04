"""One turn of a job, done once however many processes run; and the work that people wait for, which has no turns."""

import logging
from collections.abc import Callable
from dataclasses import replace

from signaltable.flow.claims import ERROR, claim, finish
from signaltable.jobs.job import Job
from signaltable.jobs.work import JOBS, go_on_rotating, run_checks, run_exports, run_reports
from signaltable.trace_context import start
from signaltable.transaction import Program

LOG = logging.getLogger("signaltable.jobs")
# Why a run was not done here.
TAKEN = "taken"


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


def run_rotations(program: Program) -> str:
    """Go on with keys that are being replaced, and end what waited for time to pass. Never raises."""
    return _outcome_of(run_rotations.__name__, go_on_rotating, _at_new_work(program))
